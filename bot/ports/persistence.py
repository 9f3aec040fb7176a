"""What must outlive the process, as values, and where it is kept, as a Protocol.

A store keeps one *book* for one *term*: the orders, fills and settlements of an account, the
events worth remembering, and memos: small named things of which only the latest counts. Leaves
out how rows lie on the disk (`bot.store`) and who may lead (`bot.cluster.leader_election`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from bot.core.account.portfolio import Portfolio
from bot.core.events import Event
from bot.core.market.orders import Order

#: In the name of a book: its exchange ended with the process that made it, nobody comes back to it.
FLEETING: Final = "@"


class StoreError(Exception):
    """The database, or the way to it, failed; the message says what to do about it."""


class StoreLostError(StoreError):
    """The database that was open is not there any more: the term ends, and it is opened anew."""


class MovementChangedError(StoreError):
    """Cash was booked under this name as another amount."""


class LeaseLostError(Exception):
    """Somebody else leads by now. Nothing was written, and nothing more may be."""


@dataclass(frozen=True, slots=True)
class Term:
    """A time of leadership: who leads, and the number that no earlier leader had."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class StateRecord:
    """A thing remembered under a name; a later one of that name takes its place.

    `body` is what its owner makes of it; None means that it is forgotten.
    """

    kind: str
    key: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """What one pass of the loop leaves behind, kept in one piece or not at all.

    `events` in the order in which they happened; those that are not worth keeping are passed
    over. `published` is the state as JSON that everyone serves from now on.
    """

    events: Sequence[Event] = ()
    state_records: Sequence[StateRecord] = ()
    published: bytes | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a store holds of a book, up to and with `commit`.

    `portfolio` is the fold of all that was booked. `unresolved` are orders written down before
    they were sent whose outcome is not stored, `booked` the ids of their fills that are, by client
    order id. `events` are the newest of each stored kind, in the order in which they happened;
    `state_records` by kind and key; `published` the state as JSON.
    """

    commit: int
    portfolio: Portfolio
    unresolved: tuple[Order, ...] = ()
    events: tuple[Event, ...] = ()
    state_records: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    published: bytes | None = None
    booked: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommittedChanges:
    """What was committed after a commit, for standbys. `published` None means unchanged."""

    commit: int
    events: tuple[Event, ...] = ()
    state_records: tuple[StateRecord, ...] = ()
    published: bytes | None = None


@dataclass(frozen=True, slots=True)
class LeaseState:
    """The lease as the database has it; `holder` None if it is free.

    `started_at` is when that term began, `book` what it is about.
    """

    holder: str | None
    epoch: int
    book: str | None = None
    started_at: datetime | None = None


class Intents(Protocol):
    """Where an order is written down before it is sent."""

    async def intend(self, order: Order) -> None:
        """Write it down; returns once it is on the disk. Raises StoreError, LeaseLostError."""
        ...


class Store(Protocol):
    """Where a leader keeps one book. Every method may raise StoreError and LeaseLostError."""

    async def intend(self, order: Order) -> None:
        """Write down an order before it is sent; returns once it is on the disk."""
        ...

    async def commit(self, done: CommitBatch) -> None:
        """Keep all of it, in one transaction."""
        ...


class NullStore:
    """A store that keeps nothing: for replays and tests, where there is nothing to come back to."""

    async def intend(self, order: Order) -> None:
        """Nothing is written down."""

    async def commit(self, done: CommitBatch) -> None:
        """Stores nothing."""
