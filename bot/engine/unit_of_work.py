"""Commits what a pass did, and only then shows and logs it.

So neither dashboard nor logs show money that a restart would not know. While the database is away
the bot goes on watching, sends no order, shows the fault and buffers its events in bounded room;
events that move money are never dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from bot.core.events import (
    Event,
    MarketSettled,
    OrderEnded,
    OrderFilled,
    PositionAdjusted,
    PositionClosed,
)
from bot.core.market.orders import Order
from bot.ports.exchange import Journal
from bot.ports.persistence import CommitBatch, StateRecord, Store, StoreError
from bot.ports.view_faults import ViewFaults

log = logging.getLogger("main")

#: Writes a line into the log: level, words, values.
Say = Callable[..., None]
#: Events held at most while the database is unavailable; the oldest go first.
MOST: Final = 20_000
#: Events logged before yielding to the event loop.
BATCH: Final = 100
_MONEY: Final = (OrderEnded, OrderFilled, MarketSettled, PositionAdjusted, PositionClosed)


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


class UnitOfWork:
    """Between the cycle and the store.

    `fault` says why nothing can be committed, None if all is well.

    `dropped` counts events lost because the database was unavailable for too long.
    """

    def __init__(self, store: Store, journal: Journal, say: Say = log.log) -> None:
        """`say` writes a line for operators, however often it is called."""
        self.fault: str | None = None
        self.dropped = 0
        self._store = store
        self._journal = journal
        self._say = say
        self._view: StateView = NullView()
        self._stateful: tuple[Stateful, ...] = ()
        self._views: Mapping[str, Stateful] = {}
        self._faults = ViewFaults()
        self._events: list[Event] = []
        self._state_records: dict[tuple[str, str], StateRecord] = {}
        self._unconfirmed: CommitBatch | None = None
        self._published: bytes | None = None
        # The loop, and what publishes between two passes.
        self._lock = asyncio.Lock()
        self._committed: list[Event] = []

    @property
    def waiting(self) -> int:
        """Events not yet committed."""
        return len(self._events) + (len(self._unconfirmed.events) if self._unconfirmed else 0)

    def serve(
        self,
        view: StateView,
        stateful: Sequence[Stateful],
        views: Mapping[str, Stateful] | None = None,
        faults: ViewFaults | None = None,
    ) -> None:
        """Show the state in this view, and commit the state records of these as well.

        State of views is committed if possible: the account is committed without it.
        """
        self._view = view
        self._stateful = tuple(stateful)
        self._views = views or {}
        self._faults = faults or self._faults

    async def intend(self, order: Order) -> None:
        """Store an order before it is sent. Raises StoreError, LeaseLostError."""
        if self.fault is not None:
            # One attempt a pass is enough: each may take seconds.
            raise StoreError(self.fault)
        try:
            await self._store.intend(order)
        except StoreError as error:
            self.fault = str(error)
            raise

    def announce(self, events: Sequence[Event]) -> None:
        """Log these at once: they are not stored."""
        self._journal.record(events)

    async def commit_pass(self, events: Sequence[Event]) -> None:
        """Commit what a pass did, then show it. Raises LeaseLostError."""
        self._gather(events)
        try:
            async with self._lock:
                await self._commit(self._view.prepared())
            with self._faults.within("the state"):
                self._show()
        finally:
            await self._emit()

    async def note(self, events: Sequence[Event], records: Sequence[StateRecord]) -> None:
        """Commit these between passes, with the state that shows them. Raises LeaseLostError."""
        if not (events or records):
            return
        async with self._lock:
            self._events += events
            self._state_records |= {(record.kind, record.key): record for record in records}
            await self._commit(self._view.shown())
        await self._emit()

    async def publish(self) -> None:
        """Publish what is shown between two passes, if it changed. Raises LeaseLostError."""
        if self._view.shown() != self._published or self.fault is not None:
            async with self._lock:
                # Read only now: a pass committed meanwhile shows more.
                await self._commit(self._view.shown())
            await self._emit()

    def _show(self) -> None:
        if self._owes_money:
            self._view.show_role()
        else:
            self._view.show()

    def _gather(self, events: Sequence[Event]) -> None:
        self._events += events
        for one in self._stateful:
            self._remember(one)
        for name, one in self._views.items():
            with self._faults.within(name):
                self._remember(one)

    def _remember(self, one: Stateful) -> None:
        self._state_records |= {
            (state_record.kind, state_record.key): state_record
            for state_record in one.state_records()
        }

    @property
    def _owes_money(self) -> bool:
        """Whether money has moved that is not committed: a restart would not know of it."""
        waiting = (*self._events, *(self._unconfirmed.events if self._unconfirmed else ()))
        return any(isinstance(event, _MONEY) for event in waiting)

    async def _commit(self, published: bytes | None) -> None:
        before = self.fault
        try:
            # A commit whose answer was lost is retried first, unchanged.
            if self._unconfirmed is not None:
                await self._try(self._unconfirmed)
            await self._try(self._next(published))
            self.fault = None
        except StoreError as error:
            self.fault = str(error)
            self._bound()
        self._report(before)

    async def _try(self, done: CommitBatch) -> None:
        self._unconfirmed = done
        await self._store.commit(done)
        self._unconfirmed = None
        self._published = done.published or self._published
        self._committed += done.events

    def _next(self, published: bytes | None) -> CommitBatch:
        done = CommitBatch(tuple(self._events), tuple(self._state_records.values()), published)
        self._events = []
        self._state_records = {}
        return done

    def _bound(self) -> None:
        excess = len(self._events) - MOST
        if excess > 0:
            old, self._events = self._events[:excess], self._events[excess:]
            money = [event for event in old if isinstance(event, _MONEY)]
            self._events = money + self._events
            self.dropped += excess - len(money)

    def _report(self, before: str | None) -> None:
        if self.fault and not before:
            line = "The database cannot be written, no orders are sent: %s"
            self._say(logging.ERROR, line, self.fault)
        elif before and not self.fault:
            lost = f"; {self.dropped} events were dropped" if self.dropped else ""
            self._say(logging.WARNING, "The database can be written again%s", lost)

    async def _emit(self) -> None:
        # Removed as they are written: the await may be cancelled.
        while self._committed:
            batch, self._committed = self._committed[:BATCH], self._committed[BATCH:]
            self._journal.record(batch)
            if self._committed:
                await asyncio.sleep(0)
        self._journal.flush()
