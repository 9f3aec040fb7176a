"""Clients of the simulated stream: in-process through ASGI, and over TCP with `websockets`."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from bot.core.market.market import Side
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.units import PRICE_TEXT, size_text
from bot.sim.rest.server import create_exchange_app
from bot.sim.stream.socket import STREAM_PATH
from bot.sim.stream.wire import SERVED
from tests.support.sim_served import FixedClock, StillDriver
from tests.support.sim_signing import Signer, signing

Json = dict[str, Any]
#: How long a test waits for what must come.
PATIENCE = 5.0


class RefusedError(Exception):
    """The handshake was answered with HTTP."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


@dataclass
class Streamed:
    """An exchange with its application, and who may sign for `account`."""

    exchange: Exchange
    account: str = "ann"
    driver: StillDriver = field(default_factory=StillDriver)
    clock: FixedClock = field(default_factory=FixedClock)
    scopes: frozenset[str] = frozenset({"read", "write"})
    others: Sequence[str] = ()

    def __post_init__(self) -> None:
        ring, self.signer = signing(self.account, scopes=self.scopes)
        keys = dict(ring.keys)
        self.signers: dict[str, Signer] = {self.account: self.signer}
        for name in self.others:
            other, self.signers[name] = signing(name)
            keys |= other.keys
        ring = type(ring)(keys)
        self.app: Starlette = create_exchange_app(self.exchange, self.driver, self.clock, ring)

    @property
    def faults(self) -> Any:
        return self.app.state.faults

    def http(self, account: str = "") -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://sim/trade-api/v2",
            auth=self.signers[account or self.account],
        )

    def headers(self, account: str = "", **change: str | None) -> dict[str, str]:
        """The signed headers of a handshake, some of them changed or left out."""
        request = httpx.Request("GET", f"http://sim{STREAM_PATH}")
        signer: Any = self.signers[account or self.account]
        next(signer.auth_flow(request))
        names = ("KEY", "SIGNATURE", "TIMESTAMP")
        signed = {
            f"KALSHI-ACCESS-{name}": request.headers[f"KALSHI-ACCESS-{name}"] for name in names
        }
        for name, value in change.items():
            signed.pop(f"KALSHI-ACCESS-{name}")
            if value is not None:
                signed[f"KALSHI-ACCESS-{name}"] = value
        return signed


class Peer:
    """One connection in-process."""

    def __init__(self, to_app: "asyncio.Queue[Json]", from_app: "asyncio.Queue[Json]") -> None:
        self._to_app = to_app
        self._from_app = from_app
        self._commands = 0
        self.seen: list[Json] = []

    async def say(self, cmd: str, **params: Any) -> int:
        """Give a command; its id."""
        self._commands += 1
        frame: Json = {"id": self._commands, "cmd": cmd}
        if params:
            frame["params"] = params
        await self.text(orjson.dumps(frame).decode())
        return self._commands

    async def text(self, text: str) -> None:
        await self._to_app.put({"type": "websocket.receive", "text": text})

    async def raw(self) -> str:
        """The next frame as it came. Raises EOFError if the connection was closed."""
        async with asyncio.timeout(PATIENCE):
            message = await self._from_app.get()
        if message["type"] != "websocket.send":
            raise EOFError(message)
        text: str = message["text"]
        return text

    async def frame(self) -> Json:
        frame: Json = orjson.loads(await self.raw())
        self.seen.append(frame)
        return frame

    async def frames(self, count: int) -> list[Json]:
        return [await self.frame() for _ in range(count)]

    async def until(self, kind: str) -> Json:
        """The next frame of a type; those before it are in `seen`."""
        while (frame := await self.frame())["type"] != kind:
            pass
        return frame

    async def rest(self) -> list[Json]:
        """All frames that are on their way: those before the answer to one more command."""
        number = await self.say("list_subscriptions")
        got: list[Json] = []
        while (frame := await self.frame()).get("id") != number:
            got.append(frame)
        return got

    async def ask(self, cmd: str, **params: Any) -> Json:
        await self.say(cmd, **params)
        return await self.frame()


