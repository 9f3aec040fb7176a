"""Retention: prunes old rows in small batches, so that no writer waits long.

Money goes last: entries of the ledger are folded into an opening before they are deleted, and
an order stays as long as one of its fills does. One that is not resolved always stays.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, tuple_

from bot.core.account.portfolio import Portfolio
from bot.ports.persistence import FLEETING
from bot.store import leases
from bot.store.connections.session import StoreSession, Work
from bot.store.ledger import Ledger, folded, ledger, opening_row
from bot.store.rows import NEWEST
from bot.store.tables import (
    adjustments,
    books,
    cash_movements,
    equity,
    events,
    fills,
    openings,
    orders,
    published,
    round_trips,
    settlements,
    state_records,
    switches,
)
from bot.store.writing import Chapter, cover_cash, forget_trades, newest, put

#: Rows that one transaction deletes at most.
BATCH: Final = 2_000
#: Commits after which every standby has seen that a state record was deleted.
HEARD: Final = 10_000
#: Times as many events of a kind as a leader is reminded of stay, however young they are.
ROOM: Final = 10
_ENTRIES: Final = (fills, settlements, cash_movements, adjustments)
#: Those that others point at come last.
_OF_BOOK: Final = (
    events,
    round_trips,
    equity,
    fills,
    settlements,
    cash_movements,
    adjustments,
    openings,
    state_records,
    published,
    orders,
)


@dataclass(frozen=True, slots=True)
class Fold:
    """An account after its entry `last`, with nothing younger than `before` in it."""

    last: int
    before: datetime
    portfolio: Portfolio


async def prune(session: StoreSession, chapter: Chapter, before: datetime) -> int:
    """Delete what is older; how many rows that were. Raises LeaseLostError."""
    gone = await _fold(session, chapter, before)
    for work in (_old_events, _old_orders, _old_trips, _old_equity, _off):
        gone += await _all(session, partial(work, chapter=chapter, before=before))
    gone += await _crowded_out(session, chapter)
    gone += await session.write(partial(_forgotten, chapter=chapter))
    for book in await session.read(partial(_old_books, chapter=chapter, before=before)):
        gone += await _whole_book(session, chapter, book)
    return gone


async def _whole_book(session: StoreSession, chapter: Chapter, book: str) -> int:
    gone = 0
    for table in _OF_BOOK:
        gone += await _all(session, partial(_rows, chapter=chapter, table=table, book=book))
    return gone + await session.write(partial(_last_of, chapter=chapter, book=book))


async def _fold(session: StoreSession, chapter: Chapter, before: datetime) -> int:
    gone = 0
    while True:
        old = await session.read(partial(_old_entries, book=chapter.book, before=before))
        if not old.entries:
            return gone
        portfolio = await folded(old, session.where)
        gone += await session.write(
            partial(_open_anew, chapter=chapter, fold=Fold(old.entries[-1][0], before, portfolio))
        )


async def _crowded_out(session: StoreSession, chapter: Chapter) -> int:
    gone = 0
    for kind in NEWEST:
        last = await session.read(partial(_last_in_room, book=chapter.book, kind=kind))
        if last:
            older = partial(_events_before, chapter=chapter, kind=kind, commit=last)
            gone += await _all(session, older)
    return gone


async def _all(session: StoreSession, work: Work[int]) -> int:
    gone = 0
    while step := await session.write(work):
        gone += step
    return gone


def _old_entries(connection: Connection, book: str, before: datetime) -> Ledger:
    """The next entries that may be folded: only such as have nothing newer among or before them."""
    newer = [
        connection.scalar(
            select(func.min(table.c.entry)).where(table.c.book == book, table.c.at >= before)
        )
        for table in _ENTRIES
    ]
    folded_upto = connection.scalar(select(openings.c.entry).where(openings.c.book == book)) or 0
    cut = min([entry - 1 for entry in newer if entry is not None], default=folded_upto + BATCH)
    return ledger(connection, book, min(cut, folded_upto + BATCH))


def _open_anew(connection: Connection, chapter: Chapter, fold: Fold) -> int:
    leases.fence(connection, chapter.term)
    last = fold.last
    changed = ("entry", "start", "cash", "realised", "fees", "positions")
    row = opening_row(chapter.book, last, fold.portfolio)
    connection.execute(put(connection, openings, *changed), row)
    of_book = (cash_movements.c.book == chapter.book, cash_movements.c.entry <= last)
    moved = connection.scalar(select(func.max(cash_movements.c.at)).where(*of_book))
    if moved is not None:
        # Without its row the exchange's listing would make it a new movement.
        cover_cash(connection, chapter.book, moved)
    # The days that are kept may be more by the next time.
    forget_trades(connection, chapter.book, fold.before)
    return sum(
        connection.execute(
            delete(table).where(table.c.book == chapter.book, table.c.entry <= last)
        ).rowcount
        for table in _ENTRIES
    )


def _old_events(connection: Connection, chapter: Chapter, before: datetime) -> int:
    leases.fence(connection, chapter.term)
    return _delete(connection, events, events.c.book == chapter.book, events.c.at < before)


def _old_trips(connection: Connection, chapter: Chapter, before: datetime) -> int:
    leases.fence(connection, chapter.term)
    of_book = round_trips.c.book == chapter.book
    return _delete(connection, round_trips, of_book, round_trips.c.closed_at < before)


def _old_equity(connection: Connection, chapter: Chapter, before: datetime) -> int:
    leases.fence(connection, chapter.term)
    of_book, old = equity.c.book == chapter.book, equity.c.minute < int(before.timestamp())
    return _delete(connection, equity, of_book, old)


def _last_in_room(connection: Connection, book: str, kind: str) -> int:
    """The commit of the oldest event of a kind that there is room for; 0 if there is for all."""
    of_kind = (events.c.book == book, events.c.kind == kind)
    last_first = (events.c.commit.desc(), events.c.place.desc())
    beyond = select(events.c.commit).where(*of_kind).order_by(*last_first)
    return connection.scalar(beyond.offset(ROOM * NEWEST[kind] - 1).limit(1)) or 0


def _events_before(connection: Connection, chapter: Chapter, kind: str, commit: int) -> int:
    leases.fence(connection, chapter.term)
    of_kind = (events.c.book == chapter.book, events.c.kind == kind)
    return _delete(connection, events, *of_kind, events.c.commit < commit)


def _old_orders(connection: Connection, chapter: Chapter, before: datetime) -> int:
    leases.fence(connection, chapter.term)
    filled = select(fills.c.entry).where(fills.c.client_order_id == orders.c.client_order_id)
    ended = (orders.c.book == chapter.book, orders.c.ended_at < before)
    return _delete(connection, orders, *ended, ~filled.exists())


def _forgotten(connection: Connection, chapter: Chapter) -> int:
    leases.fence(connection, chapter.term)
    heard = state_records.c.commit <= newest(connection, chapter.book) - HEARD
    return _delete(
        connection,
        state_records,
        state_records.c.book == chapter.book,
        state_records.c.body.is_(None),
        heard,
    )


def _off(connection: Connection, chapter: Chapter, before: datetime) -> int:
    """Switches that are off: each position that was closed by hand leaves one."""
    leases.fence(connection, chapter.term)
    off = (switches.c.book == chapter.book, switches.c.value == "")
    return _delete(connection, switches, *off, switches.c.at < before)


def _old_books(connection: Connection, chapter: Chapter, before: datetime) -> list[str]:
    # A live account may come back after any time: only its history is pruned.
    gone = (books.c.book != chapter.book, books.c.book.contains(FLEETING, autoescape=True))
    old = (*gone, books.c.written_at < before.timestamp())
    return list(connection.scalars(select(books.c.book).where(*old)))


def _rows(connection: Connection, chapter: Chapter, table: Table, book: str) -> int:
    leases.fence(connection, chapter.term)
    return _delete(connection, table, table.c.book == book)


def _last_of(connection: Connection, chapter: Chapter, book: str) -> int:
    leases.fence(connection, chapter.term)
    return sum(_delete(connection, table, table.c.book == book) for table in (switches, books))


def _delete(connection: Connection, table: Table, *which: ColumnElement[bool]) -> int:
    keys = list(table.primary_key)
    some = select(*keys).where(*which).limit(BATCH)
    return connection.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount
