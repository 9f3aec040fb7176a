"""Where time comes from. The only module that reads the machine's clock."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC)


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


def stopwatch() -> float:
    """Seconds on a clock that never jumps: for measuring how long something took."""
    return time.perf_counter()


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the event is set."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await stopping.wait()
    except TimeoutError:
        return
