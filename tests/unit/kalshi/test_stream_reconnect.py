"""How long a stream client waits before it connects again, and that no two do so in step."""

import asyncio

import pytest

from bot.core.market.book_store import BookStore
from bot.kalshi.stream import connection
from bot.kalshi.stream.connection import FIRST_WAIT, LONGEST_WAIT, StreamConnection
from bot.kalshi.stream.protocol import StreamProtocol
from bot.ports.exchange import ExchangeError
from tests.support.sim_served import FixedClock

TRIES = 9


def refused(headers):
    raise ExchangeError("nobody listens")


async def waits(chance, monkeypatch):
    """How long a client waited each time, if every handshake is refused."""
    stopping, found = asyncio.Event(), []

    async def pause(stopping, seconds):
        found.append(seconds)
        if len(found) == TRIES:
            stopping.set()

    monkeypatch.setattr(connection, "pause", pause)
    client = StreamConnection(
        StreamProtocol(BookStore()), refused, lambda *_: {}, FixedClock(), lambda: chance
    )
    await client.run(stopping)
    return found


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
async def test_each_wait_is_longer_than_the_one_before_up_to_a_bound(chance, monkeypatch):
    found = await waits(chance, monkeypatch)

    assert found == sorted(found)
    assert found[0] <= 2 * FIRST_WAIT
    assert LONGEST_WAIT / 2 < found[-1] <= LONGEST_WAIT


async def test_two_clients_that_were_cut_together_do_not_come_back_together(monkeypatch):
    mine, others = await waits(0.2, monkeypatch), await waits(0.7, monkeypatch)

    assert all(abs(a - b) >= 0.2 * a for a, b in zip(mine, others, strict=True))
