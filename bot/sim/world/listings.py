"""How the demo's events are described, and the programme that lists them in time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.core.market.market import CENT_GRID, PriceGrid, Side
from bot.sim.engine.specs import ComboLeg, EventSpec, MarketSpec, SeriesSpec, grid_of
from bot.sim.world.belief import Interval
from bot.sim.world.live_event import EventListing

#: Fine near the ends, whole cents between: the grid of 15-minute markets.
TAPERED = grid_of(("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001"))
#: How long before its opening an event of a rolling series is listed.
LISTED_BEFORE = timedelta(minutes=5)
_STRUCTURES = {CENT_GRID: "linear_cent", TAPERED: "tapered_deci_cent"}


@dataclass(frozen=True, slots=True)
class Rolling:
    """A series whose next event opens when the last one closes.

    They close at whole multiples of `every` since midnight, `phase` later. `volume` is contracts a
    day and market. `strikes` are where the latent number has to end for YES, one market each.
    """

    series: SeriesSpec
    every: timedelta
    preset: str
    volume: float
    activity: float = 1.0
    large_traders: float = 1.0
    strikes: tuple[float, ...] = (0.0,)
    timer: int = 60
    grid: PriceGrid = TAPERED
    phase: timedelta = timedelta(0)

    def listing(self, opens: datetime) -> EventListing:
        """The event that opens at that moment."""
        closes = opens + self.every
        event = EventSpec(
            f"{self.series.ticker}-{closes:%y%b%d%H%M}".upper(),
            self.series.ticker,
            self.series.title,
            strike_date=closes,
        )
        names = self._suffixes(closes)
        return EventListing(
            event=event,
            markets=tuple(self._market(event.event_ticker, name, opens) for name in names),
            intervals=tuple(Interval(strike) for strike in self.strikes),
            preset=self.preset,
            activity=self.activity,
            large_traders=self.large_traders,
            volume=self.volume,
        )

    def _market(self, event: str, suffix: str, opens: datetime) -> MarketSpec:
        closes = opens + self.every
        return MarketSpec(
            ticker=f"{event}-{suffix}",
            event_ticker=event,
            title=self._title(suffix, closes),
            yes_sub_title="Up" if len(self.strikes) == 1 else suffix,
            open_time=opens,
            close_time=closes,
            grid=self.grid,
            price_level_structure=_STRUCTURES[self.grid],
            settlement_timer_seconds=self.timer,
        )

    def _title(self, suffix: str, closes: datetime) -> str:
        # A market that is alone in its event has no strike to tell: its suffix is the minute.
        strike = "" if len(self.strikes) == 1 else f" {suffix}"
        return f"{self.series.title}{strike} at {closes:%H:%M} UTC?"

    def _suffixes(self, closes: datetime) -> list[str]:
        if len(self.strikes) == 1:
            return [f"{closes:%M}"]
        return [f"T{number + 1}" for number in range(len(self.strikes))]


@dataclass(frozen=True, slots=True)
class PerpetualListing:
    """An event that is there from the start. Hours count from the demo's first moment.

    `outcomes` name its markets. They are rungs of one number (`exclusive` False: each pays when
    the number ends above its bound) or shares of it (True: between its bound and the next one).
    """

    series: SeriesSpec
    name: str
    title: str
    outcomes: tuple[str, ...]
    bounds: tuple[float, ...]
    hours_past: float
    hours_left: float
    preset: str = "slow_day"
    volume: float = 0.0
    activity: float = 1.0
    large_traders: float = 1.0
    exclusive: bool = True
    traded: bool = True
    sides: frozenset[Side] = frozenset(Side)
    timer: int = 60
    ends: timedelta | None = None
    pause: tuple[timedelta, timedelta] | None = None
    legs: tuple[ComboLeg, ...] = ()
    grid: PriceGrid = CENT_GRID

    def listing(self, start: datetime) -> EventListing:
        """The event as it is listed, `start` being the demo's first moment."""
        event = EventSpec(
            f"{self.series.ticker}-{self.name}",
            self.series.ticker,
            self.title,
            mutually_exclusive=self.exclusive,
        )
        return EventListing(
            event=event,
            markets=tuple(self._market(event.event_ticker, each, start) for each in self.outcomes),
            intervals=self._intervals(),
            preset=self.preset,
            activity=self.activity,
            large_traders=self.large_traders,
            volume=self.volume,
            traded=self.traded,
            sides=self.sides,
            ends=start + self.ends if self.ends else None,
            pause=(start + self.pause[0], self.pause[1]) if self.pause else None,
        )

    def _intervals(self) -> tuple[Interval, ...]:
        if not self.exclusive:
            return tuple(Interval(bound) for bound in self.bounds)
        above = (*self.bounds[1:], float("inf"))
        return tuple(Interval(low, high) for low, high in zip(self.bounds, above, strict=True))

    def _market(self, event: str, outcome: str, start: datetime) -> MarketSpec:
        return MarketSpec(
            ticker=f"{event}-{outcome}",
            event_ticker=event,
            title=f"{self.title} {_words(outcome)}",
            yes_sub_title=_words(outcome),
            open_time=start - timedelta(hours=self.hours_past),
            close_time=start + timedelta(hours=self.hours_left),
            grid=self.grid,
            price_level_structure=_STRUCTURES[self.grid],
            settlement_timer_seconds=self.timer,
            mve_collection_ticker=self.series.ticker if self.legs else None,
            mve_legs=self.legs,
        )


def lone(ticker: str, preset: str, opens: datetime, life: timedelta) -> EventListing:
    """An event of one market of that preset; its series is `ticker` too."""
    fine = preset in {"fast15m", "hourly"}
    market = MarketSpec(
        ticker=f"{ticker}-1",
        event_ticker=ticker,
        title=ticker,
        open_time=opens,
        close_time=opens + life,
        grid=TAPERED if fine else CENT_GRID,
        price_level_structure=_STRUCTURES[TAPERED if fine else CENT_GRID],
    )
    return EventListing(EventSpec(ticker, ticker, ticker), (market,), preset=preset)


@dataclass(slots=True)
class Calendar:
    """A programme of standing events and rolling series; the latter from `rolls_from` on."""

    perpetual: Sequence[EventListing]
    series: Sequence[SeriesSpec]
    rolls_from: datetime
    rolling: Sequence[Rolling] = ()
    _listed: bool = field(default=False)
    _next: dict[str, datetime] = field(default_factory=dict)

    def due(self, now: datetime) -> Sequence[EventListing]:
        """The events to list by now that were not asked for before."""
        fresh = [] if self._listed else list(self.perpetual)
        self._listed = True
        for each in self.rolling:
            opens = self._next.get(each.series.ticker) or _lattice(self.rolls_from, each)
            while opens - LISTED_BEFORE <= now:
                # What opened and closed while nobody looked need not have been.
                if opens + each.every > now:
                    fresh.append(each.listing(opens))
                opens += each.every
            self._next[each.series.ticker] = opens
        return fresh


def _lattice(at: datetime, rolling: Rolling) -> datetime:
    """When the event opened that was open at a moment."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + rolling.phase - rolling.every
    return first + (at - first) // rolling.every * rolling.every


def _words(suffix: str) -> str:
    return suffix.replace("_", " ").title() if suffix.isalpha() else suffix
