"""How frames reach a client: over TCP through uvicorn, or through any ASGI server.

ASGI itself knows neither pings nor the cutting of a connection. `SERVED` names uvicorn protocols
that offer both to the application, and that write many frames at once; without them pings are
left out, and a cut is the politest thing the server can do.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

#: Where these protocols put themselves in the scope.
EXTENSION: Final = "sim.wire"


class ServerWire(Protocol):
    """A WebSocket connection, as its server sees it. Sending raises OSError once it is gone."""

    async def send_all(self, texts: Sequence[str]) -> None:
        """Send text frames, waiting while the client does not read."""
        ...

    async def ping(self, body: bytes) -> None:
        """Send a ping."""
        ...

    async def cut(self) -> None:
        """Drop the connection."""
        ...


class AsgiWire:
    """What plain ASGI can do."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send_all(self, texts: Sequence[str]) -> None:
        """Send text frames one by one."""
        for text in texts:
            await self._send({"type": "websocket.send", "text": text})

    async def ping(self, body: bytes) -> None:
        """Nothing: ASGI has no pings."""

    async def cut(self) -> None:
        """Close with the code for a connection that was lost."""
        await self._send({"type": "websocket.close", "code": 1011})


class SimStreamProtocol(WebSocketsSansIOProtocol):
    """A WebSocket of uvicorn that the application may ping, cut, and give many frames at once."""

    async def run_asgi(self) -> None:
        """Offer this connection to the application, then run it."""
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self
        await super().run_asgi()

    async def send(self, message: "ASGISendEvent") -> None:
        """Send one ASGI message."""
        await super().send(message)
        # uvicorn takes a handshake that was denied for one that was forgotten, and complains.
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    async def send_all(self, texts: Sequence[str]) -> None:
        """Send text frames in one write, waiting while the client does not read."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        for text in texts:
            self.conn.send_text(text.encode())
        self.transport.write(b"".join(self.conn.data_to_send()))

    async def ping(self, body: bytes) -> None:
        """Send a ping."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.conn.send_ping(body)
        self.transport.write(b"".join(self.conn.data_to_send()))

    async def cut(self) -> None:
        """Drop the connection."""
        self.transport.abort()


class RequestProtocol(HttpToolsProtocol):
    """A connection of uvicorn that the application may cut."""

    def on_message_begin(self) -> None:
        """Offer this connection to the application."""
        super().on_message_begin()
        extensions: dict[str, Any] = {EXTENSION: self}
        self.scope["extensions"] = extensions

    async def cut(self) -> None:
        """Drop the connection."""
        self.transport.abort()


#: What uvicorn's configuration needs: no pings of its own, and no compression, which Kalshi does
#: not promise and which costs more than all the rest.
SERVED: Final[dict[str, Any]] = {
    "http": RequestProtocol,
    "ws": SimStreamProtocol,
    "ws_ping_interval": None,
    "ws_per_message_deflate": False,
}


def wire_of(scope: Scope, send: Send) -> ServerWire:
    """The connection of a WebSocket scope."""
    offered: ServerWire | None = scope.get("extensions", {}).get(EXTENSION)
    return AsgiWire(send) if offered is None else offered


async def cut(scope: Scope, receive: Receive, send: Send) -> None:
    """End the connection of a request that will never be answered.

    In-process there is no connection: the caller gets what its transport would have raised.
    """
    offered = scope.get("extensions", {}).get(EXTENSION)
    if offered is not None:
        await offered.cut()
        await gone(receive)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1011})
    else:
        # Whoever asks in-process has it; a server of its own need not.
        import httpx  # noqa: PLC0415

        raise httpx.ReadError("the connection was cut")


async def gone(receive: Receive, seconds: float | None = None) -> None:
    """Wait until the client has gone, so many seconds at most."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
                pass
    except TimeoutError:
        pass
