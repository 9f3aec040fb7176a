"""A client's connection to the simulated stream inside one process, without a network."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.types import ASGIApp, Message

from bot.ports.exchange import ExchangeError
from bot.sim.stream.socket import STREAM_PATH

#: Frames that wait for the client to read them; then the exchange has to wait, as on a network.
ROOM: Final = 1_000


class InProcessWire:
    """An open connection. Both raise ExchangeError once it is gone."""

    def __init__(self, to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message]) -> None:
        self._to_app = to_app
        self._from_app = from_app

    async def send(self, text: bytes) -> None:
        """Send a text frame."""
        await self._to_app.put({"type": "websocket.receive", "text": text.decode()})

    async def receive(self) -> bytes:
        """The next text frame."""
        message = await self._from_app.get()
        if message["type"] != "websocket.send":
            raise ExchangeError("the exchange closed the stream")
        text: str = message["text"]
        return text.encode()


class InProcessStream:
    """Opens connections to an application's stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @asynccontextmanager
    async def __call__(self, headers: Mapping[str, str]) -> AsyncIterator[InProcessWire]:
        """A connection with these headers; raises ExchangeError for a handshake refused."""
        to_app: asyncio.Queue[Message] = asyncio.Queue()
        from_app: asyncio.Queue[Message] = asyncio.Queue(ROOM)
        await to_app.put({"type": "websocket.connect"})

        async def serve() -> None:
            await self._app(_scope(headers), to_app.get, from_app.put)
            _end(from_app)

        async with asyncio.TaskGroup() as group:
            serving = group.create_task(serve(), name="stream served")
            reply = await from_app.get()
            if reply["type"] == "websocket.accept":
                try:
                    yield InProcessWire(to_app, from_app)
                finally:
                    await to_app.put({"type": "websocket.disconnect", "code": 1000})
                    serving.cancel()
        if reply["type"] != "websocket.accept":
            raise ExchangeError(f"the handshake was refused: {reply.get('status', 'no status')}")


def _scope(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": STREAM_PATH,
        "raw_path": STREAM_PATH.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }


def _end(from_app: asyncio.Queue[Message]) -> None:
    """Let a client that waits know that nothing comes any more."""
    while from_app.full():
        from_app.get_nowait()
    from_app.put_nowait({"type": "websocket.close"})
