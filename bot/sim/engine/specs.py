"""What the simulated exchange lists: series, events, markets, as specified once."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import CENT_GRID, PriceGrid, PriceRange
from bot.core.market.money import Dollars
from bot.sim.engine.units import DOLLAR_TICKS, ticks

#: The shards of the exchange, in Kalshi's words; cash on one does not back orders on another.
SHARDS = ("Default", "Combos", "Crypto & Commodities", "Tennis, Baseball, Basketball")


#: The kind of the identifiers of announced fee changes.
FEE_CHANGE_IDS = "fee0"


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """A family of events with one fee rule, traded on one shard."""

    ticker: str
    title: str
    category: str
    frequency: str = "daily"
    tags: tuple[str, ...] = ()
    fee_kind: FeeKind = FeeKind.QUADRATIC
    fee_multiplier: Decimal = Decimal(1)
    exchange_index: int = 0


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One occasion with one or more markets. Fee overrides win over those of the series."""

    event_ticker: str
    series_ticker: str
    title: str
    sub_title: str = ""
    mutually_exclusive: bool = False
    strike_date: datetime | None = None
    strike_period: str | None = None
    fee_kind_override: FeeKind | None = None
    fee_multiplier_override: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ComboLeg:
    """One of the outcomes that a combo market multiplies."""

    event_ticker: str
    market_ticker: str
    side: str


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One YES/NO question. A market with a collection ticker is a combo.

    `created_time` None means the moment it is added; the expiration times default to the close.
    """

    ticker: str
    event_ticker: str
    title: str
    open_time: datetime
    close_time: datetime
    yes_sub_title: str = ""
    no_sub_title: str = ""
    grid: PriceGrid = CENT_GRID
    price_level_structure: str = "linear_cent"
    settlement_timer_seconds: int = 3600
    expected_expiration_time: datetime | None = None
    latest_expiration_time: datetime | None = None
    occurrence_time: datetime | None = None
    can_close_early: bool = True
    early_close_condition: str | None = None
    strike_type: str | None = None
    floor_strike: float | None = None
    cap_strike: float | None = None
    functional_strike: str | None = None
    custom_strike: dict[str, Any] | None = None
    rules_primary: str = ""
    rules_secondary: str = ""
    mve_collection_ticker: str | None = None
    mve_legs: tuple[ComboLeg, ...] = ()
    is_scalar: bool = False
    created_time: datetime | None = None

    @property
    def is_combo(self) -> bool:
        """Whether this is a multivariate market, made of others."""
        return self.mve_collection_ticker is not None


@dataclass(frozen=True, slots=True)
class FeeChangeSpec:
    """New fees of a series, or with an `event_ticker` the override of one event; None ends that."""

    change_id: str
    series_ticker: str
    at: datetime
    kind: FeeKind | None
    multiplier: Decimal | None
    event_ticker: str = ""


def fee_schedule(event: EventSpec, series: SeriesSpec) -> FeeSchedule:
    """What the markets of an event charge."""
    multiplier = event.fee_multiplier_override
    return FeeSchedule(
        kind=event.fee_kind_override or series.fee_kind,
        multiplier=series.fee_multiplier if multiplier is None else multiplier,
    )


@lru_cache(maxsize=64)
def grid_ticks(grid: PriceGrid) -> frozenset[int]:
    """All prices of a grid, in ticks. Raises ValueError if the grid is finer than a tick."""
    # Remembered: thousands of markets share a handful of grids of up to ten thousand prices.
    return frozenset(
        price
        for band in grid.ranges
        for price in range(ticks(band.start), ticks(band.end) + 1, ticks(band.step))
        if 0 < price < DOLLAR_TICKS
    )


def grid_of(*bands: tuple[Dollars | str, Dollars | str, Dollars | str]) -> PriceGrid:
    """A grid from (start, end, step) triples in dollars."""
    return PriceGrid(tuple(PriceRange(Decimal(a), Decimal(b), Decimal(c)) for a, b, c in bands))
