"""What was committed survives the machine: no answer before it lies on the disk."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bot.store.connections import address
from bot.store.connections.session import CONNECTIONS

#: What asks a database how it commits, and the answers that are safe.
ASKED: Mapping[str, Mapping[str, set[Any]]] = {
    "sqlite": {
        "PRAGMA synchronous": {2, 3},
        "PRAGMA journal_mode": {"wal"},
        "PRAGMA foreign_keys": {1},
    },
    "postgresql": {
        "SHOW synchronous_commit": {"on", "remote_write", "remote_apply"},
    },
}


async def assert_durable(url):
    async with address.session(url) as session:
        met = asyncio.Barrier(CONNECTIONS)

        async def ask():
            def answers(connection):
                wanted = ASKED[connection.dialect.name]
                return {
                    q: connection.exec_driver_sql(q).scalar() in safe for q, safe in wanted.items()
                }

            await met.wait()
            return await session.write(answers)

        # All at once, so that each connection there can be is asked.
        for found in await asyncio.gather(*(ask() for _ in range(CONNECTIONS))):
            assert found
            assert set(found.values()) == {True}, found


async def test_a_commit_is_on_the_disk_before_it_is_answered(url):
    await assert_durable(url)


async def test_a_server_that_answers_sooner_by_default_does_not_for_us(server, numbers):
    hasty = server.create(f"hasty{next(numbers)}") + "%20-csynchronous_commit%3Doff"

    await assert_durable(hasty)
