"""What is written to a book in a term, as work for transactions that begin with the fence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Insert,
    Row,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from bot.core.account.reconcile import ACCEPTED, CashAcceptance
from bot.core.market.money import ZERO
from bot.core.market.orders import Order
from bot.ports.persistence import CommitBatch, MovementChangedError, StoreError, Term
from bot.store import leases
from bot.store.row_checks import built, check
from bot.store.rows import Rows, Values, order_row, rows, state_record_rows
from bot.store.tables import (
    books,
    cash_movements,
    equity,
    events,
    lease,
    metadata,
    orders,
    published,
    round_trips,
    state_records,
    switches,
)

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_OPENING: Final = "opening"
_EQUITY: Final = ("equity", "cash", "realised", "fees", "exposure")


@dataclass(frozen=True, slots=True)
class Chapter:
    """The book that a term writes."""

    term: Term
    book: str


@dataclass(frozen=True, slots=True)
class CommitRows:
    """A commit as rows, as far as they are known before it has a number."""

    rows: Rows
    state_records: Sequence[Values]
    published: bytes | None

    @classmethod
    def of(cls, done: CommitBatch) -> "CommitRows":
        """The rows of what was done."""
        return cls(rows(done.events), state_record_rows(done.state_records), done.published)


def open_book(connection: Connection, chapter: Chapter, cash: Decimal, at: datetime) -> None:
    """The book and its opening cash, unless it is there already."""
    leases.fence(connection, chapter.term)
    written_at = connection.scalar(select(leases.now(connection.dialect.name)))
    row = {"opened_at": at, "commit": 0, "entry": 0, "written_at": written_at}
    if _added(connection, books, {"book": chapter.book} | row):
        _move(connection, chapter.book, {"amount": cash, "why": _OPENING, "at": at})


def rename_book(connection: Connection, chapter: Chapter, earlier: str) -> bool:
    """Give the book of an earlier name this one, with all that was kept of it.

    False, and nothing is done, if there is no such book, or one of the new name as well.
    """
    leases.fence(connection, chapter.term)
    names = {row.book for row in connection.execute(select(books.c.book))}
    if earlier not in names or chapter.book in names:
        return False
    row = connection.execute(select(books).where(books.c.book == earlier)).one()._mapping
    connection.execute(insert(books), {**row, "book": chapter.book})
    for table in metadata.sorted_tables:
        if table not in (books, lease) and "book" in table.c:
            _rename(connection, table, earlier, chapter.book)
    connection.execute(delete(books).where(books.c.book == earlier))
    return True


def _rename(connection: Connection, table: Table, earlier: str, name: str) -> None:
    if table is switches:
        # What was asked of the new name already is newer than what was asked of the earlier one.
        known = select(switches.c.name).where(switches.c.book == name)
        older = (switches.c.book == earlier, switches.c.name.in_(known))
        connection.execute(delete(switches).where(*older))
    connection.execute(update(table).where(table.c.book == earlier).values(book=name))


def move_cash(
    connection: Connection, chapter: Chapter, amount: Decimal, why: str, at: datetime
) -> bool:
    """Cash came or went; True if this term booked that, now or before.

    Once for each `why`, whatever its time, and not if it is in the cash that was accepted.
    """
    leases.fence(connection, chapter.term)
    there = _movement(connection, chapter.book, cash_movements.c.why == why)
    if there is None:
        if at <= cash_until(connection, chapter.book):
            return False
        _moved_now(connection, chapter, amount, why, at)
        return True
    if there.amount != amount:
        raise MovementChangedError(
            f"cash was moved at {there.at} for '{why}' already, by {there.amount} and not {amount}"
        )
    return bool(there.epoch == chapter.term.epoch)


def accept_cash(connection: Connection, chapter: Chapter, accepted: CashAcceptance) -> Decimal:
    """What nothing explains of the cash is booked; how much this term booked for that moment.

    What moved the cash until then is part of it from now on.
    """
    leases.fence(connection, chapter.term)
    same = (cash_movements.c.why == ACCEPTED, cash_movements.c.at == accepted.at)
    there = _movement(connection, chapter.book, *same)
    if there is not None:
        return there.amount if there.epoch == chapter.term.epoch else ZERO
    cover_cash(connection, chapter.book, accepted.until)
    if accepted.amount:
        _moved_now(connection, chapter, accepted.amount, ACCEPTED, accepted.at)
    return accepted.amount


def cover_cash(connection: Connection, book: str, until: datetime) -> None:
    """What moved the cash until then is in it, and never booked again."""
    _advance_mark(connection, book, books.c.cash_until, until)


def forget_trades(connection: Connection, book: str, before: datetime) -> None:
    """Trades before that are not all known by their ids any more."""
    _advance_mark(connection, book, books.c.trades_since, before)


def intend(connection: Connection, chapter: Chapter, order: Order) -> None:
    """An order that may be sent once this is done."""
    leases.fence(connection, chapter.term)
    row = order_row(order)
    place = {"book": chapter.book, "epoch": chapter.term.epoch}
    if _added(connection, orders, row | place):
        return
    named = orders.c.client_order_id == order.client_order_id
    there = connection.execute(select(orders).where(named)).one()._mapping
    if there["status"] is not None or any(there[name] != row[name] for name in row):
        raise StoreError(
            f"an order {order.client_order_id} was written down before, and it is another or has "
            "ended: give every order a name of its own"
        )


def trades_since(connection: Connection, book: str) -> datetime:
    """Since when all trades of a book are known by their ids."""
    return _mark(connection, book, books.c.trades_since)


def newest(connection: Connection, book: str) -> int:
    """The number of the newest commit of a book; 0 of one that was never opened."""
    row = connection.execute(select(books).where(books.c.book == book)).first()
    return 0 if row is None else built(books, row, attrgetter("commit"))


def advance(connection: Connection, book: str, commits: int, entries: int) -> tuple[int, int]:
    """The newest numbers of commit and entry, with so many more given out."""
    numbers = {"named": book, "commits": commits, "entries": entries}
    given = connection.execute(_advance(connection.dialect.name), numbers).first()
    if given is None:
        raise StoreError(f"the book {book} was never opened: call open_book first")
    check(books, {"book": book, "commit": given.commit, "entry": given.entry})
    return given.commit, given.entry


def write(
    connection: Connection, chapter: Chapter, page: CommitRows, commit: int, entry: int
) -> None:
    """A page under its number; `entry` is the last one that is taken already."""
    book, made = chapter.book, page.rows
    place = {"book": book, "epoch": chapter.term.epoch}
    _many(connection, insert(events), _numbered(made.events, book, commit))
    ended = [row | place for row in made.ended]
    _many(connection, put(connection, orders, "status", "order_id", "error", "ended_at"), ended)
    numbered = [
        (table, row | {"book": book, "entry": number})
        for number, (table, row) in enumerate(made.booked, entry + 1)
    ]
    for table in {id(table): table for table, _ in numbered}.values():
        _many(connection, insert(table), [row for where, row in numbered if where is table])
    rows = [row | {"book": book, "commit": commit} for row in page.state_records]
    _many(connection, put(connection, state_records, "commit", "body"), rows)
    trips = [row | {"book": book, "commit": commit} for row in made.trips]
    _many(connection, insert(round_trips), trips)
    minutes = [row | {"book": book} for row in made.equity.values()]
    _many(connection, put(connection, equity, *_EQUITY), minutes)
    if page.published is not None:
        shown = {"book": book, "commit": commit, "body": page.published}
        connection.execute(put(connection, published, "commit", "body"), shown)


def switch(connection: Connection, book: str, name: str, value: str, at: datetime) -> None:
    """What operators want: not fenced, for anybody may want it."""
    row = {"book": book, "name": name, "value": value, "at": at}
    made = _insert(connection.dialect.name, switches)
    later = made.on_conflict_do_update(
        index_elements=list(switches.primary_key),
        set_={"value": made.excluded.value, "at": made.excluded.at},
        where=made.excluded.at >= switches.c.at,
    )
    connection.execute(later, row)


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that can say what becomes of a row that is there already."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    # With it come four drivers; a file needs none of them.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table)


def put(connection: Connection, table: Table, *changed: str) -> Insert:
    """An insert that changes these columns instead where the row is there already."""
    return _put(connection.dialect.name, table, changed)


# Making a statement takes longer than running it.
@cache
def _advance(dialect: str) -> ReturningUpdate[tuple[int, int]]:
    return (
        update(books)
        .where(books.c.book == bindparam("named"))
        .values(
            commit=books.c.commit + bindparam("commits"),
            entry=books.c.entry + bindparam("entries"),
            written_at=leases.now(dialect),
        )
        .returning(books.c.commit, books.c.entry)
    )


@cache
def _add(dialect: str, table: Table) -> ReturningInsert[Any]:
    keys = list(table.primary_key)
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=keys).returning(*keys)


@cache
def _put(dialect: str, table: Table, changed: tuple[str, ...]) -> Insert:
    made = _insert(dialect, table)
    keys = list(table.primary_key)
    values = {name: made.excluded[name] for name in changed}
    return made.on_conflict_do_update(index_elements=keys, set_=values)


def _added(connection: Connection, table: Table, row: Values) -> bool:
    """Whether the row was added, for none of its name was there."""
    return connection.execute(_add(connection.dialect.name, table), row).first() is not None


def _numbered(happened: Iterable[Values], book: str, commit: int) -> list[Values]:
    return [
        row | {"book": book, "commit": commit, "place": place} for place, row in enumerate(happened)
    ]


def _many(connection: Connection, statement: Insert, made: list[Values]) -> None:
    if made:
        connection.execute(statement, made)


def _movement(connection: Connection, book: str, *which: ColumnElement[bool]) -> Row[Any] | None:
    wanted = select(cash_movements).where(cash_movements.c.book == book, *which)
    return connection.execute(wanted).first()


def cash_until(connection: Connection, book: str) -> datetime:
    """Up to when all that moved the cash of a book is in it. StoreError for one never opened."""
    return _mark(connection, book, books.c.cash_until)


def _mark(connection: Connection, book: str, column: Column[datetime]) -> datetime:
    """A moment kept of a book, when it was opened if none is. StoreError for one never opened."""
    row = connection.execute(select(books).where(books.c.book == book)).first()
    if row is None:
        raise StoreError(f"the book {book} was never opened: call open_book first")
    at: datetime = built(books, row, lambda one: getattr(one, column.name) or one.opened_at)
    return at


def _advance_mark(
    connection: Connection, book: str, column: Column[datetime], at: datetime
) -> None:
    if at > _mark(connection, book, column):
        connection.execute(update(books).where(books.c.book == book).values({column: at}))


def _moved_now(
    connection: Connection, chapter: Chapter, amount: Decimal, why: str, at: datetime
) -> None:
    row = {"amount": amount, "why": why, "at": at, "epoch": chapter.term.epoch}
    _move(connection, chapter.book, row)


def _move(connection: Connection, book: str, row: Values) -> None:
    _, entry = advance(connection, book, 0, 1)
    connection.execute(insert(cash_movements), row | {"book": book, "entry": entry})
