"""Commits what a pass did, and only then shows and logs it.

So neither dashboard nor logs show money that a restart would not know. While the database is away
the bot goes on watching, sends no order, shows the fault and buffers its events (`commit_queue`).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.events import Event
from bot.engine.commit_queue import BATCH, CommitQueue
from bot.ports.exchange import Journal
from bot.ports.persistence import StateRecord
from bot.ports.view_faults import ViewFaults


class Stateful(Protocol):
    """Has state between passes that must outlive the process."""

    def state_records(self) -> Sequence[StateRecord]:
        """What changed since the last call."""
        ...


class StateView(Protocol):
    """Holds the state of a pass until it may be shown."""

    def prepared(self) -> bytes | None:
        """The state that will be shown next, as JSON; None if there is none."""
        ...

    def shown(self) -> bytes | None:
        """The state that is shown now, as JSON; None if there is none."""
        ...

    def show(self) -> None:
        """Show it."""
        ...

    def show_role(self) -> None:
        """Show nothing new but the status of this process."""
        ...


class NullView:
    """Shows nothing: for replays."""

    def prepared(self) -> bytes | None:
        """Nothing."""
        return None

    def shown(self) -> bytes | None:
        """Nothing."""
        return None

    def show(self) -> None:
        """Nothing."""

    def show_role(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class PassState:
    """What is committed with the events of a pass: the state to show, and state records.

    State of `views` is committed if possible: the account is committed without it.
    """

    view: StateView = field(default_factory=NullView)
    stateful: Sequence[Stateful] = ()
    views: Mapping[str, Stateful] = field(default_factory=dict)
    faults: ViewFaults = field(default_factory=ViewFaults)

    def changes(self) -> Iterator[Sequence[StateRecord]]:
        """What changed since the last call, part by part."""
        for one in self.stateful:
            yield one.state_records()
        for name, one in self.views.items():
            with self.faults.within(name):
                yield one.state_records()


class UnitOfWork:
    """One transaction a pass, then what shows and logs it."""

    def __init__(
        self, queue: CommitQueue, journal: Journal, state: PassState | None = None
    ) -> None:
        self._queue = queue
        self._journal = journal
        self._state = state or PassState()
        self._view = self._state.view
        # The loop, and what publishes between two passes.
        self._lock = asyncio.Lock()

    def announce(self, events: Sequence[Event]) -> None:
        """Log these at once: they are not stored."""
        self._journal.record(events)

    async def commit_pass(
        self, events: Sequence[Event], records: Sequence[StateRecord] = ()
    ) -> None:
        """Commit what a pass did, then show it. Raises LeaseLostError."""
        self._queue.add(events, records)
        for changed in self._state.changes():
            self._queue.add((), changed)
        try:
            async with self._lock:
                await self._queue.commit(self._view.prepared())
            with self._state.faults.within("the state"):
                self._show()
        finally:
            await self._emit()

    async def note(self, events: Sequence[Event], records: Sequence[StateRecord]) -> None:
        """Commit these between passes, with the state that shows them. Raises LeaseLostError."""
        if not (events or records):
            return
        async with self._lock:
            self._queue.add(events, records)
            await self._queue.commit(self._view.shown())
        await self._emit()

    async def publish(self) -> None:
        """Publish what is shown between two passes, if it changed. Raises LeaseLostError."""
        if self._view.shown() != self._queue.published or self._queue.fault is not None:
            async with self._lock:
                # Read only now: a pass committed meanwhile shows more.
                await self._queue.commit(self._view.shown())
            await self._emit()

    def _show(self) -> None:
        if self._queue.owes_money:
            self._view.show_role()
        else:
            self._view.show()

    async def _emit(self) -> None:
        # Removed as they are logged: the await may be cancelled.
        while batch := self._queue.committed_batch():
            self._journal.record(batch)
            if len(batch) == BATCH:
                await asyncio.sleep(0)
        self._journal.flush()
