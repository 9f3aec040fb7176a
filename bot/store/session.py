"""Transactions with a database that may be slow, away or broken: the one place that meets it.

What is done in a transaction is a plain function of a connection. Whatever goes wrong leaves here
as StoreError, in bounded time; LeaseLostError and our own mistakes pass through.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.durable import StoreError

T = TypeVar("T")
Work = Callable[[Connection], T]

#: Seconds that a transaction may take, and those after it in which a connection is given up.
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
    ("is full", "free some space on its disk"),
    ("No space left", "free some space on its disk"),
    ("locked", "another program holds it: let that one finish"),
    ("lock timeout", "another process holds it: let that one finish"),
    ("authentication", "check user and password in DATABASE_URL"),
    ("does not exist", "create it, or check DATABASE_URL"),
    ("UNIQUE constraint", "something was to be kept twice, and was not"),
    ("unique constraint", "something was to be kept twice, and was not"),
)
_REMEDY: Final = "see that it runs and that DATABASE_URL is right"


class Session:
    """Runs work in transactions, each on a connection of its own. `where` names the database."""

    def __init__(self, engine: AsyncEngine, where: str) -> None:
        self.where = where
        self._writers = engine.execution_options(writes=True)
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        is_sqlite = engine.dialect.name == "sqlite"
        self._readers = engine if is_sqlite else engine.execution_options(**snapshot)

    async def read(self, work: Work[T]) -> T:
        """What `work` finds in one consistent state of the database."""
        return await self._run(self._readers, work, ANSWER)

    async def write(self, work: Work[T], seconds: float = ANSWER) -> T:
        """Do this in one piece, or not at all."""
        return await self._run(self._writers, work, seconds)

    async def _run(self, engine: AsyncEngine, work: Work[T], seconds: float) -> T:
        try:
            # The driver answers a first cancellation by asking the server to stop, and waits for
            # that; a second one makes it drop the connection.
            async with (
                asyncio.timeout(seconds + GRACE),
                asyncio.timeout(seconds),
                engine.begin() as connection,
            ):
                return await connection.run_sync(work)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(self._said(error)) from error

    def _said(self, error: SQLAlchemyError | OSError) -> str:
        if isinstance(error, TimeoutError | PoolTimeoutError):
            return f"{self.where} did not answer in time: {_REMEDY}"
        cause = error.orig if isinstance(error, DBAPIError) else error
        first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        found = (remedy for fragment, remedy in _REMEDIES if fragment in first)
        default = "this is a fault of ours" if isinstance(error, IntegrityError) else _REMEDY
        return f"{self.where} failed ({first}): {next(found, default)}"
