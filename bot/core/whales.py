"""Whale rules: what a large order is, and when it is said."""

from dataclasses import dataclass
from enum import StrEnum

from bot.core.money import Contracts, Dollars


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
