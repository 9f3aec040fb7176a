"""SQLite in a file: each transaction is one trip to a thread, so the event loop hardly notices.

A statement at a time through an asynchronous driver costs the loop more than the work itself.
"""

import asyncio
import os
import secrets
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from bot.ports.persistence import StoreError
from bot.store.connections import trace as traces
from bot.store.connections.presence import Presence
from bot.store.connections.session import ANSWER, CONNECTIONS, PATIENCE, T, Work, bounded, said
from bot.store.connections.trace import Trace

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)
#: What SQLite adds to the name of its file.
_NAME_A_FILE: Final = "move it away, or name a file in DATABASE_URL"
_BESIDE: Final = ("-wal", "-shm", "-journal")


@asynccontextmanager
async def opened(url: URL, *, may_begin: bool = True) -> AsyncIterator["FileSession"]:
    """Transactions with the file of this address, made if it is missing, with its folder.

    Raises StoreError if that cannot be done, or an account was lost with the file. Unless
    `may_begin`, one that is missing is not made.
    """
    path = Path(url.database or "")
    try:
        _make_missing(path, may_begin=may_begin)
    except OSError as error:
        # A folder that may not be looked into, for one.
        raise StoreError(said(f"the SQLite file {path.name}", error)) from error
    presence = Presence(path)
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
        yield FileSession(engine, threads, presence, path)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        engine.dispose()


class FileSession:
    """A `StoreSession` with a file of SQLite."""

    def __init__(
        self, engine: Engine, threads: ThreadPoolExecutor, presence: Presence, path: Path
    ) -> None:
        self.where = f"the SQLite file {path.name}"
        self._path = path
        self._threads = threads
        self._presence = presence
        self._readers = engine
        self._writers = engine.execution_options(writes=True)

    async def traced(self) -> Trace | None:
        """The last known commit of the file, by its trace."""
        return await self._run(partial(traces.read, self._path), ANSWER)

    async def trace(self, trace: Trace) -> None:
        """Record the last commit in the trace beside the file."""
        await self._run(partial(traces.write, self._path, trace), ANSWER)

    async def read(self, work: Work[T]) -> T:
        """The result of `work` on one consistent state of the database."""
        return await self._run(partial(self._done, self._readers, work), ANSWER)

    async def write(self, work: Work[T], seconds: float = ANSWER) -> T:
        """Run `work` in one transaction."""
        return await self._run(partial(self._done, self._writers, work), seconds)

    async def _run(self, task: Callable[[], T], seconds: float) -> T:
        async with bounded(self.where, seconds):
            return await asyncio.get_running_loop().run_in_executor(self._threads, task)

    def _done(self, engine: Engine, work: Work[T]) -> T:
        self._presence.check()
        with engine.begin() as connection:
            result = work(connection)
        # What went into a file that is gone by now was not stored.
        self._presence.begun()
        return result


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for statement in _PRAGMAS:
        cursor.execute(statement)
    cursor.close()


def _begin(connection: Connection) -> None:
    # One that reads first and writes later could not wait for another writer: it would fail.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _make_missing(path: Path, *, may_begin: bool) -> None:
    for one in (path, traces.beside(path), *(path.with_name(path.name + end) for end in _BESIDE)):
        _refuse_no_file(one)
    traces.refuse_a_loss(path)
    if path.exists():
        return
    where = f"the SQLite file {path.name}"
    if not may_begin:
        raise StoreError(f"{where} is gone: put it back, or restart to begin a new account")
    _make_folder(path.parent)
    _make_file(path, where)


def _refuse_no_file(path: Path) -> None:
    """A pipe would be waited for without end. Raises StoreError, OSError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise StoreError(f"the SQLite file {path.name} is {what}, no file: {_NAME_A_FILE}")


def _make_file(path: Path, where: str) -> None:
    """An empty database, there in one piece: an empty file is always one that was lost."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with closing(sqlite3.connect(new)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        # Another process may have been faster: its file stays.
        with suppress(FileExistsError):
            os.link(new, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(said(where, error)) from error
    finally:
        new.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the database, {folder.name}, cannot be made ({error.strerror}): "
            "make it, allow writing there, or set DATABASE_URL"
        ) from error
