"""From the address of a database to an engine for it: what is accepted, and how it is set up.

No message of this module contains an address: there may be a password in it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.durable import StoreError

#: Seconds that the database itself waits for a lock, or works on one statement.
PATIENCE: Final = 3.5
#: Connections of one process; more than that wait for one another.
POOL: Final = 5
_ACCEPTED: Final = (
    "DATABASE_URL must be sqlite:///folder/file.db or postgres://user:password@host:port/database"
)
_POSTGRES: Final = {"postgres", "postgresql", "postgresql+psycopg"}
_SQLITE: Final = {"sqlite", "sqlite+aiosqlite"}
_MS: Final = int(PATIENCE * 1_000)
#: A leader that was paused within a transaction holds the lease's row: the server lets go of it.
_SESSION: Final = (
    f"SET statement_timeout = {_MS}; SET lock_timeout = {_MS}; "
    f"SET idle_in_transaction_session_timeout = {_MS}; SET timezone = 'UTC'; "
    "SET synchronous_commit = on"
)
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


def parsed(address: str) -> URL:
    """The address with the driver that is used for it. Raises StoreError."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Neither message nor cause may be shown: they quote the address.
        raise StoreError(f"the address of the database cannot be read: {_ACCEPTED}") from None
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise StoreError(f"a database of kind '{url.drivername}' is not supported: {_ACCEPTED}")
    if url.database in {None, "", ":memory:"} or url.query or url.host:
        raise StoreError(f"SQLite needs the path of a file, and nothing else: {_ACCEPTED}")
    return url.set(drivername="sqlite+aiosqlite")


def shown(url: URL) -> str:
    """The database for people: no password, no folder."""
    if url.drivername.startswith("sqlite"):
        return f"the SQLite file {Path(url.database or '').name}"
    return f"the PostgreSQL database {url.database or ''} at {url.host or 'this machine'}"


def engine(url: URL) -> AsyncEngine:
    """An engine that is set up but not connected. Raises StoreError if a folder cannot be made."""
    is_sqlite = url.drivername.startswith("sqlite")
    if is_sqlite:
        _make_folder(Path(url.database or "").parent)
    made = create_async_engine(
        url,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=PATIENCE,
        pool_pre_ping=not is_sqlite,
        hide_parameters=True,
        connect_args=_sqlite() if is_sqlite else _postgres(url.query),
    )
    event.listen(made.sync_engine, "connect", _set_up(_PRAGMAS if is_sqlite else (_SESSION,)))
    if is_sqlite:
        event.listen(made.sync_engine, "begin", _begin)
    return made


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the database, {folder.name}, cannot be made ({error.strerror}): "
            "make it, allow writing there, or set DATABASE_URL"
        ) from error


def _sqlite() -> dict[str, Any]:
    # The driver must not begin transactions of its own: `_begin` says which kind each one is.
    return {"isolation_level": None, "timeout": PATIENCE}


def _postgres(query: Mapping[str, Any]) -> dict[str, Any]:
    ours = {
        "connect_timeout": int(PATIENCE),
        "tcp_user_timeout": _MS,
        "application_name": "kalshiproto",
    }
    return {name: value for name, value in ours.items() if name not in query}


def _set_up(statements: tuple[str, ...]) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        # A SET of PostgreSQL that is rolled back never was.
        connection.commit()

    return set_up


def _begin(connection: Connection) -> None:
    # One that reads first and writes later could not wait for another writer: it would fail.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
