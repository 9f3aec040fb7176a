"""Alerts to a webhook: what somebody wants to hear of at once, said once, and never in the way.

`see` and `tell` only put alerts into a short queue; a task of its own sends them, however long
that takes. What may go out is decided by `alert_gate`, what lasts by `alert_troubles`, how it is
worded by `alert_webhook`, how often it is tried by `alert_post`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx

from bot.alerts.alert import Alert, AlertKind, AlertRules, Severity, alert_of
from bot.alerts.conditions import NodeCondition, Troubles
from bot.alerts.dedup import Gate
from bot.alerts.delivery import Post
from bot.alerts.webhook import Webhook
from bot.core.events import Event
from bot.ports.exchange import Clock
from bot.ports.view_faults import ViewFaults

__all__ = ["Alert", "AlertKind", "AlertRules", "Alerts", "NodeCondition", "Severity", "Webhook"]

log = logging.getLogger("main")

#: Alerts that wait at most; the least urgent goes first, the oldest of those.
MOST: Final = 100
#: Seconds between two looks at how the service stands.
LOOK: Final = 5.0


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """What became of all alerts so far: `suppressed` were repeats or too many at once."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """How alerts get out: by the network and by waiting, unless a test brings its own.

    `farewell` is how many seconds a stop waits for what is still to be sent.
    """

    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    farewell: float = 3.0


class Alerts:
    """Hears of everything, tells what matters. Without a webhook it hears and tells nothing."""

    def __init__(
        self,
        webhook: Webhook | None,
        rules: AlertRules,
        condition: Callable[[], NodeCondition],
        clock: Clock,
        means: Means | None = None,
    ) -> None:
        """`standing` is asked every few seconds while `run` runs."""
        self._webhook = webhook
        self._rules = rules
        self._condition = condition
        self._clock = clock
        self._means = means or Means()
        self._gate = Gate()
        self._troubles = Troubles()
        self._faults = ViewFaults()
        self._queue: list[Alert] = []
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self._sent = self._failed = self._dropped = 0

    @property
    def queued(self) -> int:
        """Alerts that wait to be sent, or for their time."""
        return len(self._queue) + self._under_way + self._gate.waiting

    @property
    def counts(self) -> AlertCounts:
        """What became of all alerts so far."""
        return AlertCounts(self._sent, self._failed, self._dropped, self._gate.suppressed)

    def on_events(self, events: Sequence[Event]) -> None:
        """These happened; never waits."""
        self._faults.each("an alert", self._see, events)
        self._faults.taken()

    def notify(self, kind: AlertKind, severity: Severity, message: str) -> None:
        """Tell this, now; never waits."""
        self.emit(Alert(kind, severity, message, self._clock.now()))

    def emit(self, alert: Alert) -> None:
        """Send this when its turn comes, unless it repeats another; never waits."""
        if self._webhook is None:
            return
        passed = self._gate.passed(alert)
        if passed is not None:
            self._put(passed)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send alerts and watch how the service stands, until the event is set.

        What is queued then has a few seconds to get out.
        """
        if self._webhook is None:
            await stopping.wait()
            return
        async with (
            self._webhook.opened(self._means.transport) as http,
            asyncio.TaskGroup() as group,
        ):
            post = Post(http, self._webhook, self._clock, self._means.sleep)
            sender = group.create_task(self._send(post), name="alert sender")
            watcher = group.create_task(self._watch(), name="alert watcher")
            await stopping.wait()
            watcher.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._means.farewell):
                    await self._idle.wait()
            sender.cancel()
            self._part()

    def _see(self, event: Event) -> None:
        alert = alert_of(event, self._rules)
        if alert is not None:
            self.emit(alert)

    def _put(self, alert: Alert) -> None:
        self._queue.append(alert)
        if len(self._queue) > MOST:
            least = min(range(len(self._queue)), key=lambda place: self._queue[place].severity)
            del self._queue[least]
            self._dropped += 1
        self._filled.set()
        self._idle.clear()

    async def _send(self, post: Post) -> None:
        while True:
            await self._filled.wait()
            alert, self._under_way = self._queue.pop(0), 1
            arrived = await post.deliver(alert)
            self._under_way = 0
            self._sent += arrived
            self._failed += not arrived
            if not self._queue:
                self._filled.clear()
                self._idle.set()

    async def _watch(self) -> None:
        while True:
            at = self._clock.now()
            with self._faults.within("an alert"):
                for alert in self._troubles.after(self._condition(), at):
                    self.emit(alert)
            for alert in self._gate.due(at):
                self._put(alert)
            await self._means.sleep(LOOK)

    def _part(self) -> None:
        """Say what could not be sent any more."""
        unsent = len(self._queue) + self._under_way
        if unsent:
            self._queue.clear()
            self._under_way = 0
            self._dropped += unsent
            log.warning("The service ended before %d alerts could be sent", unsent)
