"""Advances a world with the wall clock, at any speed, with bounded work per call."""

from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

from bot.clock import Clock

#: Steps of one second that a call takes at most; what is further behind goes in `LONG_STEPS`.
SHORT_STEPS = 5
LONG_STEPS = 6


class Lives(Protocol):
    """What is driven: a world of generated or of recorded books."""

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        ...

    def advance(self, to: datetime, step: float = 1.0) -> None:
        """Move to that time in steps of so many seconds."""
        ...


class WorldDriver:
    """Maps the wall clock to the exchange's time: `speed` seconds there for each one here.

    Participants act every whole second. After a long gap they act a few times over long steps,
    then second by second, so that the books are fresh and no call takes long.
    """

    def __init__(
        self, world: Lives, clock: Clock, speed: float = 1.0, wall_start: datetime | None = None
    ) -> None:
        """The world as it is now belongs to `wall_start`, or to now if None."""
        self._world = world
        self._clock = clock
        self._speed = speed
        self._wall_start = wall_start or clock.now()
        self._start = world.now

    def catch_up(self) -> None:
        """Bring the world and its exchange to the present."""
        present = self._present()
        behind = int((present - self._world.now).total_seconds())
        recent = min(behind, SHORT_STEPS)
        gap = behind - recent
        if gap > 0:
            until = self._world.now + timedelta(seconds=gap)
            self._world.advance(until, step=ceil(gap / LONG_STEPS))
        self._world.advance(self._world.now + timedelta(seconds=recent))

    def _present(self) -> datetime:
        passed = (self._clock.now() - self._wall_start).total_seconds()
        return self._start + timedelta(seconds=max(passed, 0.0) * self._speed)
