"""A wave of requests, started a few at a time: between them the loop hears who else asks.

Requests that come together would all be started in one go of the event loop, and a probe that comes
a moment later would wait for every one of them. Leaves out how long an answer takes: see the turns
of `api.middleware`.
"""

import asyncio
from collections import deque
from typing import Final

#: Requests that are started in one go of the loop.
AT_ONCE: Final = 2


class Pacing:
    """Lets so many pass in one go of the loop; the others follow in the order they came."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._left = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def passed(self) -> None:
        """Returns once this one may start."""
        loop = asyncio.get_running_loop()
        if self._left == self._at_once:
            loop.call_soon(self._next_go, loop)
        if self._left > 0:
            self._left -= 1
            return
        waiting = loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _next_go(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = self._at_once
        while self._waiting and self._left > 0:
            one = self._waiting.popleft()
            if not one.done():  # who has gone meanwhile takes nobody's place
                one.set_result(None)
                self._left -= 1
        if self._left < self._at_once:
            loop.call_soon(self._next_go, loop)
