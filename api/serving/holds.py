"""Answers that wait: what a page asks for in a tight loop is answered when there is news.

The deployed dashboard asks again the moment it has an answer. So a page that knows the state waits
for the next one, and one that is refused waits a second. Where news follow one another closely, all
pages are told together, and again a while later. Never more than a bounded number waits, none
longer than a bounded time, none once the service ends or the client has gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from starlette.types import Receive

from bot.clock import stopwatch

#: In the state of the server: what lets all go who wait, for a server that ends.
LET_GO: Final = "let_go"


@dataclass(frozen=True, slots=True)
class LongPollLimits:
    """Seconds that a page waits for news, and for a refusal; how many requests wait at most.

    The dashboard asks anew after 2 s without an answer: `news` must end well before that. Between
    two times that news are told are `apart` seconds at least.
    """

    news: float = 1.5
    refusal: float = 1.0
    most: int = 32
    apart: float = 0.85


USUAL: Final = LongPollLimits()


class NewsThrottle:
    """When pages are told news: all of them of the same at once, and not again for a while."""

    def __init__(self, apart: float, now: Callable[[], float] = stopwatch) -> None:
        self._apart = apart
        self._now = now
        self._released: object = None
        self._next = -inf

    async def acquire(self, news: Callable[[], object]) -> None:
        """Wait until what is news by then may be told."""
        while news() is not self._released:
            if (left := self._next - self._now()) <= 0:
                self._released, self._next = news(), self._now() + self._apart
                return
            await asyncio.sleep(left)


class Holds:
    """Those that wait now."""

    def __init__(self, patience: LongPollLimits) -> None:
        self.patience = patience
        self.throttle = NewsThrottle(patience.apart)
        self._count = 0
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        return self._count

    def let_go(self) -> None:
        """Answer all that wait, and let none wait any more."""
        self._ended.set()

    async def ended(self) -> None:
        """Returns once all are let go."""
        await self._ended.wait()

    async def refusal(self, receive: Receive) -> None:
        """Wait as long as a refusal is held back."""
        await self._wait(receive, self.patience.refusal)

    async def news(self, receive: Receive, news: Callable[[], Awaitable[object]]) -> None:
        """Wait for the news, but not long."""
        await self._wait(receive, self.patience.news, news)

    async def _wait(
        self,
        receive: Receive,
        seconds: float,
        news: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        if self._count >= self.patience.most or self._ended.is_set():
            return
        ends = (self._ended.wait, lambda: _gone(receive), *([news] if news else []))
        self._count += 1
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {group.create_task(_done(end)) for end in ends}
                await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        finally:
            self._count -= 1


async def _done(end: Callable[[], Awaitable[object]]) -> None:
    await end()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
