"""The stream as real clients meet it: over TCP, through uvicorn, with the websockets library."""

import asyncio
import socket
from dataclasses import replace
from random import Random
from struct import pack
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from bot.core.market.market import Side
from bot.sim.faults.kinds import FaultSpec, fault_spec
from bot.sim.stream.socket import STREAM_PATH
from bot.sim.stream.terms import PingSchedule, StreamLimits, StreamTerms
from tests.support.sim_exchanges import MARKET, exchange_with, member, request
from tests.support.sim_streaming import (
    PATIENCE,
    Json,
    Rebuilt,
    Streamed,
    served_over_tcp,
    tcp_client,
)

OTHER = "KXRAIN-26NOV23-BOS"


def streamed() -> Streamed:
    exchange = exchange_with(MARKET, OTHER)
    exchange.open_account("crowd", house=True)
    exchange.open_account("others", house=True)
    member(exchange, "ann", 100_000)
    return Streamed(exchange)


def fault(**asked: Any) -> FaultSpec:
    return fault_spec(asked)


def http_client(address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{address}/trade-api/v2")


async def say(client: ClientConnection, cmd: str, **params: Any) -> None:
    await client.send(orjson.dumps({"id": 1, "cmd": cmd, "params": params}))


async def until(client: ClientConnection, kind: str) -> list[Json]:
    """Frames up to the first of a type."""
    frames: list[Json] = []
    async with asyncio.timeout(PATIENCE):
        while not frames or frames[-1]["type"] != kind:
            frames.append(orjson.loads(await client.recv()))
    return frames


def act(place: Streamed, chance: Random) -> None:
    """One random operation of the crowd."""
    name = chance.choice(("crowd", "others"))
    owner = place.exchange.state.accounts[name]
    if chance.random() < 0.4 and owner.open_orders:
        place.exchange.cancel(owner, chance.choice(list(owner.open_orders)))
        return
    side = chance.choice(list(Side))
    cents = 50 - side.sign * chance.randrange(-2, 30)
    size = chance.randrange(1, 2_000) / 100
    ticker = chance.choice((MARKET, OTHER))
    place.exchange.place(owner, request(side, size, cents, ticker=ticker))


async def rebuilt_over_tcp(place: Streamed, operations: int) -> tuple[Rebuilt, list[Json]]:
    """The books that a client has after so many operations, and those that REST tells."""
    chance, rebuilt = Random(7), Rebuilt()
    async with served_over_tcp(place.app) as address, tcp_client(place, address) as client:
        await say(client, "subscribe", channels=["orderbook_delta"], market_tickers=[MARKET, OTHER])
        for number in range(operations):
            act(place, chance)
            if number % 50 == 0:
                await asyncio.sleep(0)
        async with http_client(address) as http:
            params = {"tickers": [MARKET, OTHER]}
            reported = (await http.get("/markets/orderbooks", params=params)).json()["orderbooks"]
        await say(client, "list_subscriptions")
        for frame in (await until(client, "ok"))[:-1]:
            rebuilt.take(frame)
    return rebuilt, reported


async def test_a_book_rebuilt_over_tcp_is_the_book_of_rest():
    place = streamed()

    rebuilt, reported = await rebuilt_over_tcp(place, 5_000)

    assert rebuilt.gaps == 0
    assert place.exchange.market(MARKET).clock > 1_000
    for book in reported:
        assert rebuilt.rest_json(book["ticker"]) == book["orderbook_fp"]


async def test_a_lost_frame_shows_as_a_gap_in_the_numbers():
    place = streamed()
    place.faults.add(fault(kind="sequence_gap", probability=0.01, count=3))

    rebuilt, _ = await rebuilt_over_tcp(place, 2_000)

    assert rebuilt.gaps == 3


async def test_an_unsigned_handshake_gets_401_with_the_flat_body():
    place = streamed()
    async with served_over_tcp(place.app) as address:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://{address}{STREAM_PATH}"):
                pass

    response = refused.value.response
    assert response.status_code == 401
    assert orjson.loads(response.body or b"") == {
        "code": "token_authentication_failure",
        "message": "token authentication failure",
    }


class RawClient:
    """A client without manners: it shows pings, and reads only when told to."""

    def __init__(self, place: Streamed, address: str, buffer: int = 0) -> None:
        self._protocol = ClientProtocol(parse_uri(f"ws://{address}{STREAM_PATH}"))
        self._host, _, port = address.partition(":")
        self._port = int(port)
        self._headers = place.headers()
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.setblocking(False)
        self._early: list[Frame] = []

    async def open(self) -> None:
        await asyncio.get_running_loop().sock_connect(self._socket, (self._host, self._port))
        hello = self._protocol.connect()
        hello.headers.update(self._headers)
        self._protocol.send_request(hello)
        await self._flush()
        while self._protocol.state is not State.OPEN:
            received = await asyncio.get_running_loop().sock_recv(self._socket, 4_096)
            self._protocol.receive_data(received)
            self._early += [e for e in self._protocol.events_received() if isinstance(e, Frame)]

    async def say(self, text: bytes) -> None:
        self._protocol.send_text(text)
        await self._flush()

    async def frames(self) -> list[Frame]:
        """What comes next; empty at the end."""
        early, self._early = self._early, []
        if early:
            return early
        async with asyncio.timeout(PATIENCE):
            while True:
                received = await asyncio.get_running_loop().sock_recv(self._socket, 2**20)
                if not received:
                    return []
                self._protocol.receive_data(received)
                events = self._protocol.events_received()
                if found := [event for event in events if isinstance(event, Frame)]:
                    return found

    def close(self) -> None:
        self._socket.close()

    def vanish(self) -> None:
        """Close without the courtesies of TCP."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self._socket.close()

    async def _flush(self) -> None:
        for part in self._protocol.data_to_send():
            await asyncio.get_running_loop().sock_sendall(self._socket, part)


async def test_the_server_pings_with_its_heartbeat():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(beat=PingSchedule(ping=0.01))
    async with served_over_tcp(place.app) as address:
        client = RawClient(place, address)
        await client.open()
        (ping, *_) = await client.frames()
        client.close()

    assert ping == replace(ping, opcode=Opcode.PING, data=b"heartbeat")


async def test_slow_pings_come_late():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(beat=PingSchedule(ping=0.01))
    slow = place.faults.add(fault(kind="slow_ping", delay=0.2, count=1))
    loop = asyncio.get_running_loop()
    async with served_over_tcp(place.app) as address:
        client = RawClient(place, address)
        await client.open()
        begun = loop.time()
        (ping, *_) = await client.frames()
        waited = loop.time() - begun
        client.close()

    assert ping.opcode is Opcode.PING
    assert waited > 0.15
    assert slow.fired == 1


async def test_who_does_not_read_over_tcp_overflows():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(StreamLimits(buffer=200))
    chance = Random(3)
    async with served_over_tcp(place.app) as address:
        client = RawClient(place, address, buffer=4_096)
        await client.open()
        book = {"channels": ["orderbook_delta"], "market_tickers": [MARKET, OTHER]}
        await client.say(orjson.dumps({"id": 1, "cmd": "subscribe", "params": book}))
        await client.frames()
        audience = place.app.state.stream.hub.audiences["orderbook_delta"]
        while audience.of(MARKET):
            for _ in range(100):
                act(place, chance)
            await asyncio.sleep(0)
        last: Json = {}
        while last.get("type") != "error":
            for frame in await client.frames():
                if frame.opcode is Opcode.TEXT:
                    last = orjson.loads(bytes(frame.data))
        client.close()

    assert (last["msg"]["code"], last["sid"]) == (25, 1)


async def test_a_client_that_vanishes_leaves_nothing_behind():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(beat=PingSchedule(ping=0.001))
    chance = Random(3)
    async with served_over_tcp(place.app) as address:
        client = RawClient(place, address)
        await client.open()
        book = {"channels": ["orderbook_delta"], "market_tickers": [MARKET, OTHER]}
        await client.say(orjson.dumps({"id": 1, "cmd": "subscribe", "params": book}))
        await client.frames()
        client.vanish()
        audience = place.app.state.stream.hub.audiences["orderbook_delta"]
        while audience.of(MARKET):
            act(place, chance)
            await asyncio.sleep(0)

    assert audience.of(OTHER) == ()


async def test_a_stream_that_is_cut_ends_without_a_close():
    place = streamed()
    async with served_over_tcp(place.app) as address, tcp_client(place, address) as client:
        await say(client, "subscribe", channels=["orderbook_delta"], market_tickers=[MARKET])
        await until(client, "orderbook_snapshot")
        place.faults.add(fault(kind="disconnect", count=1))
        agents = place.exchange.state.accounts["crowd"]
        place.exchange.place(agents, request())
        with pytest.raises(ConnectionClosed) as closed:
            await until(client, "never")

    assert closed.value.rcvd is None


@pytest.mark.parametrize("kind", ["cut", "cut_after", "hang"])
async def test_a_request_that_is_cut_has_no_answer(kind):
    place = streamed()
    terms = {"delay": 0.01} if kind == "hang" else {}
    place.faults.add(fault(kind=kind, count=1, **terms))
    async with served_over_tcp(place.app) as address, http_client(address) as http:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http.get("/markets")
        assert (await http.get("/markets")).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("error", 503), ("rate_limited", 429)])
async def test_a_handshake_can_be_refused(kind, status):
    place = streamed()
    place.faults.add(fault(kind=kind, route="WS handshake", count=1))
    async with served_over_tcp(place.app) as address:
        with pytest.raises(InvalidStatus) as refused:
            async with tcp_client(place, address):
                pass
        async with tcp_client(place, address) as client:
            await say(client, "list_subscriptions")
            await until(client, "ok")

    assert refused.value.response.status_code == status


async def test_a_handshake_can_be_cut():
    place = streamed()
    place.faults.add(fault(kind="cut", route="WS handshake", count=1))
    async with served_over_tcp(place.app) as address:
        with pytest.raises((EOFError, OSError, InvalidMessage)):
            async with tcp_client(place, address):
                pass
