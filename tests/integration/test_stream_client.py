"""Our stream client on the simulated exchange: in-process and over TCP, with real signatures."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.core.market.book_store import BookStore
from bot.core.market.market import Side
from bot.kalshi.auth import Signer
from bot.kalshi.stream.connection import StreamConnection, websocket
from bot.kalshi.stream.protocol import StreamProtocol
from bot.outbound import DIRECT
from bot.sim.faults.kinds import fault_spec
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import create_exchange_app
from bot.sim.stream.in_process import InProcessStream
from bot.sim.stream.socket import STREAM_PATH
from tests.support.services import until
from tests.support.sim_exchanges import START, exchange_with, request
from tests.support.sim_served import FixedClock, StillDriver
from tests.support.sim_streaming import served_over_tcp
from tests.support.stream_clients import MARKETS, true_levels

KEY, PEM = made_key("ann", KeyKind.RSA, frozenset({"read"}))


class Place:
    """An exchange, its application, and our client of it."""

    def __init__(self, clock=None) -> None:
        self.exchange = exchange_with(*MARKETS)
        for name in ("ann", "crowd", "others"):
            self.exchange.open_account(name, house=True)
        self.clock = FixedClock()
        self.app = create_exchange_app(
            self.exchange, StillDriver(), self.clock, KeyRing({KEY.key_id: KEY})
        )
        self.protocol = StreamProtocol(BookStore())
        self.signer = Signer(KEY.key_id, PEM, clock or self.clock)

    def place(self, cents: float, ticker: str = MARKETS[0]) -> None:
        crowd = self.exchange.state.accounts["crowd"]
        self.exchange.place(crowd, request(Side.BUY, 3, cents, ticker=ticker))

    @property
    def fault(self) -> str:
        return self.protocol.fault or ""

    def is_whole(self) -> bool:
        now = self.clock.now().timestamp()
        return not self.protocol.books(MARKETS, now).missing and all(
            self.protocol.store.levels(ticker) == true_levels(self.exchange, ticker)
            for ticker in MARKETS
        )

    @asynccontextmanager
    async def streamed(self, opener):
        client = StreamConnection(
            self.protocol, opener, self.signer.headers, self.clock, lambda: 1.0
        )
        self.protocol.watch(MARKETS, START.timestamp())
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(client.run(stopping))
            try:
                yield client
            finally:
                stopping.set()


@asynccontextmanager
async def in_process(app):
    yield InProcessStream(app)


@asynccontextmanager
async def over_tcp(app):
    async with served_over_tcp(app) as address:
        yield websocket(f"ws://{address}{STREAM_PATH}", DIRECT)


@pytest.mark.parametrize("way", [in_process, over_tcp])
async def test_the_client_keeps_the_books_of_the_exchange(way):
    place = Place()
    async with way(place.app) as opener, place.streamed(opener):
        await until(place.is_whole)
        place.place(40)
        place.place(41, MARKETS[1])
        await until(lambda: place.protocol.store.best(MARKETS[1])[0] == 410_000)
        assert place.is_whole()

        place.protocol.watch(MARKETS[:1], START.timestamp())
        await until(lambda: place.protocol.subscriptions == 1)


@pytest.mark.parametrize("way", [in_process, over_tcp])
async def test_after_a_cut_it_connects_again_and_the_books_are_whole(way):
    place = Place()
    async with way(place.app) as opener, place.streamed(opener) as client:
        await until(place.is_whole)
        place.app.state.faults.add(
            fault_spec({"kind": "disconnect", "route": "WS orderbook_delta", "count": 1})
        )
        place.place(40)
        await until(lambda: client.connects == 2)
        await until(place.is_whole)


@pytest.mark.parametrize("way", [in_process, over_tcp])
async def test_a_refused_handshake_is_said_and_shows_no_signature(way):
    place = Place()
    place.signer = Signer("nobody", PEM, place.clock)
    async with way(place.app) as opener, place.streamed(opener):
        await until(lambda: "refused" in place.fault)

    assert "401" in place.fault
    assert "KALSHI-ACCESS" not in place.fault


async def test_each_handshake_is_signed_anew():
    place, moments = Place(), []
    sign = place.signer.headers

    def signed(method, path):
        moments.append((method, path))
        return sign(method, path)

    client = StreamConnection(
        place.protocol, InProcessStream(place.app), signed, place.clock, lambda: 1.0
    )
    stopping = asyncio.Event()
    place.app.state.faults.add(fault_spec({"kind": "error", "route": "WS handshake", "count": 1}))
    async with asyncio.TaskGroup() as group:
        group.create_task(client.run(stopping))
        await until(lambda: client.connects == 1)
        stopping.set()

    assert moments == [("GET", STREAM_PATH)] * 2


async def test_a_redirect_is_not_followed():
    asked = []

    async def elsewhere(scope, receive, send):
        asked.append(scope["path"])
        await receive()
        headers = [(b"location", b"/elsewhere")]
        await send({"type": "websocket.http.response.start", "status": 307, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})

    place = Place()
    async with served_over_tcp(Starlette(routes=[Mount("/", elsewhere)])) as address:
        opener = websocket(f"ws://{address}{STREAM_PATH}", DIRECT)
        async with place.streamed(opener):
            await until(lambda: "307" in place.fault)

    assert set(asked) == {STREAM_PATH}


async def test_where_nobody_listens_is_said():
    place = Place()
    async with place.streamed(websocket("ws://127.0.0.1:9/", DIRECT)):
        await until(lambda: "broke off" in place.fault)
