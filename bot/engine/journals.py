"""The CSV logs, counters and alerts as one journal."""

from collections.abc import Sequence
from typing import Protocol

from bot.core.events import Event
from bot.ports.exchange import Journal
from bot.ports.view_faults import ViewFaults


class EventListener(Protocol):
    """Listens to events."""

    def on_events(self, events: Sequence[Event]) -> None:
        """Take these events; never blocks."""
        ...


class Journals:
    """The CSV journal, and the listeners that hear whatever is written there."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._listeners: tuple[EventListener, ...] = ()
        self._faults = ViewFaults()
        self._odd: str | None = None

    def subscribe(self, *listeners: EventListener) -> None:
        """Pass on what is recorded to these, too."""
        self._listeners = listeners

    @property
    def fault(self) -> str | None:
        """Why rows are being lost, if they are."""
        return self._journal.fault or self._odd

    def record(self, events: Sequence[Event]) -> None:
        """Write these events and pass them on."""
        with self._faults.within("the logs"):
            self._journal.record(events)
        for listener in self._listeners:
            with self._faults.within(type(listener).__name__.lower()):
                listener.on_events(events)

    def turn_to(self, account: str) -> None:
        """Record for this account from now on."""
        self._journal.turn_to(account)

    def flush(self) -> None:
        """Flush what was recorded to the files."""
        with self._faults.within("the logs"):
            self._journal.flush()
        self._odd = self._faults.taken()