@asynccontextmanager
async def peer(
    streamed: Streamed, account: str = "", headers: Any = None, first: str = ""
) -> AsyncIterator[Peer]:
    """A connection in-process, perhaps with a command in its first packet. Raises RefusedError."""
    to_app: asyncio.Queue[Json] = asyncio.Queue()
    from_app: asyncio.Queue[Json] = asyncio.Queue()
    signed = streamed.headers(account) if headers is None else headers
    scope = {
        "type": "websocket",
        "path": STREAM_PATH,
        "raw_path": STREAM_PATH.encode(),
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in signed.items()],
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await to_app.put({"type": "websocket.connect"})
    if first:
        await to_app.put({"type": "websocket.receive", "text": first})

    async def send(message: Any) -> None:
        await from_app.put(message)

    async with asyncio.TaskGroup() as group:
        served = group.create_task(streamed.app(scope, to_app.get, send))
        reply = await from_app.get()
        if reply["type"] == "websocket.accept":
            yield Peer(to_app, from_app)
        await to_app.put({"type": "websocket.disconnect", "code": 1000})
        await served
    if reply["type"] == "websocket.http.response.start":
        raise RefusedError(reply["status"], orjson.loads((await from_app.get())["body"]))
    if reply["type"] != "websocket.accept":
        raise EOFError(reply)


@asynccontextmanager
async def served_over_tcp(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on this machine; `host:port`."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", **SERVED)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([listening]))
            try:
                yield f"127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True


@asynccontextmanager
async def tcp_client(streamed: Streamed, address: str) -> AsyncIterator[ClientConnection]:
    """A real WebSocket client of the exchange."""
    url = f"ws://{address}{STREAM_PATH}"
    async with connect(url, additional_headers=streamed.headers(), max_size=None) as connection:
        yield connection


class Rebuilt:
    """Books made of snapshots and deltas, as a client would; gaps in `seq` are remembered."""

    def __init__(self) -> None:
        self.books: dict[str, dict[str, dict[str, int]]] = {}
        self.gaps = 0
        self._seq: dict[int, int] = {}

    def take(self, frame: Json) -> None:
        if "seq" in frame:
            self.gaps += frame["seq"] != self._seq.get(frame["sid"], 0) + 1
            self._seq[frame["sid"]] = frame["seq"]
        if frame["type"] == "orderbook_snapshot":
            self._whole(frame["msg"])
        elif frame["type"] == "orderbook_delta":
            self._change(frame["msg"])

    def _whole(self, msg: Json) -> None:
        self.books[msg["market_ticker"]] = {
            side: {price: _units(size) for price, size in msg.get(f"{side}_dollars_fp", [])}
            for side in ("yes", "no")
        }

    def _change(self, msg: Json) -> None:
        ladder = self.books[msg["market_ticker"]][msg["side"]]
        price = msg["price_dollars"]
        ladder[price] = ladder.get(price, 0) + _units(msg["delta_fp"])
        if not ladder[price]:
            del ladder[price]

    def rest_json(self, ticker: str) -> Json:
        """The book as the REST route tells it."""
        return {
            f"{side}_dollars": [[p, size_text(ladder[p])] for p in sorted(ladder)]
            for side, ladder in self.books[ticker].items()
        }


def _units(text: str) -> int:
    return round(float(text) * 100)


def rest_book(exchange: Exchange, ticker: str) -> Json:
    """A book straight from the exchange, as the REST route tells it."""
    book = exchange.market(ticker).book
    no = PRICE_TEXT[::-1]
    sides = (("yes_dollars", Side.BUY, PRICE_TEXT), ("no_dollars", Side.SELL, no))
    return {
        name: [[texts[p], size_text(size)] for p, size in reversed(book.levels(side))]
        for name, side, texts in sides
    }
