"""What leader election works with, as protocols: a lease store, an engine, a standby."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.ports.persistence import Checkpoint, CommittedChanges, LeaseState, Term


class LeaseStore(Protocol):
    """A database in which processes agree on who leads. Every method may raise StoreError."""

    async def take(self, holder: str, seconds: float, book: str) -> Term | None:
        """Take the lease, if it is free."""
        ...

    async def renew(self, term: Term, seconds: float) -> None:
        """Go on leading. Raises LeaseLostError."""
        ...

    async def release(self, term: Term) -> None:
        """Let somebody else lead."""
        ...

    async def leader(self) -> LeaseState:
        """Who leads."""
        ...

    async def seen(self, book: str) -> Checkpoint:
        """The committed state of an account, as far as a standby needs it."""
        ...

    async def news(self, book: str, after: int) -> CommittedChanges:
        """What was committed after a commit."""
        ...

    async def switch(self, book: str, name: str, value: str, at: datetime) -> None:
        """Set what operators want of a book."""
        ...

    async def switches(self, book: str) -> Mapping[str, str]:
        """What operators want of a book."""
        ...


class LoopControl(Protocol):
    """Starts and stops a loop."""

    async def start(self) -> bool:
        """False if it was running."""
        ...

    async def stop(self) -> bool:
        """False if it was not."""
        ...


class Engine(Protocol):
    """What a leader runs in its term."""

    @property
    def control(self) -> LoopControl:
        """The loop's switch."""
        ...

    async def beat(self) -> None:
        """Publish what changed between two passes. May raise StoreError, LeaseLostError."""
        ...


class Standby(Protocol):
    """What serves reads while another process leads."""

    @property
    def is_running(self) -> bool:
        """Whether the leader's loop runs, as far as is known."""
        ...

    def begin(self, checkpoint: Checkpoint) -> None:
        """Start from the whole committed state of a book."""
        ...

    def apply(self, news: CommittedChanges) -> None:
        """Apply what was committed after it."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that would lead: its name, the lease it asks for in seconds, and its book."""

    holder: str
    seconds: float
    book: str


#: Opens the engine of a term; it calls the callable when a write finds that another leads.
OpenEngine = Callable[[Term, Callable[[], None]], AbstractAsyncContextManager[Engine]]


@dataclass(frozen=True, slots=True)
class NodeFactories:
    """How to open what a process needs: the database, the engine of a leader, a standby.

    `on_role` is called on every change of this process's role.
    """

    database: Callable[[], AbstractAsyncContextManager[LeaseStore]]
    engine: OpenEngine
    standby: Callable[[], Standby]
    on_role: Callable[[], None]
