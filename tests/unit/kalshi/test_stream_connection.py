"""An exchange that does to our end of the stream what no honest one does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bot.kalshi.stream.connection import MOST_UNREAD, Wire, websocket
from bot.outbound import DIRECT
from bot.ports.exchange import ExchangeError

PING = b"\x89\x7d" + b"x" * 125
UNREAD = "does not read what it is sent"


async def _on(
    exchange: Callable[[ServerConnection], Awaitable[None]],
    do: Callable[[Wire], Awaitable[object]],
) -> None:
    async with serve(exchange, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as server:
        (listening,) = server.sockets
        address = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        async with websocket(address, DIRECT)({}) as wire:
            await do(wire)


async def _pinging(connection: ServerConnection) -> None:
    connection.transport.pause_reading()
    while not connection.transport.is_closing():
        connection.transport.write(PING * 1_000)
        await asyncio.sleep(0)


async def _deaf(connection: ServerConnection) -> None:
    connection.transport.pause_reading()
    await connection.wait_closed()


async def test_pings_whose_answers_nobody_reads_end_the_connection():
    async def receive(wire: Wire) -> None:
        with pytest.raises(ExchangeError, match=UNREAD):
            await wire.receive()

    async with asyncio.timeout(30):
        await _on(_pinging, receive)


async def test_frames_of_next_to_nothing_end_the_connection():
    async def crumbs(connection: ServerConnection) -> None:
        while not connection.transport.is_closing():
            connection.transport.write(b"\x81\x01 " * 100_000)
            await asyncio.sleep(0)

    async def receive(wire: Wire) -> None:
        with pytest.raises(ExchangeError, match="frames came at once"):
            await _received(wire)

    async with asyncio.timeout(60):
        await _on(crumbs, receive)


async def _received(wire: Wire) -> None:
    while True:
        await wire.receive()


async def test_an_exchange_that_takes_nothing_does_not_hold_us(monkeypatch):
    monkeypatch.setattr("bot.kalshi.stream.connection.SEND_WITHIN", 0.01)

    async def send(wire: Wire) -> None:
        with pytest.raises(ExchangeError, match=UNREAD):
            await _sent(wire, 100)

    async with asyncio.timeout(30):
        await _on(_deaf, send)


async def _sent(wire: Wire, count: int) -> None:
    for _ in range(count):
        await wire.send(b"x" * MOST_UNREAD)
