"""The accounts of a book as a fold: the opening, then all that moved its cash, in order."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Connection, Row, Table, select

from bot.core.account.portfolio import Portfolio, Position
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.orders import Aim, Fill, Life, Order
from bot.ports.persistence import StoreError
from bot.store.row_checks import built
from bot.store.tables import (
    adjustments,
    cash_movements,
    fills,
    openings,
    orders,
    settlements,
)

#: Entries booked before yielding to the event loop.
BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class SettlementEntry:
    """A market paid `payout` dollars per YES contract."""

    ticker: str
    payout: Dollars


@dataclass(frozen=True, slots=True)
class CashEntry:
    """Cash came, or went if below 0, in dollars."""

    amount: Dollars


@dataclass(frozen=True, slots=True)
class AdjustmentEntry:
    """The position of a market is `size` contracts, signed, that cost so much, from then on."""

    ticker: str
    size: Contracts
    cost: Dollars
    at: datetime


Entry: TypeAlias = Fill | SettlementEntry | CashEntry | AdjustmentEntry


@dataclass(frozen=True, slots=True)
class Ledger:
    """Accounts as they were after `entry`, and the entries after that with their numbers."""

    entry: int
    opening: Portfolio
    entries: Sequence[tuple[int, Entry]]


async def folded(ledger: Ledger, where: str) -> Portfolio:
    """The accounts once all of it is booked. Raises StoreError if that cannot be."""
    portfolio = ledger.opening
    for count, (number, entry) in enumerate(ledger.entries):
        if count % BATCH == BATCH - 1:
            await asyncio.sleep(0)
        try:
            portfolio = booked(portfolio, entry)
        except ValueError as error:
            raise StoreError(
                f"entry {number} of a ledger in {where}, a row of table {_table(entry).name}, "
                f"cannot be booked: {error}. "
                "Restore a copy of the database from before it"
            ) from error
    return portfolio


def _table(entry: Entry) -> Table:
    match entry:
        case Fill():
            return fills
        case SettlementEntry():
            return settlements
        case CashEntry():
            return cash_movements
        case AdjustmentEntry():
            return adjustments


def booked(portfolio: Portfolio, entry: Entry) -> Portfolio:
    """The accounts after one entry. Raises ValueError for one that cannot be."""
    match entry:
        case Fill():
            return portfolio.after(entry)
        case SettlementEntry():
            return portfolio.settle(entry.ticker, entry.payout)
        case CashEntry():
            return portfolio.moved(entry.amount)
        case AdjustmentEntry():
            return portfolio.adjusted(entry.ticker, entry.size, entry.cost, entry.at)


def ledger(connection: Connection, book: str, upto: int | None = None) -> Ledger:
    """The ledger of an account, up to and with an entry, or all."""
    row = connection.execute(select(openings).where(openings.c.book == book)).first()
    entry, opening = _none() if row is None else built(openings, row, _opening)
    found: list[tuple[int, Entry]] = [
        built(table, row, build)
        for table, build in _ENTRIES.items()
        for row in _after(connection, table, book, entry, upto)
    ]
    return Ledger(entry, opening, sorted(found, key=itemgetter(0)))


def opening_row(book: str, entry: int, portfolio: Portfolio) -> dict[str, Any]:
    """The row that stands for all entries up to and with this one."""
    return {
        "book": book,
        "entry": entry,
        "start": portfolio.start,
        "cash": portfolio.cash,
        "realised": portfolio.realised,
        "fees": portfolio.fees,
        "positions": msgspec.json.encode(list(portfolio.positions.values())).decode(),
    }


def unresolved(connection: Connection, book: str) -> tuple[Order, ...]:
    """The orders in doubt, oldest first."""
    unknown = (orders.c.book == book, orders.c.ended_at.is_(None))
    order = (orders.c.epoch, orders.c.at, orders.c.client_order_id)
    return tuple(
        built(orders, row, _order)
        for row in connection.execute(select(orders).where(*unknown).order_by(*order))
    )


def fills_in_doubt(connection: Connection, book: str) -> dict[str, frozenset[str]]:
    """The ids of the fills that are booked of orders in doubt, by client order id."""
    same = orders.c.client_order_id == fills.c.client_order_id
    unknown = (orders.c.book == book, orders.c.ended_at.is_(None))
    found: dict[str, set[str]] = defaultdict(set)
    wanted = select(fills.c.client_order_id, fills.c.fill_id).join(orders, same).where(*unknown)
    for name, fill_id in connection.execute(wanted):
        found[name].add(fill_id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _after(
    connection: Connection, table: Table, book: str, entry: int, upto: int | None
) -> Iterator[Row[Any]]:
    wanted = select(table).where(table.c.book == book, table.c.entry > entry)
    if upto is not None:
        wanted = wanted.where(table.c.entry <= upto)
    return iter(connection.execute(wanted))


def _none() -> tuple[int, Portfolio]:
    return 0, Portfolio.of_cash(ZERO)


def _opening(row: Row[Any]) -> tuple[int, Portfolio]:
    held = msgspec.json.decode(row.positions, type=list[Position])
    positions = {position.ticker: position for position in held}
    for one in held:
        if not all(money.is_finite() for money in (one.size, one.cost, one.realised, one.fees)):
            raise ValueError(f"the position in {one.ticker} is no number")
    return row.entry, Portfolio(row.start, row.cash, positions, row.realised, row.fees)


def fill_of(row: Row[Any]) -> Fill:
    """A row of `fills` as what it was."""
    return Fill(
        fill_id=row.fill_id,
        client_order_id=row.client_order_id,
        ticker=row.ticker,
        side=Side(row.side),
        size=row.size,
        price=row.price,
        fee=row.fee,
        at=row.at,
    )


def _filled(row: Row[Any]) -> tuple[int, Entry]:
    return row.entry, fill_of(row)


def _settled(row: Row[Any]) -> tuple[int, Entry]:
    return row.entry, SettlementEntry(row.ticker, row.payout)


def _moved(row: Row[Any]) -> tuple[int, Entry]:
    return row.entry, CashEntry(row.amount)


def _adjusted(row: Row[Any]) -> tuple[int, Entry]:
    return row.entry, AdjustmentEntry(row.ticker, row.size, row.cost, row.at)


def _order(row: Row[Any]) -> Order:
    return Order(
        client_order_id=row.client_order_id,
        ticker=row.ticker,
        side=Side(row.side),
        size=row.size,
        limit=row.limit,
        at=row.at,
        aim=Aim(row.aim),
        life=Life(row.life),
    )


_ENTRIES: Final[Mapping[Table, Callable[[Row[Any]], tuple[int, Entry]]]] = {
    fills: _filled,
    settlements: _settled,
    cash_movements: _moved,
    adjustments: _adjusted,
}
