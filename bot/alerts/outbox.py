"""Alerts on their way to one target: a short queue, and a task that sends what is in it.

One target that hangs delays no other. The least urgent go first when there are too many.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx

from bot.alerts.alert import Alert
from bot.alerts.channel import AlertTarget
from bot.alerts.delivery import Post
from bot.ports.exchange import Clock

#: Alerts that wait at most; the least urgent goes first, the oldest of those.
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Means:
    """How alerts get out: by the network and by waiting, unless a test brings its own.

    `farewell` is how many seconds a stop waits for what is still to be sent.
    """

    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    farewell: float = 3.0


class Outbox:
    """What waits for a target, and what became of all that it was given."""

    def __init__(self, target: AlertTarget, clock: Clock, means: Means) -> None:
        self._target = target
        self._clock = clock
        self._means = means
        self._queue: list[Alert] = []
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self.sent = self.failed = self.dropped = 0

    @property
    def waiting(self) -> int:
        """Alerts that are not sent yet."""
        return len(self._queue) + self._under_way

    def put(self, alert: Alert) -> None:
        """Send this in its turn; never waits."""
        self._queue.append(alert)
        if len(self._queue) > MOST:
            least = min(range(len(self._queue)), key=lambda place: self._queue[place].severity)
            del self._queue[least]
            self.dropped += 1
        self._filled.set()
        self._idle.clear()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until the event is set; what is queued then has a few seconds to get out."""
        async with (
            self._target.opened(self._means.transport) as channel,
            asyncio.TaskGroup() as group,
        ):
            post = Post(channel, self._clock, self._means.sleep)
            sender = group.create_task(self._send(post), name="alert sender")
            await stopping.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._means.farewell):
                    await self._idle.wait()
            sender.cancel()

    def discard(self) -> int:
        """Drop what waits; how many alerts that were."""
        unsent = self.waiting
        self._queue.clear()
        self._under_way = 0
        self.dropped += unsent
        return unsent

    async def _send_next(self, post: Post) -> None:
        alert, self._under_way = self._queue.pop(0), 1
        arrived = await post.deliver(alert)
        self._under_way = 0
        self.sent += arrived
        self.failed += not arrived

    async def _send(self, post: Post) -> None:
        while True:
            await self._filled.wait()
            await self._send_next(post)
            if not self._queue:
                self._filled.clear()
                self._idle.set()
