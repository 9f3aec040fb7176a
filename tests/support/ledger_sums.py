"""Cash and fees by adding up the rows of a database: no code of the bot has a part in it."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True)
class LedgerSums:
    """What the ledger of the one account in a database comes to, in dollars."""

    cash: Decimal
    fees: Decimal


def ledger_sums(path: Path) -> LedgerSums:
    """Add up its fills, settlements and movements; nothing of it may have been folded yet."""
    with closing(sqlite3.connect(path)) as database:
        moved = database.execute("SELECT amount FROM cash_movements").fetchall()
        fills = database.execute("SELECT ticker, side, size, price, fee FROM fills").fetchall()
        paid = database.execute("SELECT ticker, size, payout FROM settlements").fetchall()
    held: dict[str, Decimal] = defaultdict(Decimal)
    cash = sum((Decimal(amount) for (amount,) in moved), Decimal(0))
    for ticker, side, size, price, fee in fills:
        signed = Decimal(size) if side == "buy" else -Decimal(size)
        held[ticker] += signed
        cash -= signed * Decimal(price) + Decimal(fee)
    for ticker, size, payout in paid:
        held[ticker] -= Decimal(size)
        cash += Decimal(size) * Decimal(payout)
    # Of a contract sold short a dollar is set aside.
    aside = sum((max(-size, Decimal(0)) for size in held.values()), Decimal(0))
    return LedgerSums(cash - aside, sum((Decimal(row[-1]) for row in fills), Decimal(0)))
