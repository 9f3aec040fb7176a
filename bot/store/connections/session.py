"""Transactions with a database that may be slow, away or broken; and what is said of that.

What is done in a transaction is a plain function of a connection. Whatever goes wrong leaves a
session as StoreError, in bounded time; LeaseLostError and our own mistakes pass through.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.ports.persistence import StoreError
from bot.store.connections.trace import Trace
from bot.store.row_checks import UnreadableError

T = TypeVar("T")
Work = Callable[[Connection], T]

#: Connections of one process at most; more work than that waits.
CONNECTIONS: Final = 5
#: Seconds that the database itself waits for a lock, or works on one statement.
PATIENCE: Final = 3.5
#: Seconds that a transaction may take, and those after which its connection is dropped.
ANSWER: Final = 4.0
GRACE: Final = 1.0
#: Seconds that changing the tables may take.
MIGRATION: Final = 120.0
#: What a message of the database contains, and what to do about it.
_REMEDIES: Final = (
    ("not a database", "move that file away, or set DATABASE_URL to another"),
    ("malformed", "the file is damaged: restore a copy of it"),
    ("unable to open", "allow reading and writing in its folder, or set DATABASE_URL"),
    ("readonly", "allow writing to the file and its folder"),
    ("Read-only", "allow writing there, or set DATABASE_URL to a place that can be written"),
    ("Permission denied", "allow reading and writing in its folder, or set DATABASE_URL"),
    ("disk I/O", "its disk does not read or write: look at the disk and at who may write there"),
    ("is full", "free some space on its disk"),
    ("No space left", "free some space on its disk"),
    ("locked", "another program holds it: let that one finish"),
    ("lock timeout", "another process holds it: let that one finish"),
    ("timestamp too", "a row holds an invalid time: fix it, or restore a backup"),
    ("out of range", "a row holds a number that is too large: fix it, or restore a backup"),
    ("authentication", "check user and password in DATABASE_URL"),
    ("does not exist", "create it, or check DATABASE_URL"),
    ("UNIQUE constraint", "a row with this key exists already; nothing was written"),
    ("unique constraint", "a row with this key exists already; nothing was written"),
)
_MEND: Final = "Restore a backup of the database, or fix that row"
_REMEDY: Final = "check that it runs and that DATABASE_URL is right"


class StoreSession(Protocol):
    """Runs work in transactions, each on a connection of its own."""

    @property
    def where(self) -> str:
        """Which database this is, for people."""
        ...

    async def traced(self) -> Trace | None:
        """The last known commit, by the trace beside it; None without a trace."""
        ...

    async def trace(self, trace: Trace) -> None:
        """Record the last commit in the trace beside it."""
        ...

    async def read(self, work: Work[T]) -> T:
        """The result of `work` on one consistent state of the database."""
        ...

    async def write(self, work: Work[T], seconds: float = ANSWER) -> T:
        """Run `work` in one transaction."""
        ...


@asynccontextmanager
async def bounded(where: str, seconds: float) -> AsyncIterator[None]:
    """Bound the time of a transaction, and turn its failures into a StoreError."""
    try:
        # A driver answers a first cancellation by asking the server to stop, and waits for that;
        # a second one makes it drop the connection.
        async with asyncio.timeout(seconds + GRACE), asyncio.timeout(seconds):
            yield
    except UnreadableError as error:
        raise StoreError(f"{where}: {error}. {_MEND}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(said(where, error)) from error


def said(where: str, error: Exception) -> str:
    """What went wrong and what to do about it, in a sentence."""
    if isinstance(error, TimeoutError | PoolTimeoutError):
        return f"{where} did not answer in time: {_REMEDY}"
    cause: object = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        cause = cause.strerror or cause  # without the path of the file
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    found = (remedy for fragment, remedy in _REMEDIES if fragment in first)
    default = "this is a bug" if isinstance(error, IntegrityError) else _REMEDY
    return f"{where} failed ({first}): {next(found, default)}"
