"""Where time comes from. The only module that reads the machine's clock."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

#: Seconds by which two looks at the machine's time may differ from what passed between them.
JUMP: Final = 2.0
#: Seconds after which a jump is followed that the exchange neither confirms nor denies.
PATIENCE: Final = 600.0
#: Seconds that the exchange's clock and the right one may differ.
AGREES: Final = 3.0
#: Jumps remembered until somebody asks for them.
ROOM: Final = 10


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return _wall()


def _wall() -> datetime:
    return datetime.now(UTC)


def stopwatch() -> float:
    """Seconds on a clock that never jumps: for measuring how long something took."""
    return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Jump:
    """The machine's time was put `seconds` ahead (or back) at once, `at` as it was before."""

    at: datetime
    seconds: float


class SteadyClock:
    """The machine's time without its jumps: limits of a day or a minute must not end by one.

    A jump is followed once the exchange has the same time, or after a while if that is not known.
    """

    def __init__(
        self, wall: Callable[[], datetime] = _wall, seconds: Callable[[], float] = stopwatch
    ) -> None:
        self._wall = wall
        self._seconds = seconds
        self._last = wall(), seconds()
        self._ahead = 0.0
        self._since: float | None = None
        self._jumps: deque[Jump] = deque(maxlen=ROOM)

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        read, wall = self._seconds(), self._wall()
        (last, last_read) = self._last
        steady = last + timedelta(seconds=read - last_read)
        ahead = (wall - steady).total_seconds()
        if abs(ahead) <= JUMP:
            return self._follow(wall, read)
        if self._since is None or abs(ahead - self._ahead) > JUMP:
            self._jumps.append(Jump(steady, ahead))
            self._ahead, self._since = ahead, read
        return self._follow(wall, read) if read - self._since >= PATIENCE else steady

    def compare(self, skew: float) -> None:
        """Learn that the exchange's clock is so many seconds ahead of this one."""
        self.now()
        if self._since is None:
            return
        if abs(skew - self._ahead) <= AGREES:
            self._follow(self._wall(), self._seconds())
        elif abs(skew) <= AGREES:
            self._since = self._seconds()

    def jumps(self) -> list[Jump]:
        """What jumped since the last call."""
        jumps = list(self._jumps)
        self._jumps.clear()
        return jumps

    def _follow(self, wall: datetime, read: float) -> datetime:
        self._last, self._since = (wall, read), None
        return wall


class RecordedClock:
    """The time of a tape: stands where it was last put."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment the tape has reached, aware, UTC."""
        return self._now

    def move(self, to: datetime) -> None:
        """Go to a moment of the tape."""
        self._now = to


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the event is set."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await stopping.wait()
    except TimeoutError:
        return
