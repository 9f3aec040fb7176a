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
        self._taken = 0

    @property
    def rate(self) -> float:
        """Requests a second on average at most."""
        return self._rate

    @property
    def taken(self) -> int:
        """Requests that were let pass so far."""
        return self._taken

    @property
    def used(self) -> float:
        """The share of what may be sent at once that is spent now, in [0, 1]."""
        earned = (self._stopwatch() - self._filled_at) * self._rate
        return 1.0 - min(self._level + earned, self._capacity) / self._capacity

    async def take(self) -> None:
        """Wait until one more request may be sent."""
        async with self._turn:
            while (short := 1.0 - self._refilled()) > 0:
                await self._sleep(short / self._rate)
            self._level -= 1.0
            self._taken += 1

    def _refilled(self) -> float:
        now = self._stopwatch()
        earned = (now - self._filled_at) * self._rate
        self._filled_at = now
        # A hair is forgiven: tokens are sums of floats, and a wait for 1e-16 s never ends.
        self._level = min(self._capacity, self._level + earned + 1e-9)
        return self._level
