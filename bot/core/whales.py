"""Whale rules: what a large order is, and when it is said.

`detect` keeps what it needs of each market in a row (`whale_rules.WHALE_ROW`) and reads no clock:
a row's time is that of its book. `RULES` is the table of what can be said. How large orders are
found and followed is in `whale_arrivals` and `whale_orders`, imbalance in `whale_lean`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from bot.core import whale_arrivals, whale_lean, whale_orders
from bot.core.money import ONE, Contracts, Dollars, exact
from bot.core.orderbook import Books, Floats
from bot.core.whale_rules import Rows, WhaleRules
from bot.core.whale_sides import BEST_LEVELS, Flags, Sides, measures, sides

__all__ = [
    "RULES",
    "Recent",
    "SideBias",
    "Whale",
    "WhaleRules",
    "WhaleType",
    "detect",
    "measures",
    "recent",
]

#: What the dashboard calls recent.
RECENT_SECONDS: Final = 900.0
_BID, _ASK = 0, 1


class WhaleType(StrEnum):
    """The event types of the whale log."""

    LARGE_BID = "large_bid"
    LARGE_ASK = "large_ask"
    HIGH_IMBALANCE = "high_imbalance"
    SPOOF_SUSPECTED = "spoof_suspected"


class SideBias(StrEnum):
    """Where a whale leans."""

    BUY = "BUY_BIAS"
    SELL = "SELL_BIAS"


@dataclass(frozen=True, slots=True)
class Whale:
    """One detection, with the numbers that made the rule fire.

    `size` and `max_*_size` in contracts, `price` the level's own price in dollars, `notional`
    dollars, `depth_share` the share of near-touch depth on that side (0..1),
    `imbalance_strength` 0..0.5 as on the dashboard. `why` is a sentence for people.
    """

    ticker: str
    type: WhaleType
    size: Contracts
    price: Dollars
    notional: Dollars
    depth_share: float
    imbalance_strength: float
    max_bid_size: float
    max_ask_size: float
    side_bias: SideBias | None
    why: str


@dataclass(frozen=True, slots=True)
class Recent:
    """Whales of the last fifteen minutes: how many, and the largest in contracts; shape (N,)."""

    count: Floats
    max_size: Floats


@dataclass(frozen=True, slots=True)
class _Finding:
    """Where something was found: which book, which side, at which of the owner's prices."""

    row: int
    side: int
    price: float
    size: float
    why: str


Found: TypeAlias = list[_Finding]
Rule: TypeAlias = Callable[[Sides, Rows], Found]


def detect(books: Books, rows: Rows, rules: WhaleRules) -> tuple[list[tuple[int, Whale]], Rows]:
    """What these books show that is worth saying, each with its row, and the rows after them.

    `rows[i]` is what is remembered of the market of book i, `blank_rows` at first; `rows` itself
    is left as it was. A book without any level, and one not newer than the last one seen, changes
    nothing and says nothing: neither is a sign that an order has gone.
    """
    news = np.flatnonzero(_is_news(books, rows))
    if not len(news):
        return [], rows
    both = sides(books if len(news) == len(books) else books.take(news))
    memory = rows[news]
    whale_orders.follow(both, memory, rules)
    whale_arrivals.admit(both, memory, rules)
    whale_lean.lean(both, memory, rules)
    whale_arrivals.remember(both, memory, rules)
    memory["seen_at"] = both.at

    found = [(kind, one) for kind, rule in RULES.items() for one in rule(both, memory)]
    _note(both, memory, found)
    after = rows.copy()
    after[news] = memory
    return [(int(news[one.row]), whale) for one, whale in _whales(both, found)], after


def recent(rows: Rows, at: Floats) -> Recent:
    """The whales of the fifteen minutes before `at` (seconds, shape (N,)), by market."""
    lately = (rows["flag_at"] > at[:, None] - RECENT_SECONDS) & (rows["flag_at"] <= at[:, None])
    return Recent(
        count=lately.sum(axis=1),
        max_size=np.max(rows["flag_size"], axis=1, where=lately, initial=0.0),
    )


def large_bid(both: Sides, rows: Rows) -> Found:
    """Bids that are large for their market and have rested long enough to be meant."""
    return _announced(both, rows, _BID)


def large_ask(both: Sides, rows: Rows) -> Found:
    """Asks that are large for their market and have rested long enough to be meant."""
    return _announced(both, rows, _ASK)


def high_imbalance(both: Sides, rows: Rows) -> Found:
    """Books that lean to one side unusually far for their market; found at its largest level."""
    found = []
    for row in np.flatnonzero(rows["lean_said_at"] == both.at).tolist():
        side = _BID if rows["lean"][row] > 0 else _ASK
        level = both.size[row, side, :BEST_LEVELS].argmax()
        share = 0.5 + both.measures.imbalance_strength[row]
        why = (
            f"{share:.0%} of the contracts of the best five levels are on one side, "
            f"unusual here from {0.5 + rows['lean_least'][row]:.0%}, "
            f"for {both.at[row] - rows['lean_since'][row]:.0f} s"
        )
        price, size = both.price[row, side, level], both.size[row, side, level]
        found.append(_Finding(row, side, float(price), float(size), why))
    return found


#: Everything that can be said of a book, in the order in which it is said.
RULES: Final[Mapping[WhaleType, Rule]] = MappingProxyType(
    {
        WhaleType.LARGE_BID: large_bid,
        WhaleType.LARGE_ASK: large_ask,
        WhaleType.HIGH_IMBALANCE: high_imbalance,
    }
)


def _is_news(books: Books, rows: Rows) -> Flags:
    shows = ~(np.isnan(books.best_bid) & np.isnan(books.best_ask))
    news: Flags = shows & ~(books.seen_at <= rows["seen_at"])
    return news


def _announced(both: Sides, rows: Rows, side: int) -> Found:
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
        found.append(_Finding(row, side, float(order["price"]), float(order["size"]), why))
    return found


def _note(both: Sides, rows: Rows, found: list[tuple[WhaleType, _Finding]]) -> None:
    for kind, one in found:
        # The oldest makes room; what was never set is older than all.
        slot = int(np.nan_to_num(rows["flag_at"][one.row], nan=-np.inf).argmin())
        rows["flag_at"][one.row, slot] = both.at[one.row]
        rows["flag_size"][one.row, slot] = one.size
        rows["flag_large"][one.row, slot] = kind in (WhaleType.LARGE_BID, WhaleType.LARGE_ASK)


def _whales(both: Sides, found: list[tuple[WhaleType, _Finding]]) -> list[tuple[_Finding, Whale]]:
    ways: dict[int, set[int]] = {}
    for _, one in found:
        ways.setdefault(one.row, set()).add(one.side)
    return [(one, _whale(both, kind, one, in_doubt=len(ways[one.row]) > 1)) for kind, one in found]


def _whale(both: Sides, kind: WhaleType, one: _Finding, *, in_doubt: bool) -> Whale:
    paid, size = exact(one.price), exact(one.size)
    price = paid if one.side == _BID else ONE - paid
    seen = both.measures
    bias = SideBias.BUY if one.side == _BID else SideBias.SELL
    return Whale(
        ticker=both.books.tickers[one.row],
        type=kind,
        size=size,
        price=price,
        notional=size * price,
        depth_share=one.size / float(both.depth[one.row, one.side]),
        imbalance_strength=float(seen.imbalance_strength[one.row]),
        max_bid_size=float(seen.max_bid_size[one.row]),
        max_ask_size=float(seen.max_ask_size[one.row]),
        side_bias=None if in_doubt else bias,
        why=one.why,
    )
