"""The history of whales and their scoreboard as frozen views: the shapes of their JSON.

Prices and moves in cents, sizes in contracts, notional in dollars, times ISO 8601 with offset.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated, Final, TypeAlias, TypeVar

from msgspec import Meta, Struct

from bot.core.events import WhaleEnded, WhaleSeen
from bot.core.market.money import cents, measured, whole_cents
from bot.core.whales.detector import Source
from bot.core.whales.markouts import Group, MarkoutSums, excess, verdict
from bot.ports.json_types import Cents, Count, Strength, Ticker, Time, one_of

Interval: TypeAlias = tuple[float, float] | None

#: Said wherever the figures are shown.
LIMITS: Final = (
    "A poll every minute sees an order only if it stands at that moment; what comes and goes "
    "between two polls is not seen. Large takers are heard on the tape of trades; where that does "
    "not reach back to the last poll they are not known. A suspected spoof is a suspicion: nobody "
    "can see what was meant."
)


class WhaleRecord(Struct, frozen=True, kw_only=True):
    """One detection with its reason; only a suspicion has a confidence."""

    timestamp: Time
    ticker: Ticker
    type: Annotated[str, Meta(examples=["large_bid"])]
    side_bias: Annotated[str, one_of("BUY_BIAS", "SELL_BIAS")] | None
    size: float
    price: Cents
    notional: float
    depth_pct: float
    imbalance_strength: Strength
    why: str
    confidence: Annotated[str, one_of("low", "medium")] | None
    source: Annotated[
        str,
        one_of("book", "tape", "refills"),
        Meta(description="tape: a sweep seen in trades; refills: an iceberg"),
    ] = Source.BOOK.value


class WhaleEnding(Struct, frozen=True, kw_only=True, rename={"kind": "fate"}):
    """How an announced order ended, as far as books and trades show."""

    timestamp: Time
    ticker: Ticker
    side: Annotated[str, one_of("buy", "sell")]
    price: Cents
    size: float
    kind: Annotated[str, one_of("filled", "cancelled", "moved", "unknown")]
    lifetime_seconds: float
    interval_seconds: Annotated[
        float, Meta(description="From the last book with it to the first without")
    ]
    traded: Annotated[
        float | None, Meta(description="Contracts that met it at most; null: not known")
    ]


Recorded = TypeVar("Recorded", WhaleRecord, WhaleEnding)


class ScoreLine(
    Struct,
    frozen=True,
    kw_only=True,
    rename={"excess": "lead", "excess_interval": "lead_interval"},
):
    """What detections of a group came to at one horizon, net, in cents a contract.

    `verdict` is that of `interval`. Missing ones are counted and nothing else.
    """

    type: str
    price_band: str
    category: str
    horizon: Annotated[str, one_of("1m", "5m", "60m", "settlement")]
    count: Count
    markets: Count
    missing: Count
    mean: float | None
    interval: Annotated[Interval, Meta(description="95 %; null with too few markets to say")]
    verdict: Annotated[str, one_of("gains", "loses", "open", "too_few")]
    baseline_count: Count
    baseline_missing: Count
    baseline_mean: float | None
    baseline_interval: Interval
    excess: Annotated[
        float | None, Meta(description="How far the mean lies above that of the baseline")
    ]
    excess_interval: Interval


class Scoreboard(Struct, frozen=True, kw_only=True):
    """The scoreboard; `unscored` counts detections that could not be followed, by reason."""

    lines: tuple[ScoreLine, ...]
    count: Count
    following: Count
    unscored: Mapping[str, int]
    limits: str = LIMITS


def record(event: WhaleSeen) -> WhaleRecord:
    """A detection as JSON shows it."""
    whale = event.whale
    return WhaleRecord(
        timestamp=event.at.isoformat(),
        ticker=whale.ticker,
        type=whale.type.value,
        side_bias=whale.side_bias.value if whale.side_bias else None,
        size=measured(whale.size),
        price=cents(whale.price),
        notional=whole_cents(whale.notional),
        depth_pct=round(100.0 * whale.depth_share, 4),
        imbalance_strength=whale.imbalance_strength,
        why=whale.why,
        confidence=whale.confidence.value if whale.confidence else None,
        source=whale.source.value,
    )


def ended(event: WhaleEnded) -> WhaleEnding:
    """The end of an order as JSON shows it."""
    ending = event.ending
    return WhaleEnding(
        timestamp=event.at.isoformat(),
        ticker=ending.ticker,
        side=ending.side.value,
        price=cents(ending.price),
        size=measured(ending.size),
        kind=ending.fate.value,
        lifetime_seconds=round(ending.lifetime, 3),
        interval_seconds=round(ending.interval, 3),
        traded=ending.traded,
    )


def line(group: Group, horizon: str, whales: MarkoutSums, controls: MarkoutSums) -> ScoreLine:
    """A group at a horizon as JSON shows it."""
    ahead, ahead_interval = excess(whales, controls)
    return ScoreLine(
        type=group.type,
        price_band=group.band,
        category=group.category,
        horizon=horizon,
        count=whales.count,
        markets=whales.markets,
        missing=whales.missing,
        mean=_known(whales.mean),
        interval=_rounded(whales.interval),
        verdict=verdict(whales.interval),
        baseline_count=controls.count,
        baseline_missing=controls.missing,
        baseline_mean=_known(controls.mean),
        baseline_interval=_rounded(controls.interval),
        excess=_known(ahead),
        excess_interval=_rounded(ahead_interval),
    )


def fitting(
    records: Iterable[Recorded], ticker: str | None, since: datetime | None
) -> Iterator[Recorded]:
    """Those of a market that are not older than `since`."""
    return (
        one
        for one in records
        if ticker in (None, one.ticker)
        and (since is None or datetime.fromisoformat(one.timestamp) >= since)
    )


def _known(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (round(interval[0], 4), round(interval[1], 4))
