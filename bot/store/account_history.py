"""Reads the past of an account: each answer in one transaction, bounded, newest first.

A row that cannot be read fails the answer and is named: a figure without it would be wrong.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Row,
    Select,
    Table,
    cast,
    func,
    select,
    tuple_,
)

from bot.core.account.round_trips import RoundTrip
from bot.core.account.trade_stats import GroupBy, Trade, grouped
from bot.core.events import EntriesStopped, Noted, NoteKind
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Fill, Life
from bot.ports.account_history import (
    ClosedTrade,
    CursorError,
    CurveMark,
    EquityCurve,
    EquityPoint,
    OrderRecord,
    Page,
    Performance,
    Wanted,
)
from bot.store.connections.session import StoreSession, T, Work
from bot.store.ledger import fill_of
from bot.store.row_checks import built
from bot.store.tables import equity, events, fills, orders, round_trips

#: Closed trades that figures are made of at most, the newest.
MOST_COUNTED: Final = 20_000
#: Fills of one page of orders at most.
_MOST_FILLS: Final = 5_000
#: Notes that are looked through for those which mark a curve.
_MOST_NOTES: Final = 500
#: Points of a curve, about, and the steps between them in seconds.
MOST_POINTS: Final = 1_500
_STEPS: Final = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400)


#: The kind of mark of an `EntriesStopped`, as notices name it.
ENTRIES_STOPPED: Final = "ENTRIES_STOPPED"
#: What is marked on the curve of equity.
MARKING: Final = frozenset(
    {
        NoteKind.TERM_STARTED,
        NoteKind.STARTED,
        NoteKind.STOPPED,
        NoteKind.KILLED,
        NoteKind.RESUMED,
        NoteKind.FLATTEN_REQUESTED,
        ENTRIES_STOPPED,
    }
)


class BookHistory:
    """An `AccountHistory` of one book.

    One query at a time: reads of history must leave connections to trading.
    """

    def __init__(self, session: StoreSession, book: str) -> None:
        self._session = session
        self._book = book
        self._turn = asyncio.Lock()

    async def trades(self, wanted: Wanted) -> Page[ClosedTrade]:
        """Closed trades. Raises CursorError, StoreError."""
        return await self._read(partial(_trades, book=self._book, wanted=wanted))

    async def orders(self, wanted: Wanted) -> Page[OrderRecord]:
        """Orders with their fills. Raises CursorError, StoreError."""
        return await self._read(partial(_orders, book=self._book, wanted=wanted))

    async def fills(self, wanted: Wanted) -> Sequence[Fill]:
        """Fills of a market. Raises StoreError."""
        return await self._read(partial(_fills, book=self._book, wanted=wanted))

    async def equity(self, start: datetime | None, end: datetime, step: int) -> EquityCurve:
        """The account from `start` (None: all that is stored) to `end`. Raises StoreError."""
        return await self._read(partial(_equity, book=self._book, start=start, end=end, step=step))

    async def performance(
        self, by: GroupBy, since: datetime | None, until: datetime | None
    ) -> Performance:
        """The statistics of closed trades. Raises StoreError."""
        work = partial(_performance, book=self._book, by=by, since=since, until=until)
        return await self._read(work)

    async def _read(self, work: Work[T]) -> T:
        async with self._turn:
            return await self._session.read(work)


def _of_market(table: Table, at: ColumnElement[Any], book: str, wanted: Wanted) -> Select[Any]:
    """The rows of a book, of the market and between the moments that are wanted."""
    which = select(table).where(table.c.book == book)
    if wanted.ticker is not None:
        which = which.where(table.c.ticker == wanted.ticker)
    return _between(which, at, wanted.since, wanted.until)


def _between(
    which: Select[Any], at: ColumnElement[Any], since: datetime | None, until: datetime | None
) -> Select[Any]:
    if since is not None:
        which = which.where(at >= since)
    return which if until is None else which.where(at <= until)


def _trades(connection: Connection, book: str, wanted: Wanted) -> Page[ClosedTrade]:
    columns = round_trips.c
    which = _of_market(round_trips, columns.closed_at, book, wanted)
    if wanted.cursor is not None:
        which = which.where(tuple_(columns.commit, columns.place) < _place(wanted.cursor))
    last_first = which.order_by(columns.commit.desc(), columns.place.desc())
    found = connection.execute(last_first.limit(wanted.limit + 1)).all()
    shown = found[: wanted.limit]
    following = f"{shown[-1].commit}-{shown[-1].place}" if len(found) > len(shown) else None
    return Page([built(round_trips, row, _trade) for row in shown], following)


def _place(cursor: str) -> tuple[int, int]:
    commit, dash, place = cursor.partition("-")
    # Digits of other scripts are digits, too, and long ones no number of a database.
    if not (dash and cursor.isascii() and commit.isdigit() and place.isdigit()):
        raise CursorError
    if len(commit) > _DIGITS or len(place) > _DIGITS:
        raise CursorError
    return int(commit), int(place)


def _orders(connection: Connection, book: str, wanted: Wanted) -> Page[OrderRecord]:
    columns = orders.c
    which = _of_market(orders, columns.at, book, wanted)
    if wanted.cursor is not None:
        last = _sent_at(connection, book, wanted.cursor)
        which = which.where(tuple_(columns.at, columns.client_order_id) < last)
    last_first = which.order_by(columns.at.desc(), columns.client_order_id.desc())
    found = connection.execute(last_first.limit(wanted.limit + 1)).all()
    shown = found[: wanted.limit]
    filled = _fills_of(connection, [row.client_order_id for row in shown])
    following = shown[-1].client_order_id if len(found) > len(shown) else None
    return Page([built(orders, row, partial(_order, filled=filled)) for row in shown], following)


def _sent_at(connection: Connection, book: str, cursor: str) -> tuple[datetime, str]:
    named = (orders.c.book == book, orders.c.client_order_id == cursor)
    last = connection.execute(select(orders.c.at, orders.c.client_order_id).where(*named)).first()
    if last is None:
        raise CursorError
    return last.at, last.client_order_id


def _fills_of(connection: Connection, names: list[str]) -> dict[str, list[Fill]]:
    found: defaultdict[str, list[Fill]] = defaultdict(list)
    of_these = select(fills).where(fills.c.client_order_id.in_(names)).order_by(fills.c.entry)
    for row in connection.execute(of_these.limit(_MOST_FILLS)):
        found[row.client_order_id].append(built(fills, row, fill_of))
    return found


def _fills(connection: Connection, book: str, wanted: Wanted) -> list[Fill]:
    which = select(fills).where(fills.c.book == book, fills.c.ticker == wanted.ticker)
    if wanted.since is not None:
        which = which.where(fills.c.at >= wanted.since)
    newest = which.order_by(fills.c.entry.desc()).limit(wanted.limit)
    return [built(fills, row, fill_of) for row in connection.execute(newest)]


def _equity(
    connection: Connection, book: str, start: datetime | None, end: datetime, step: int
) -> EquityCurve:
    minute = equity.c.minute
    first = connection.scalar(select(func.min(minute)).where(equity.c.book == book))
    upto = int(end.timestamp())
    since = max(first or 0, int(start.timestamp()) if start else 0)
    step = max(step, _step(upto - since))
    within = (equity.c.book == book, minute >= since, minute <= upto)
    last_of_each = select(func.max(minute)).where(*within).group_by(minute // step)
    wanted = select(equity).where(equity.c.book == book, minute.in_(last_of_each)).order_by(minute)
    return EquityCurve(
        points=[built(equity, row, _point) for row in connection.execute(wanted)],
        step=step,
        first=None if first is None else datetime.fromtimestamp(first, UTC),
        max_drawdown=_deepest_fall(connection, select(equity).where(*within)),
        marks=_marks(connection, book, start, end),
    )


def _marks(
    connection: Connection, book: str, start: datetime | None, end: datetime
) -> Sequence[CurveMark]:
    """The marks between two moments, of the newest notes, oldest first."""
    kinds = [Noted.__name__, EntriesStopped.__name__]
    noted = select(events).where(events.c.book == book, events.c.kind.in_(kinds))
    newest = _between(noted, events.c.at, start, end).order_by(
        events.c.commit.desc(), events.c.place.desc()
    )
    found = [built(events, row, _mark) for row in connection.execute(newest.limit(_MOST_NOTES))]
    return [mark for mark in reversed(found) if mark.kind in MARKING]


def _mark(row: Row[Any]) -> CurveMark:
    if row.kind == EntriesStopped.__name__:
        stopped = msgspec.json.decode(row.body, type=EntriesStopped)
        return CurveMark(stopped.at, ENTRIES_STOPPED, stopped.reason)
    note = msgspec.json.decode(row.body, type=Noted)
    return CurveMark(note.at, note.kind.value, note.message)


def _step(seconds: int) -> int:
    """The smallest usual step for so long a period."""
    least = seconds / MOST_POINTS
    return next((step for step in _STEPS if step >= least), math.ceil(least))


def _deepest_fall(connection: Connection, of: Select[Any]) -> float | None:
    rows = of.subquery()
    worth = cast(rows.c.equity, Double)
    peak = func.max(worth).over(order_by=rows.c.minute, rows=(None, 0))
    falls = select((peak - worth).label("fall")).subquery()
    found: float | None = connection.scalar(select(func.max(falls.c.fall)))
    return found


def _performance(
    connection: Connection,
    book: str,
    by: GroupBy,
    since: datetime | None,
    until: datetime | None,
) -> Performance:
    found = list(_counted(connection, book, since, until))
    is_complete = len(found) <= MOST_COUNTED
    return Performance(grouped(reversed(found[:MOST_COUNTED]), by), is_complete)


def _counted(
    connection: Connection, book: str, since: datetime | None, until: datetime | None
) -> Iterator[Trade]:
    columns = round_trips.c
    # Those of the key are there to name a row that cannot be read.
    named = (columns.book, columns.commit, columns.place)
    wanted = [columns[name] for name in Trade._fields]
    which: Select[Any] = select(*wanted, *named).where(columns.book == book)
    which = _between(which, columns.closed_at, since, until)
    last_first = which.order_by(columns.commit.desc(), columns.place.desc())
    for row in connection.execute(last_first.limit(MOST_COUNTED + 1)):
        yield built(round_trips, row, _counted_trade)


def _counted_trade(row: Row[Any]) -> Trade:
    return Trade(*tuple(row)[: len(Trade._fields)])


def _trade(row: Row[Any]) -> ClosedTrade:
    trip = RoundTrip(
        opened_at=row.opened_at,
        side=Side(row.side),
        size=row.size,
        entry_price=row.entry_price,
        exit_price=row.exit_price,
        gross=row.gross,
        fees=row.fees,
    )
    where = (row.ticker, row.title, row.event_ticker, row.category)
    return ClosedTrade(*where, trip, row.closed_at, row.how)


def _order(row: Row[Any], filled: dict[str, list[Fill]]) -> OrderRecord:
    return OrderRecord(
        client_order_id=row.client_order_id,
        order_id=row.order_id,
        ticker=row.ticker,
        side=Side(row.side),
        aim=Aim(row.aim),
        life=Life(row.life),
        size=row.size,
        limit=row.limit,
        at=row.at,
        status=row.status,
        error=row.error or None,
        ended_at=row.ended_at,
        fills=tuple(filled.get(row.client_order_id, ())),
    )


def _point(row: Row[Any]) -> EquityPoint:
    return EquityPoint(
        minute=datetime.fromtimestamp(row.minute, UTC),
        equity=row.equity,
        cash=row.cash,
        realised=row.realised,
        fees=row.fees,
        exposure=row.exposure,
    )


#: Digits that a number of a commit can have.
_DIGITS: Final = 18
