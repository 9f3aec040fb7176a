"""Alerts: what somebody wants to hear of at once, said once, and never in the way.

`on_events` and `notify` only put alerts into short queues; a task for each target sends them,
however long that takes. What may go out is decided by `dedup`, what lasts by `conditions`, how it
is worded by `alert` and the target, how often it is tried by `delivery`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.alerts.alert import Alert, AlertKind, AlertRules, Severity, Topic, alert_of
from bot.alerts.channel import AlertTarget
from bot.alerts.conditions import NodeCondition, Troubles
from bot.alerts.daily import DailySummary
from bot.alerts.dedup import Gate
from bot.alerts.outbox import Means, Outbox
from bot.core.events import Event
from bot.ports.exchange import Clock
from bot.ports.persistence import StoreError
from bot.ports.view_faults import ViewFaults

log = logging.getLogger("main")

#: Seconds between two checks of the service.
LOOK: Final = 5.0


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """What became of all alerts so far: `suppressed` were repeats or too many at once."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class AlertSources:
    """What is looked at besides events: how the service stands, and days that end."""

    condition: Callable[[], NodeCondition]
    daily: DailySummary | None = None


class Alerts:
    """Takes all events and sends what matters; without a target it does nothing."""

    def __init__(
        self,
        targets: Sequence[AlertTarget],
        rules: AlertRules,
        sources: AlertSources,
        clock: Clock,
        means: Means | None = None,
    ) -> None:
        """`sources` are asked every few seconds while `run` runs."""
        self._rules = rules
        self._sources = sources
        self._clock = clock
        self._means = means or Means()
        self._outboxes = [Outbox(target, clock, self._means) for target in targets]
        self._gate = Gate()
        self._troubles = Troubles()
        self._faults = ViewFaults()

    @property
    def queued(self) -> int:
        """Alerts that wait to be sent, or for their time."""
        return sum(outbox.waiting for outbox in self._outboxes) + self._gate.waiting

    @property
    def counts(self) -> AlertCounts:
        """What became of all alerts so far, for each target."""
        return AlertCounts(
            sent=sum(outbox.sent for outbox in self._outboxes),
            failed=sum(outbox.failed for outbox in self._outboxes),
            dropped=sum(outbox.dropped for outbox in self._outboxes),
            suppressed=self._gate.suppressed,
        )

    def on_events(self, events: Sequence[Event]) -> None:
        """Take these events; never blocks."""
        self._faults.each("an alert", self._see, events)
        self._faults.taken()

    def notify(self, kind: AlertKind, severity: Severity, message: str) -> None:
        """Send this now; never blocks."""
        self.emit(Alert(kind, severity, message, self._clock.now()))

    def emit(self, alert: Alert) -> None:
        """Queue this, if its topic is wanted and it repeats no other; never blocks."""
        if not self._outboxes or not self._rules.wants(alert):
            return
        passed = self._gate.passed(alert)
        if passed is not None:
            self._put(passed)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send alerts and watch how the service stands, until the event is set.

        What is queued then has a few seconds to get out.
        """
        if not self._outboxes:
            await stopping.wait()
            return
        async with asyncio.TaskGroup() as group:
            for outbox in self._outboxes:
                group.create_task(outbox.run(stopping), name="alert outbox")
            watcher = group.create_task(self._watch(), name="alert watcher")
            await stopping.wait()
            watcher.cancel()
        unsent = sum(outbox.discard() for outbox in self._outboxes)
        if unsent:
            log.warning("The service ended before %d alerts could be sent", unsent)

    def _see(self, event: Event) -> None:
        alert = alert_of(event, self._rules)
        if alert is not None:
            self.emit(alert)

    def _put(self, alert: Alert) -> None:
        for outbox in self._outboxes:
            outbox.put(alert)

    async def _watch(self) -> None:
        while True:
            at, condition = self._clock.now(), self._sources.condition()
            with self._faults.within("an alert"):
                for alert in self._troubles.after(condition, at):
                    self.emit(alert)
            for alert in self._gate.due(at):
                self._put(alert)
            await self._summed_up(condition, at)
            await self._means.sleep(LOOK)

    async def _summed_up(self, condition: NodeCondition, at: datetime) -> None:
        daily = self._sources.daily
        if daily is None or Topic.DAILY not in self._rules.topics:
            return
        # While the database is away the summary stays due.
        with suppress(StoreError):
            alert = await daily.due(condition.leader, at)
            if alert is not None:
                self.emit(alert)
