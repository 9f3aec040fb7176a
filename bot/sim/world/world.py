"""The world: it lists markets by its programme, lets the participants act, and announces outcomes.

The exchange's time is the world's time: `step` moves both. Everything is drawn from the seed;
the same seed, programme and steps give the same events.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import SeriesSpec
from bot.sim.world.agents import House
from bot.sim.world.live_event import EventListing, LiveEvent, live_event
from bot.sim.world.presets import PRESETS
from bot.sim.world.truth import ActionKind, Truth


class Programme(Protocol):
    """What is listed when."""

    @property
    def series(self) -> Sequence[SeriesSpec]:
        """All series, listed at the start."""
        ...

    def due(self, now: datetime) -> Sequence[EventListing]:
        """The events to list by now that were not asked for before."""
        ...


class World:
    """The life on one exchange."""

    def __init__(
        self, exchange: Exchange, seed: int, programme: Programme, truth: Truth | None = None
    ) -> None:
        self.exchange = exchange
        self.truth = Truth() if truth is None else truth
        self._seed = seed
        self._programme = programme
        self._house = _house(exchange)
        self._live_events: list[LiveEvent] = []
        for series in programme.series:
            exchange.add_series(series)
        self._list()

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        return self.exchange.now

    def step(self, to: datetime) -> None:
        """Move to that moment in one step: everybody acts once."""
        self._move(to)
        self._live_events = [each for each in self._live_events if each.step(self.exchange)]

    def advance(self, to: datetime, step: float = 1.0) -> None:
        """Move to that moment in steps of so many seconds; the last one may be shorter."""
        while self.now < to:
            self.step(min(self.now + timedelta(seconds=step), to))

    def rehearse(self, to: datetime, step: float) -> None:
        """Advance to that time in coarse steps: one trade stands for all of a step."""
        while self.now < to:
            self._move(min(self.now + timedelta(seconds=step), to))
            self._live_events = [
                each for each in self._live_events if each.notify(self.exchange, self._house)
            ]

    def _move(self, to: datetime) -> None:
        self.exchange.advance(to)
        self._list()

    def _list(self) -> None:
        for listing in self._programme.due(self.now):
            self._live_events.append(
                live_event(self.exchange, listing, self._house, self._seed, self.truth)
            )


def _house(exchange: Exchange) -> House:
    market_makers = max(len(preset.makers) for preset in PRESETS.values())
    return House(
        makers=[exchange.open_account(f"maker {n + 1}", house=True) for n in range(market_makers)],
        noise_flow=exchange.open_account("passers", house=True),
        large={kind: exchange.open_account(kind, house=True) for kind in ActionKind},
    )
