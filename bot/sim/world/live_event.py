"""One live event: its belief, its markets, who trades them, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf

from bot.core.market.market import MarketStatus, Side
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import ComboLeg, EventSpec, MarketSpec
from bot.sim.engine.units import DOLLAR_TICKS
from bot.sim.world.agents import Agents, House
from bot.sim.world.belief import Belief, Coin, Interval, Latent
from bot.sim.world.habits import Preset
from bot.sim.world.market_adapter import MarketAdapter, whole
from bot.sim.world.presets import PRESETS
from bot.sim.world.rng_stream import RngStream
from bot.sim.world.truth import Truth

_PLAY_OVER = frozenset({MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.FINALIZED})


@dataclass(frozen=True, slots=True)
class EventListing:
    """An event to be listed: its markets, and for each the interval that makes it pay.

    `volume` is contracts a day and market before the world began, shown as a few trades; `traded`
    False leaves the books empty. `ends` is when the outcome is known, which closes the markets
    early; `pause` halts them for a while. `large_traders` multiplies their rates.
    """

    event: EventSpec
    markets: tuple[MarketSpec, ...]
    intervals: tuple[Interval, ...] = (Interval(0.0),)
    preset: str = "slow_day"
    activity: float = 1.0
    volume: float = 0.0
    traded: bool = True
    large_traders: float = 1.0
    sides: frozenset[Side] = frozenset(Side)
    ends: datetime | None = None
    pause: tuple[datetime, timedelta] | None = None

    @property
    def opens(self) -> datetime:
        """When trading begins."""
        return min(market.open_time for market in self.markets)

    @property
    def is_known(self) -> datetime:
        """When the outcome is known."""
        return self.ends or min(market.close_time for market in self.markets)


@dataclass(slots=True)
class LiveEvent:
    """A listed event; `clock` is how far it has run."""

    clock: datetime
    listing: EventListing
    belief: Belief
    agent_pools: Sequence[Agents]
    adapters: Sequence[MarketAdapter]
    rng: RngStream
    paused: bool = field(default=False)

    def step(self, exchange: Exchange) -> bool:
        """Let everybody act once; False once the event is over and its outcome announced."""
        if exchange.now < self.listing.opens:
            return True
        if exchange.now >= self.listing.is_known:
            self._end(exchange)
            return False
        seconds = self._passed(exchange)
        self._pause(exchange)
        self.belief.step(seconds)
        # An untraded market has a fair value all the same, and no noise flow.
        for agents, value in zip(self.agent_pools, self.belief.values, strict=False):
            agents.step(value, seconds)
        return True

    def notify(self, exchange: Exchange, house: House) -> bool:
        """Coarse history: one trade per market stands for all since the last."""
        if exchange.now < self.listing.opens:
            return True
        if exchange.now >= self.listing.is_known:
            self._end(exchange)
            return False
        seconds = self._passed(exchange)
        self.belief.step(seconds)
        for adapter, value in zip(self.adapters, self.belief.values, strict=True):
            contracts = self.listing.volume * self.listing.activity * seconds / 86_400.0
            price = adapter.inside(Side.BUY, value * DOLLAR_TICKS)
            if contracts < 1.0 or price is None:
                continue
            side = Side.BUY if self.rng.chance(0.53) else Side.SELL
            size = self.rng.lognormal(contracts, 0.5)
            adapter.rest(house.makers[0], side.opposite, price, size)
            adapter.take(house.noise_flow, side, price, whole(size))
        return True

    def _passed(self, exchange: Exchange) -> float:
        passed = (exchange.now - max(self.clock, self.listing.opens)).total_seconds()
        self.clock = exchange.now
        return passed

    def _pause(self, exchange: Exchange) -> None:
        if self.listing.pause is None:
            return
        start, length = self.listing.pause
        halted = start <= exchange.now < start + length
        if halted == self.paused:
            return
        self.paused = halted
        self._switch(exchange, halted=halted)

    def _switch(self, exchange: Exchange, *, halted: bool) -> None:
        # Somebody else may have halted a market, or ended a halt, in the meantime.
        expected = MarketStatus.ACTIVE if halted else MarketStatus.INACTIVE
        for adapter in self.adapters:
            if adapter.state.status is expected:
                (exchange.deactivate if halted else exchange.activate)(adapter.ticker)

    def _end(self, exchange: Exchange) -> None:
        """Close what is still open and announce the outcome."""
        self.belief.step(inf)
        for agents in self.agent_pools:
            agents.close()
        for adapter, value in zip(self.adapters, self.belief.values, strict=True):
            if adapter.state.status not in _PLAY_OVER:
                exchange.set_close_time(adapter.ticker, exchange.now)
            if adapter.state.status is MarketStatus.CLOSED:
                exchange.determine(adapter.ticker, "yes" if value > 0.5 else "no")


def live_event(
    exchange: Exchange, listing: EventListing, house: House, seed: int, truth: Truth
) -> LiveEvent:
    """List an event and its markets, and gather their participants."""
    exchange.add_event(listing.event)
    for market in listing.markets:
        exchange.add_market(market)
    preset = _fitted(listing)
    adapters = tuple(
        MarketAdapter(exchange, market.ticker, market.grid) for market in listing.markets
    )
    agent_pools = [
        Agents(preset, adapter, house, seed, truth) for adapter in adapters if listing.traded
    ]
    return LiveEvent(
        clock=exchange.now,
        listing=listing,
        belief=_belief(exchange, listing, preset, seed),
        agent_pools=agent_pools,
        adapters=adapters,
        rng=RngStream(seed, listing.event.event_ticker, "history"),
    )


def _fitted(listing: EventListing) -> Preset:
    preset = PRESETS[listing.preset]
    large = replace(
        preset.large,
        whales=preset.large.whales * listing.large_traders,
        spoofs=preset.large.spoofs * listing.large_traders,
        sweeps=preset.large.sweeps * listing.large_traders,
    )
    return replace(preset, activity=listing.activity, sides=listing.sides, large=large)


def _belief(exchange: Exchange, listing: EventListing, preset: Preset, seed: int) -> Belief:
    if listing.markets[0].is_combo:
        return Parlay(exchange, listing.markets)
    rng = RngStream(seed, listing.event.event_ticker, "belief")
    life = (listing.is_known - listing.opens).total_seconds()
    if preset.unpredictable:
        return Coin(rng, life, preset.coin_moves, start=0.495)
    elapsed = (exchange.now - listing.opens).total_seconds()
    return Latent(rng, preset.news, listing.intervals, life, min(max(elapsed, 0.0), life))


class Parlay:
    """The value of combos, which follows from their legs."""

    def __init__(self, exchange: Exchange, markets: Sequence[MarketSpec]) -> None:
        self._exchange = exchange
        self._markets = markets

    @property
    def values(self) -> Sequence[float]:
        """1 for a combo whose legs all won, else 0."""
        return [float(all(self._has_won(leg) for leg in m.mve_legs)) for m in self._markets]

    def step(self, seconds: float) -> None:
        """Nothing: the legs keep time."""

    def _has_won(self, leg: ComboLeg) -> bool:
        return self._exchange.result(leg.market_ticker) == leg.side
