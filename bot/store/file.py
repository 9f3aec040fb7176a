"""SQLite in a file: each transaction is one trip to a thread, so the event loop hardly notices.

A statement at a time through an asynchronous driver costs the loop more than the work itself.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bot.durable import StoreError
from bot.store.session import ANSWER, CONNECTIONS, PATIENCE, T, Work, bounded

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


@asynccontextmanager
async def opened(url: URL) -> AsyncIterator["FileSession"]:
    """Transactions with the file of this address, made if it is missing, with its folder.

    Raises StoreError if the folder cannot be made; nothing else is tried yet.
    """
    path = Path(url.database or "")
    _make_folder(path.parent)
    # The driver must not begin transactions of its own: `_begin` says which kind each one is.
    options: dict[str, Any] = {"isolation_level": None, "timeout": PATIENCE}
    engine = create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=PATIENCE,
        hide_parameters=True,
        connect_args=options,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="store")
    try:
        yield FileSession(engine, threads, f"the SQLite file {path.name}")
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        engine.dispose()


class FileSession:
    """A `Session` with a file of SQLite."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor, where: str) -> None:
        self.where = where
        self._threads = threads
        self._readers = engine
        self._writers = engine.execution_options(writes=True)

    async def read(self, work: Work[T]) -> T:
        """What `work` finds in one consistent state of the database."""
        return await self._run(self._readers, work, ANSWER)

    async def write(self, work: Work[T], seconds: float = ANSWER) -> T:
        """Do this in one piece, or not at all."""
        return await self._run(self._writers, work, seconds)

    async def _run(self, engine: Engine, work: Work[T], seconds: float) -> T:
        async with bounded(self.where, seconds):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _done, engine, work)


def _done(engine: Engine, work: Work[T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for statement in _PRAGMAS:
        cursor.execute(statement)
    cursor.close()


def _begin(connection: Connection) -> None:
    # One that reads first and writes later could not wait for another writer: it would fail.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the database, {folder.name}, cannot be made ({error.strerror}): "
            "make it, allow writing there, or set DATABASE_URL"
        ) from error
