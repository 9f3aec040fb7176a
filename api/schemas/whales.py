"""Shapes of `/whales`: those of `bot.whales.views`; a test holds the two together."""

from typing import Literal, TypeAlias

from pydantic import Field

from api.schemas.common import Cents, Count, Number, Shape, Strength, Ticker, Time


class WhaleRecord(Shape):
    """One detection with its reason; only a suspicion has a confidence."""

    timestamp: Time
    ticker: Ticker
    type: str = Field(examples=["large_bid"])
    side_bias: Literal["BUY_BIAS", "SELL_BIAS"] | None
    size: Number
    price: Cents
    notional: Number
    depth_pct: Number
    imbalance_strength: Strength
    why: str
    confidence: Literal["low", "medium"] | None
    source: Literal["book", "tape"] = Field(description="tape: a sweep seen in trades")


class WhaleEnding(Shape):
    """How an announced order ended, as far as books and trades show."""

    timestamp: Time
    ticker: Ticker
    side: Literal["buy", "sell"]
    price: Cents
    size: Number
    fate: Literal["filled", "cancelled", "moved", "unknown"]
    lifetime_seconds: Number
    interval_seconds: Number = Field(description="How long nobody looked before it was missed")
    traded: Number | None = Field(description="Contracts that met it at most; null: not known")


class CoverageView(Shape):
    """Of how many watched markets the trades since the book before are known."""

    markets: Count
    known: Count
    reason: str | None = Field(description="Why not of all: sweeps in the others are not seen")


class WhaleHistory(Shape):
    """The last detections and endings, newest first, and what cannot be seen."""

    whales: list[WhaleRecord]
    endings: list[WhaleEnding]
    count: Count
    limits: str
    trades: CoverageView | None = Field(description="Null where another process looks, or nobody")


Interval: TypeAlias = tuple[Number, Number] | None


class ScoreLine(Shape):
    """What detections of a group came to at one horizon, net, in cents a contract."""

    type: str
    price_band: str
    category: str
    horizon: Literal["1m", "5m", "60m", "settlement"]
    count: Count
    markets: Count
    missing: Count
    mean: Number | None
    interval: Interval = Field(description="95 %; null with too few markets to say")
    verdict: Literal["gains", "loses", "open", "too_few"]
    baseline_count: Count
    baseline_missing: Count
    baseline_mean: Number | None
    baseline_interval: Interval
    lead: Number | None = Field(description="How far the mean lies above that of the baseline")
    lead_interval: Interval


class WhaleScores(Shape):
    """The scoreboard; what could not be followed is counted by reason."""

    lines: list[ScoreLine]
    count: Count
    following: Count
    unscored: dict[str, int]
    limits: str
