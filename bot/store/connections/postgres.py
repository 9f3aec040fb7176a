"""PostgreSQL: transactions with a server that may go away and come back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.connections.session import ANSWER, CONNECTIONS, PATIENCE, T, Work, bounded
from bot.store.connections.trace import Trace

_MS: Final = int(PATIENCE * 1_000)
#: Set in each transaction: behind a pooler it may be on another server connection.
_SETTINGS: Final = {
    "statement_timeout": f"{_MS}",
    # Less than that, so that a waiter learns that it waited for a lock.
    "lock_timeout": f"{_MS - 500}",
    # A leader paused within a transaction holds the lease's row: end that transaction.
    "idle_in_transaction_session_timeout": f"{_MS}",
    "timezone": "UTC",
    "synchronous_commit": "on",
}
_SET: Final = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items()
)
#: For the client, unless the address says otherwise.
_CONNECT: Final = {
    # A statement prepared on one connection of the server is not known on the next.
    "prepare_threshold": None,
    "connect_timeout": int(PATIENCE),
    "tcp_user_timeout": _MS,
    "application_name": "kalshiproto",
}


@asynccontextmanager
async def opened(url: URL) -> AsyncIterator["ServerSession"]:
    """Transactions with the server at this address; no connection is made yet."""
    engine = create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=PATIENCE,
        # After an outage the pool is full of connections that are dead.
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={name: value for name, value in _CONNECT.items() if name not in url.query},
    )
    event.listen(engine.sync_engine, "begin", _begin)
    where = f"the PostgreSQL database {url.database or ''} at {url.host or 'this machine'}"
    try:
        yield ServerSession(engine, where)
    finally:
        await engine.dispose()


class ServerSession:
    """A `StoreSession` with a server of PostgreSQL."""

    def __init__(self, engine: AsyncEngine, where: str) -> None:
        self.where = where
        self._writers = engine
        self._readers = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def traced(self) -> Trace | None:
        """Nothing lies beside a server."""
        return None

    async def trace(self, trace: Trace) -> None:
        """Nothing is left beside a server."""

    async def read(self, work: Work[T]) -> T:
        """The result of `work` on one consistent state of the database."""
        return await self._run(self._readers, work, ANSWER)

    async def write(self, work: Work[T], seconds: float = ANSWER) -> T:
        """Run `work` in one transaction."""
        return await self._run(self._writers, work, seconds)

    async def _run(self, engine: AsyncEngine, work: Work[T], seconds: float) -> T:
        async with bounded(self.where, seconds), engine.begin() as connection:
            return await connection.run_sync(work)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(_SET)
