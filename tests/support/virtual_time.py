"""An event loop whose seconds pass at once: when nothing is left to do, it is later already.

For parts that do no real input and output: what takes how long is then exact, and takes no time.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from tests.support.strategies import NOON

T = TypeVar("T")


class _Leaps(selectors.SelectSelector):
    """Waits for nothing: the time goes by instead."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if timeout is None and not found:
            raise RuntimeError("everything waits, and nothing will ever happen")
        self.passed += timeout or 0.0
        return found


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.leaps = _Leaps()
        super().__init__(self.leaps)

    def time(self) -> float:
        return self.leaps.passed


class LoopClock:
    """The time of such a loop, from noon on."""

    def __init__(self, leaps: _Leaps) -> None:
        self._leaps = leaps

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return round(self._leaps.passed, 6)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._leaps.passed)

    def pass_by(self, seconds: float) -> None:
        """Let time pass at a stroke: whatever is due meanwhile is late."""
        self._leaps.passed += seconds


def run_virtually(work: Callable[[LoopClock], Awaitable[T]]) -> T:
    """What it comes to, on a loop of its own."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(work(LoopClock(loop.leaps)))
    finally:
        loop.close()
