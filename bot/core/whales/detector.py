"""Whale rules: what a large order is, and when it is said.

`detect` keeps what it needs of each market in a row (`thresholds.WHALE_ROW`) and reads no clock:
a row's time is that of its book. `RULES` is the table of what can be said, worded in
`messages`. How large orders are found, followed and ended is in `arrivals`,
`large_orders` and `endings`, imbalance in `imbalance`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bot.core.market.money import ONE, Contracts, Dollars, exact
from bot.core.market.orderbook import Books, Floats
from bot.core.whales import arrivals, icebergs, imbalance, large_orders, messages, sweeps
from bot.core.whales import endings as whale_endings
from bot.core.whales.book_sides import Flags, Sides, measures, sides
from bot.core.whales.endings import Ending
from bot.core.whales.messages import ASK, BID, Confidence, Finding, Found, Source
from bot.core.whales.thresholds import Rows, WhaleRules, picked, replaced
from bot.core.whales.trades import TradesBetween

__all__ = [
    "RULES",
    "Confidence",
    "Ending",
    "RecentWhales",
    "SideBias",
    "Sighting",
    "Source",
    "TradesBetween",
    "Whale",
    "WhaleRules",
    "WhaleType",
    "detect",
    "measures",
    "recent",
    "sight",
]

#: What the dashboard calls recent.
RECENT_SECONDS: Final = 900.0


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
    dollars, `depth_share` the share of near depth on that side (0..1),
    `imbalance_strength` 0..0.5 as on the dashboard. `why` is a sentence for people. A suspicion,
    and nothing else, has a `confidence`.
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
    confidence: Confidence | None = None
    source: Source = Source.BOOK

    @property
    def scored_as(self) -> str:
        """What it is on the scoreboard: icebergs apart from large orders that are shown whole."""
        return "iceberg" if self.source is Source.REFILLS else self.type.value


@dataclass(frozen=True, slots=True)
class RecentWhales:
    """Whales of the last fifteen minutes: how many, and the largest in contracts; shape (N,)."""

    count: Floats
    max_size: Floats

    def take(self, rows: NDArray[np.intp] | slice) -> "RecentWhales":
        """Those of some markets, in that order."""
        return RecentWhales(self.count[rows], self.max_size[rows])


@dataclass(frozen=True, slots=True)
class Sighting:
    """What books showed that is worth saying, each with its row, and the rows after them."""

    whales: list[tuple[int, Whale]]
    endings: list[tuple[int, Ending]]
    rows: Rows


Rule: TypeAlias = Callable[[Sides, Rows], Found]

#: Everything that can be said of a book, in the order in which it is said.
RULES: Final[Mapping[WhaleType, Rule]] = MappingProxyType(
    {
        WhaleType.LARGE_BID: messages.large_bid,
        WhaleType.LARGE_ASK: messages.large_ask,
        WhaleType.HIGH_IMBALANCE: messages.high_imbalance,
        WhaleType.SPOOF_SUSPECTED: messages.spoof_suspected,
    }
)


_LARGE: Final = (WhaleType.LARGE_BID, WhaleType.LARGE_ASK)


def detect(books: Books, rows: Rows, rules: WhaleRules) -> tuple[list[tuple[int, Whale]], Rows]:
    """The whales that these books show, each with its row, and the rows after them.

    The same as `sight` where trades are not known and nobody asks how orders ended.
    """
    seen = sight(books, rows, rules, TradesBetween.unknown(len(books)))
    return seen.whales, seen.rows


def sight(books: Books, rows: Rows, rules: WhaleRules, traded: TradesBetween) -> Sighting:
    """All that these books show, given the trades since the book before of each market.

    `rows[i]` is what is remembered of the market of book i, `blank_rows` at first; `rows` itself
    is left as it was. A book without any level, and one not newer than the last one seen, changes
    nothing and says nothing: neither is a sign that an order has gone.
    """
    news = np.flatnonzero(_is_news(books, rows))
    if not len(news):
        return Sighting([], [], rows)
    both = sides(books if len(news) == len(books) else books.take(news))
    memory, met = picked(rows, news), traded.take(news)
    swept = sweeps.sweep(both, memory, met.bursts, rules)
    icebergs.refill(both, memory, met, rules)
    counts = ~(both.at - memory["counted_at"] < rules.apart)
    large_orders.follow(both, memory, met, rules)
    whale_endings.settle(both, memory, rules)
    arrivals.admit(both, memory, rules)
    imbalance.lean(both, memory, counts, rules)
    arrivals.remember(both, memory, counts, rules)
    memory["seen_at"] = both.at
    memory["counted_at"][counts] = both.at[counts]

    found = [(kind, one) for kind, rule in RULES.items() for one in rule(both, memory)]
    found += [(_LARGE[one.side], one) for one in swept + icebergs.icebergs(both, memory)]
    _note(both, memory, found)
    return Sighting(
        whales=[(int(news[one.row]), whale) for one, whale in _whales(both, found)],
        endings=[(int(news[row]), end) for row, end in whale_endings.endings(both, memory)],
        rows=replaced(rows, news, memory),
    )


def recent(rows: Rows, at: Floats) -> RecentWhales:
    """The whales of the fifteen minutes before `at` (seconds, shape (N,)), by market."""
    lately = (rows["flag_at"] > at[:, None] - RECENT_SECONDS) & (rows["flag_at"] <= at[:, None])
    return RecentWhales(
        count=lately.sum(axis=1),
        max_size=np.max(rows["flag_size"], axis=1, where=lately, initial=0.0),
    )


def _is_news(books: Books, rows: Rows) -> Flags:
    shows = ~(np.isnan(books.best_bid) & np.isnan(books.best_ask))
    news: Flags = shows & ~(books.seen_at <= rows["seen_at"])
    return news


def _note(both: Sides, rows: Rows, found: list[tuple[WhaleType, Finding]]) -> None:
    for kind, one in found:
        # The oldest makes room; what was never set is older than all.
        slot = int(np.nan_to_num(rows["flag_at"][one.row], nan=-np.inf).argmin())
        rows["flag_at"][one.row, slot] = both.at[one.row]
        rows["flag_size"][one.row, slot] = one.size
        # Sweeps say nothing of how large its resting orders are.
        rows["flag_large"][one.row, slot] = kind in _LARGE and one.source is Source.BOOK


def _whales(both: Sides, found: list[tuple[WhaleType, Finding]]) -> list[tuple[Finding, Whale]]:
    ways: dict[int, set[int]] = {}
    for _, one in found:
        ways.setdefault(one.row, set()).add(one.leans)
    return [(one, _whale(both, kind, one, uncertain=len(ways[one.row]) > 1)) for kind, one in found]


def _whale(both: Sides, kind: WhaleType, one: Finding, *, uncertain: bool) -> Whale:
    paid, size = exact(one.price), exact(one.size)
    price = paid if one.side == BID else ONE - paid
    seen = both.measures
    bias = SideBias.BUY if one.leans == BID else SideBias.SELL
    # An order that has left, or is far from the best price by now, is not part of the depth.
    depth = max(float(both.depth[one.row, one.side]), one.size)
    if one.source is Source.TAPE:
        # What was taken, of all that stood there before.
        depth = one.size + float(both.depth[one.row, ASK - one.side])
    return Whale(
        ticker=both.books.tickers[one.row],
        type=kind,
        size=size,
        price=price,
        notional=size * price,
        depth_share=one.size / depth,
        imbalance_strength=float(seen.imbalance_strength[one.row]),
        max_bid_size=float(seen.max_bid_size[one.row]),
        max_ask_size=float(seen.max_ask_size[one.row]),
        side_bias=None if uncertain else bias,
        why=one.why,
        confidence=one.confidence,
        source=one.source,
    )
