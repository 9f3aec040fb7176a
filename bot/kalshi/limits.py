"""The outbound budget: how many requests a second this process may send.

A token bucket with two lanes: in each whoever came first goes first, no urgent request waits for
another, and some of the bucket is kept for those that are urgent (exits and cancels). A cancelled
waiter takes nothing. Time and sleep are given, so that a test needs no real second.
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
        reserve: float = 0.0,
    ) -> None:
        """`stopwatch` gives seconds; without `capacity`, one second's worth at once.

        `reserve` is the share of what may be sent at once that only urgent requests may spend.
        """
        self._stopwatch = stopwatch
        self._reserve = reserve
        self._set(rate, capacity)
        self._sleep = sleep
        self._level = self._capacity
        self._filled_at = stopwatch()
        # Waiters of a lane are served in order.
        self._usual, self._urgent = asyncio.Lock(), asyncio.Lock()
        self._waiting_urgently = 0
        self._taken = 0

    @property
    def rate(self) -> float:
        """Requests a second on average at most."""
        return self._rate

    @property
    def taken(self) -> int:
        """Requests sent so far."""
        return self._taken

    @property
    def used(self) -> float:
        """The share of what may be sent at once that is spent now, in [0, 1]."""
        earned = (self._stopwatch() - self._filled_at) * self._rate
        return 1.0 - min(self._level + earned, self._capacity) / self._capacity

    def apart(self) -> "TokenBudget":
        """A full bucket of the same size."""
        return TokenBudget(self._stopwatch, self._rate, self._capacity, self._sleep, self._reserve)

    def resize(self, rate: float, capacity: float | None = None) -> None:
        """So many requests a second from now on. Raises ValueError for none."""
        self._refilled()
        self._set(rate, capacity)
        self._level = min(self._level, self._capacity)

    async def take(self, cost: float = 1.0, *, urgent: bool = False) -> None:
        """Wait until one more request may be sent that costs as much as so many usual ones."""
        self._waiting_urgently += urgent
        try:
            async with self._urgent if urgent else self._usual:
                while (short := self._short(cost, urgent=urgent)) > 0:
                    await self._sleep(short / self._rate)
                self._level -= cost
                self._taken += 1
        finally:
            self._waiting_urgently -= urgent

    def _set(self, rate: float, capacity: float | None) -> None:
        if rate <= 0:
            raise ValueError(f"a rate of {rate} requests a second would wait for ever")
        self._rate = rate
        self._capacity = max(capacity or rate, 1.0)

    def _short(self, cost: float, *, urgent: bool) -> float:
        """How much is missing for a request; one that is not urgent gives way and leaves a rest."""
        level = self._refilled()
        if urgent:
            return cost - level
        # A bucket that holds no more than this request has nothing to keep.
        rest = min(self._reserve * self._capacity, self._capacity - cost)
        return max(cost + rest - level, cost if self._waiting_urgently else 0.0)

    def _refilled(self) -> float:
        now = self._stopwatch()
        earned = (now - self._filled_at) * self._rate
        self._filled_at = now
        # A hair is forgiven: tokens are sums of floats, and a wait for 1e-16 s never ends.
        self._level = min(self._capacity, self._level + earned + 1e-9)
        return self._level
