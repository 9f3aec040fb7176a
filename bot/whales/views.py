"""The history of whales and their scoreboard as frozen views: the shapes of their JSON.

Prices and moves in cents, sizes in contracts, notional in dollars, times ISO 8601 with offset.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from math import isfinite
from typing import Final, TypeVar

from msgspec import Struct

from bot.core.events import WhaleEnded, WhaleSeen
from bot.core.market.money import cents, measured, whole_cents
from bot.core.whales.detector import Source
from bot.core.whales.markouts import Group, MarkoutSums, excess, verdict

#: Said wherever the figures are shown.
LIMITS: Final = (
    "A poll every minute sees an order only if it stands at that moment; what comes and goes "
    "between two polls is not seen. Large takers are heard on the tape of trades; where that does "
    "not reach back to the last poll they are not known. A suspected spoof is a suspicion: nobody "
    "can see what was meant."
)


class WhaleRecord(Struct, frozen=True, kw_only=True):
    """One detection with its reason; only a suspicion has a confidence.

    `source` is `book` for what books showed, `tape` for a sweep seen in trades.
    """

    timestamp: str
    ticker: str
    type: str
    side_bias: str | None
    size: float
    price: float
    notional: float
    depth_pct: float
    imbalance_strength: float
    why: str
    confidence: str | None
    source: str = Source.BOOK.value


class WhaleEnding(Struct, frozen=True, kw_only=True, rename={"kind": "fate"}):
    """How an announced order ended, as far as books and trades show.

    `interval_seconds` is the time between the last book with it and the first without; `traded`
    what can have met it at most, null if that is not known.
    """

    timestamp: str
    ticker: str
    side: str
    price: float
    size: float
    kind: str
    lifetime_seconds: float
    interval_seconds: float
    traded: float | None


Recorded = TypeVar("Recorded", WhaleRecord, WhaleEnding)


class ScoreLine(
    Struct,
    frozen=True,
    kw_only=True,
    rename={"excess": "lead", "excess_interval": "lead_interval"},
):
    """What detections of a group came to at one horizon, net, in cents a contract.

    `interval` and those of the others are 95 %, null with too few markets; `verdict` is that of
    `interval`. Missing ones are counted and nothing else.
    """

    type: str
    price_band: str
    category: str
    horizon: str
    count: int
    markets: int
    missing: int
    mean: float | None
    interval: tuple[float, float] | None
    verdict: str
    baseline_count: int
    baseline_missing: int
    baseline_mean: float | None
    baseline_interval: tuple[float, float] | None
    excess: float | None
    excess_interval: tuple[float, float] | None


class Scoreboard(Struct, frozen=True, kw_only=True):
    """The scoreboard; `unscored` counts detections that could not be followed, by reason."""

    lines: tuple[ScoreLine, ...]
    count: int
    following: int
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
