"""The demo exchange: some fifty markets of several kinds, active from the first request on."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from bot.clock import Clock
from bot.sim.engine.exchange import Exchange
from bot.sim.world.demo_events import PERPETUAL, ROLLING
from bot.sim.world.driver import WorldDriver
from bot.sim.world.listings import Calendar, PerpetualListing, Rolling
from bot.sim.world.truth import Truth
from bot.sim.world.world import World

#: The world begins a day before the first request, so that 24-hour volumes are what they say.
HISTORY = timedelta(days=1)
#: Rolling series begin this long before it, and prints come twice a minute from then on.
ROLLED = timedelta(minutes=31)
#: How long a market that has paid stays in the live listing: long enough for a bot that looks every
#: few minutes, and the demo lists hundreds of markets a day.
PAID_LISTED = timedelta(hours=1)
#: The participants live through the last moments second by second.
LIVED = timedelta(seconds=20)
#: Nobody judges a detector by a demo, and it may run for months.
TRUTH_STORED = 500


def demo_world(
    exchange: Exchange,
    seed: int,
    rolling: Sequence[Rolling] = ROLLING,
    perpetual: Sequence[PerpetualListing] = PERPETUAL,
) -> World:
    """A demo world on an exchange `HISTORY` before the start of the demo."""
    start = exchange.now + HISTORY
    series = [each.series for each in rolling] + [each.series for each in perpetual]
    calendar = Calendar(
        perpetual=[each.listing(start) for each in perpetual],
        rolling=rolling,
        series=tuple({one.ticker: one for one in series}.values()),
        rolls_from=start - ROLLED,
    )
    truth = Truth(deque(maxlen=TRUTH_STORED))
    world = World(exchange, seed, calendar, truth)
    world.rehearse(start - ROLLED, step=3600.0)
    world.rehearse(start - LIVED, step=30.0)
    world.advance(start)
    return world


def demo_exchange(clock: Clock, seed: int, speed: float = 1.0) -> tuple[Exchange, WorldDriver]:
    """The demo exchange as of now, and what keeps it current."""
    start = clock.now()
    exchange = Exchange(seed, start - HISTORY, PAID_LISTED)
    # A day of history takes seconds to make: the exchange's clock would be late by them for good.
    return exchange, WorldDriver(demo_world(exchange, seed), clock, speed, start)
