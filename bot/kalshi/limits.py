"""The outbound budget: how many requests a second this process may send.

A token bucket with a queue: whoever came first goes first, and a cancelled waiter takes
nothing. Time and sleep are given, so that a test needs no real second.
"""

import asyncio
from collections.abc import Awaitable, Callable


class TokenBudget:
    """`rate` requests a second on average, `capacity` at once."""

    def __init__(
        self,
        stopwatch: Callable[[], float],
        rate: float = 3.0,
        capacity: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`stopwatch` gives seconds; without `capacity`, one second's worth at once."""
        if rate <= 0:
            raise ValueError(f"a rate of {rate} requests a second would wait for ever")
        self._stopwatch = stopwatch
        self._rate = rate
        self._capacity = max(capacity or rate, 1.0)
        self._sleep = sleep
        self._level = self._capacity
        self._filled_at = stopwatch()
        self._turn = asyncio.Lock()  # its waiters are served in order

    async def take(self) -> None:
        """Wait until one more request may be sent."""
        async with self._turn:
            while (short := 1.0 - self._refilled()) > 0:
                await self._sleep(short / self._rate)
            self._level -= 1.0

    def _refilled(self) -> float:
        now = self._stopwatch()
        earned = (now - self._filled_at) * self._rate
        self._filled_at = now
        # A hair is forgiven: tokens are sums of floats, and a wait for 1e-16 s never ends.
        self._level = min(self._capacity, self._level + earned + 1e-9)
        return self._level
