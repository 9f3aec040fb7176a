"""How late the event loop is: what waits for a moment is woken so much after it.

Whatever keeps the loop busy (a long computation, a blocking call) shows here, whoever does it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from bot.telemetry.gauges import PREFIX

#: Seconds between two measures, and how many of them the greatest lag is taken of: a minute.
EVERY: Final = 0.5
REMEMBERED: Final = 120
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

LAG: Final = (
    "event_loop_lag_seconds",
    "How much later than due the event loop woke a task, seconds",
)
LONGEST: Final = ("event_loop_lag_max_seconds", "The greatest lag of the last minute, seconds")


class LoopLag:
    """Measures the lag for as long as `watch` runs, and exposes it."""

    def __init__(
        self,
        stopwatch: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`stopwatch` gives seconds on a clock that never jumps."""
        self._stopwatch = stopwatch
        self._sleep = sleep
        self._lately: deque[float] = deque(maxlen=REMEMBERED)
        self._all = Histogram(PREFIX + LAG[0], LAG[1], registry=None, buckets=BUCKETS)

    @property
    def longest(self) -> float | None:
        """The greatest lag of the last minute in seconds; None before the first measure."""
        return max(self._lately, default=None)

    async def watch(self, stopping: asyncio.Event) -> None:
        """Measure until the event is set; that is noticed within half a second."""
        while not stopping.is_set():
            before = self._stopwatch()
            await self._sleep(EVERY)
            lag = max(self._stopwatch() - before - EVERY, 0.0)
            self._lately.append(lag)
            self._all.observe(lag)

    def collect(self) -> Iterator[Metric]:
        """All lags as a histogram, and the greatest recent one; nothing if not measured.

        For a registry.
        """
        longest = self.longest
        if longest is None:
            return
        yield from self._all.collect()
        yield GaugeMetricFamily(PREFIX + LONGEST[0], LONGEST[1], value=longest)
