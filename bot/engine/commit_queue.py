"""What waits to be committed: events and state records, in order, while the database may be away.

It is where an order is written down before it is sent. Leaves out what is shown or logged of it
(`unit_of_work`).
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from bot.core.events import (
    Event,
    MarketSettled,
    OrderEnded,
    OrderFilled,
    PositionAdjusted,
    PositionClosed,
)
from bot.core.market.orders import Order
from bot.ports.persistence import CommitBatch, StateRecord, Store, StoreError

log = logging.getLogger("main")

#: Writes a line for operators, however often it is called: level, words, values.
Say = Callable[..., None]
#: Events held at most while the database is unavailable; the oldest go first.
MOST: Final = 20_000
#: Events logged before yielding to the event loop.
BATCH: Final = 100
_MONEY: Final = (OrderEnded, OrderFilled, MarketSettled, PositionAdjusted, PositionClosed)


class CommitQueue:
    """Between the bot and the store.

    `fault` says why nothing can be committed, None if all is well. `dropped` counts events lost
    because the database was unavailable for too long; events that move money are never dropped.
    """

    def __init__(self, store: Store, say: Say = log.log) -> None:
        self.fault: str | None = None
        self.dropped = 0
        self._store = store
        self._say = say
        self._events: list[Event] = []
        self._state_records: dict[tuple[str, str], StateRecord] = {}
        self._unconfirmed: CommitBatch | None = None
        self._published: bytes | None = None
        self._committed: list[Event] = []

    @property
    def waiting(self) -> int:
        """Events not yet committed."""
        return len(self._uncommitted)

    @property
    def owes_money(self) -> bool:
        """Whether money has moved that is not committed: a restart would not know of it."""
        return any(isinstance(event, _MONEY) for event in self._uncommitted)

    @property
    def published(self) -> bytes | None:
        """The state committed last, as JSON."""
        return self._published

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

    def add(self, events: Sequence[Event], records: Sequence[StateRecord]) -> None:
        """Commit these next; of records with the same name only the latest."""
        self._events += events
        self._state_records |= {(record.kind, record.key): record for record in records}

    async def commit(self, published: bytes | None) -> None:
        """Commit what waits, with the state that shows it. Raises LeaseLostError."""
        before = self.fault
        try:
            await self._try_all(published)
            self.fault = None
        except StoreError as error:
            self.fault = str(error)
            self._bound()
        self._report(before)

    def committed_batch(self) -> list[Event]:
        """Take the next events that were committed, to be logged; empty if there are none."""
        batch, self._committed = self._committed[:BATCH], self._committed[BATCH:]
        return batch

    @property
    def _uncommitted(self) -> Sequence[Event]:
        return (*self._events, *(self._unconfirmed.events if self._unconfirmed else ()))

    async def _try_all(self, published: bytes | None) -> None:
        # A commit whose answer was lost is retried first, unchanged.
        if self._unconfirmed is not None:
            await self._try(self._unconfirmed)
        await self._try(self._next(published))

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
