"""What the followed orders and the history of a book give to say, in words and numbers.

Reads rows that are up to date with the books; decides nothing that they do not hold.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np

from bot.core.whales.book_sides import BEST_LEVELS, Sides
from bot.core.whales.thresholds import Rows

BID: Final = 0
ASK: Final = 1
#: A suspicion is more than low where books are at most so many seconds apart, trades are known,
#: and the best price was coming nearer.
_CLOSE_WATCH: Final = 5.0
#: Prices are this close to the decimal that is meant.
_TOLERANCE: Final = 1e-9


class Confidence(StrEnum):
    """How much a suspicion is worth; never high, for what was meant cannot be seen."""

    LOW = "low"
    MEDIUM = "medium"


class Source(StrEnum):
    """What showed it: order books, the tape of trades, or a level refilled after trades."""

    BOOK = "book"
    TAPE = "tape"
    REFILLS = "refills"


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something was found: which book and side, at which of its owner's prices.

    `leans` is the side that it speaks for, which for a suspected spoof is the other one.
    """

    row: int
    side: int
    price: float
    size: float
    leans: int
    why: str
    confidence: Confidence | None = None
    source: Source = Source.BOOK


Found: TypeAlias = list[Finding]


def large_bid(both: Sides, rows: Rows) -> Found:
    """Bids that are large for their market and have rested long enough to be meant."""
    return _large(both, rows, BID)


def large_ask(both: Sides, rows: Rows) -> Found:
    """Asks that are large for their market and have rested long enough to be meant."""
    return _large(both, rows, ASK)


def high_imbalance(both: Sides, rows: Rows) -> Found:
    """Books that lean to one side unusually far for their market; found at its largest level."""
    found = []
    for row in np.flatnonzero(rows["lean_said_at"] == both.at).tolist():
        side = BID if rows["lean"][row] > 0 else ASK
        level = both.size[row, side, :BEST_LEVELS].argmax()
        share = 0.5 + both.measures.imbalance_strength[row]
        why = (
            f"{share:.0%} of the contracts of the best five levels are on one side, "
            f"unusual here from {0.5 + rows['lean_least'][row]:.0%}, "
            f"for {both.at[row] - rows['lean_since'][row]:.0f} s"
        )
        price, size = both.price[row, side, level], both.size[row, side, level]
        found.append(Finding(row, side, float(price), float(size), side, why))
    return found


def spoof_suspected(both: Sides, rows: Rows) -> Found:
    """Large orders that left untraded as the best price came near; a suspicion only."""
    orders = rows["orders"]
    rows_, sides, slots = np.nonzero(
        orders["suspected"] & (orders["ended_at"] == both.at[:, None, None])
    )
    found = []
    for row, side, order in zip(
        rows_.tolist(), sides.tolist(), orders[rows_, sides, slots], strict=True
    ):
        size, price = float(order["largest"]), float(order["price"])
        confidence = _confidence(order)
        why = _suspicion(order, confidence)
        found.append(Finding(row, side, price, size, ASK - side, why, confidence))
    return found


def _large(both: Sides, rows: Rows, side: int) -> Found:
    orders = rows["orders"][:, side]
    said, slot = np.nonzero(orders["announced_at"] == both.at[:, None])
    found = []
    for row, order in zip(said.tolist(), orders[said, slot], strict=True):
        rested = both.at[row] - order["since"]
        why = (
            f"{order['size']:,.0f} contracts at one price, large here from "
            f"{order['threshold']:,.0f}; the usual largest level is {order['usual']:,.0f}; "
            f"grew by {order['size'] - order['base']:,.0f} and rested {rested:.0f} s"
        )
        found.append(Finding(row, side, float(order["price"]), float(order["size"]), side, why))
    return found


def _suspicion(order: np.void, confidence: Confidence) -> str:
    traded = order["traded"]
    met = "trades are not known" if np.isnan(traded) else f"{traded:,.0f} can have traded"
    return (
        f"suspected, not proven ({confidence} confidence): {order['largest']:,.0f} contracts came "
        f"{100 * order['born_away']:.1f} c from the best price and left after "
        f"{order['left_at'] - order['since']:.0f} s when it was {100 * order['nearest']:.1f} c "
        f"away; {met}; books {order['left_at'] - order['seen_at']:.0f} s apart"
    )


def _confidence(order: np.void) -> Confidence:
    watched = order["left_at"] - order["seen_at"] <= _CLOSE_WATCH
    reached = order["nearest"] < order["born_away"] - _TOLERANCE
    known = not np.isnan(order["traded"])
    return Confidence.MEDIUM if watched and reached and known else Confidence.LOW
