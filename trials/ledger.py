"""What a database says of an account, folded by other means than the service's own.

Here every contract sold is a debt of up to one dollar and nothing is averaged: cash is what was
put in, less signed contracts times their price, less fees, plus what settled, less a dollar for
each contract still owed. It must come to the same, to the last digit.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bot.ports.persistence import Checkpoint
from trials.processes import fill_line

ZERO: Final = Decimal(0)
_SIGN: Final = {"buy": 1, "sell": -1}
_MOVES: Final = """
    SELECT entry, 'cash', NULL, NULL, NULL, amount, NULL FROM cash_movements
    UNION ALL SELECT entry, 'fill', ticker, side, size, price, fee FROM fills
    UNION ALL SELECT entry, 'settled', ticker, NULL, size, payout, NULL FROM settlements
    ORDER BY entry
"""
_ORDERS: Final = """
    SELECT o.client_order_id, o.side, o.size, o."limit", o.epoch, o.status, o.life,
        f.size, f.price
    FROM orders o LEFT JOIN fills f ON f.client_order_id = o.client_order_id ORDER BY o.at
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Cash in dollars and signed contracts by ticker, none of them 0."""

    cash: Decimal
    positions: Mapping[str, Decimal]


def account(database: Path) -> Account:
    """The only account in a SQLite file."""
    cash = ZERO
    held: dict[str, Decimal] = defaultdict(Decimal)
    for _, kind, ticker, side, size, amount, fee in _rows(database, _MOVES):
        if kind == "cash":
            cash += Decimal(amount)
        elif kind == "fill":
            signed = _SIGN[side] * Decimal(size)
            held[ticker] += signed
            cash -= signed * Decimal(amount) + Decimal(fee)
        else:
            cash += held.pop(ticker) * Decimal(amount)
    owed = sum((-size for size in held.values() if size < 0), ZERO)
    return Account(cash - owed, {ticker: size for ticker, size in held.items() if size})


def broken(database: Path) -> list[str]:
    """What is wrong with the orders of a SQLite file, in sentences."""
    orders: dict[str, list[Any]] = defaultdict(list)
    for name, *rest in _rows(database, _ORDERS):
        orders[name].append(rest)
    found = [fault for name, rows in orders.items() for fault in _faults(name, rows)]
    epochs = [rows[0][3] for rows in orders.values()]
    found += [f"term {b} sent after term {a} did" for a, b in pairwise(epochs) if b < a]
    return found


def _faults(name: str, rows: list[Any]) -> list[str]:
    side, size, limit, _, status, life, *_ = rows[0]
    fills = [(Decimal(row[6]), Decimal(row[7])) for row in rows if row[6] is not None]
    filled = sum((part for part, _ in fills), ZERO)
    found = []
    if filled > Decimal(size):
        found.append(f"{name}: {filled} filled of {size}")
    if any(_SIGN[side] * (price - Decimal(limit)) > 0 for _, price in fills):
        found.append(f"{name}: a fill is worse than the limit {limit}")
    whole = {"filled": filled == Decimal(size), "partially_filled": 0 < filled < Decimal(size)}
    # What rests is booked as it trades: its end alone may fill nothing.
    whole |= {"canceled": filled < Decimal(size)} if life == "rest" else {}
    whole |= {"partially_filled": filled < Decimal(size)} if life == "rest" else {}
    if status is not None and not whole.get(status, not filled):
        found.append(f"{name} is {status} with {filled} of {size} filled")
    if status is None and fills and life != "rest":
        found.append(f"{name} has fills but no fate")
    return found


def unresolved(database: Path) -> list[tuple[str, int, datetime]]:
    """Orders without a fate: name, the term that sent it, and when."""
    query = "SELECT client_order_id, epoch, at FROM orders WHERE status IS NULL"
    return [(n, epoch, datetime.fromisoformat(at)) for n, epoch, at in _rows(database, query)]


def fills(database: Path) -> set[str]:
    """All fills that were booked, a line each."""
    query = "SELECT fill_id, ticker, side, size, price, fee FROM fills"
    return {
        fill_line(n, ticker, side, amounts) for n, ticker, side, *amounts in _rows(database, query)
    }


def counts(database: Path) -> dict[str, int]:
    """Orders, fills and settlements there are."""
    tables = ("orders", "fills", "settlements")
    return {name: _rows(database, f"SELECT count(*) FROM {name}")[0][0] for name in tables}


def differences(checkpoint: Checkpoint, database: Path) -> list[str]:
    """Where the service's own fold says otherwise, and where its accounts do not add up."""
    ours, theirs = account(database), checkpoint.portfolio
    positions = {ticker: position.size for ticker, position in theirs.positions.items()}
    found = []
    if ours.cash != theirs.cash:
        found.append(f"cash is {theirs.cash}, but {ours.cash} by the fills")
    if dict(ours.positions) != positions:
        found.append(f"positions are {positions}, but {dict(ours.positions)} by the fills")
    if theirs.cash + theirs.exposure != theirs.start + theirs.realised - theirs.fees:
        found.append("cash and cost are not start, realised and fees")
    if theirs.cash < 0:
        found.append(f"cash is {theirs.cash}")
    return found


def _rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return connection.execute(query).fetchall()
