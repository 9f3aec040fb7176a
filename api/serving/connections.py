"""Bounds for every connection: bytes, seconds, and how many there are at once.

Laid over uvicorn's own protocols, before any parser: a client has some seconds (`Patience`) to
bring the whole of a request, which may have `MOST_BYTES` with its header and body; whoever does not
read its answer loses it. Of more connections than there is room for, the one that has waited
longest for nothing is closed: silent ones never keep anybody out.
"""

import asyncio
import logging
import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from api.serving.holds import LET_GO
from bot.clock import stopwatch

if sys.platform != "win32":
    import resource

log: Final = logging.getLogger("uvicorn.error")

#: Bytes a client may send before the header of its next request is complete.
MOST_BYTES: Final = 65_536
MOST_HEADERS: Final = 100
#: Bytes of an address; no client of ours comes near, and a line of the log shows less.
MOST_URL: Final = 8_192
#: Requests that may wait behind the one that is answered.
MOST_PIPELINED: Final = 4
#: Open files that the bot needs for itself: database, logs, exchange.
RESERVED: Final = 64
MOST_CONNECTIONS: Final = 512
LEAST_CONNECTIONS: Final = 48

_HEADER_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_FULL: Final = b"503 Service Unavailable"


def most_connections() -> int:
    """How many connections there is room for: half of the open files that are not needed."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, (files - RESERVED) // 2))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a client has: for the whole of a request, and to take some of its answer.

    A request's run from the first moment the client could send it.
    """

    request: float = 10.0
    answer: float = 30.0


USUAL: Final = Patience()


class Room:
    """The connections of a server: at most `most`; those that wait for their client make room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Bounds] = set()
        self._idle: OrderedDict[Bounds, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, one: "Bounds") -> None:
        """Take it in, in place of another if there must be."""
        self._all.add(one)
        self.idle(one)
        if len(self._all) > self._most:
            longest, _ = self._idle.popitem(last=False)
            self._all.discard(longest)
            log.warning("Too many connections: those that wait longest are closed")
            longest.give_way(newcomer=longest is one)

    def idle(self, one: "Bounds") -> None:
        """It waits for its client from now on."""
        if one in self._all:
            self._idle[one] = None
            self._idle.move_to_end(one)

    def busy(self, one: "Bounds") -> None:
        """It is being answered."""
        self._idle.pop(one, None)

    def leave(self, one: "Bounds") -> None:
        """It is closed."""
        self._all.discard(one)
        self._idle.pop(one, None)


if TYPE_CHECKING:
    # What both protocols of uvicorn are, as far as they are used here.
    class _Protocol(asyncio.Protocol):
        loop: asyncio.AbstractEventLoop
        transport: asyncio.Transport
        app_state: dict[str, Any]
        cycle: Any
        flow: Any

        def on_headers_complete(self) -> None: ...
        def on_response_complete(self) -> None: ...
        def shutdown(self) -> None: ...

else:
    _Protocol = asyncio.Protocol


class Bounds(_Protocol):
    """What goes before a protocol of uvicorn, and keeps count and time."""

    room: ClassVar[Room]
    patience: ClassVar[Patience]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._since = stopwatch()
        self._taken = 0
        self._last: object = None
        self._is_lingering = False
        self._timer = self.loop.call_later(self.patience.request, self._look)
        self.room.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._timer.cancel()
        self.room.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._taken += len(data)
        if self._taken > MOST_BYTES:
            log.warning("A request was too large")
            self._refuse(_HEADER_TOO_LARGE)
            return
        super().data_received(data)
        self._notice()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._since = stopwatch()
        self._notice()

    def pause_writing(self) -> None:
        """The client does not take its answer: it makes room if there must be."""
        super().pause_writing()
        self._since = stopwatch()
        self.room.idle(self)

    def resume_writing(self) -> None:
        """It takes it again."""
        super().resume_writing()
        self._notice()

    def shutdown(self) -> None:
        """Let go whoever is made to wait: the server ends."""
        let_go = self.app_state.get(LET_GO)
        if let_go is not None:
            let_go()
        super().shutdown()

    def give_way(self, *, newcomer: bool) -> None:
        """End it for want of room."""
        if newcomer:
            self._refuse(_FULL)
        else:
            self.transport.abort()

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _notice(self) -> None:
        """Look whether a request has begun or ended."""
        if self.cycle is not self._last:
            self._last = self.cycle
            self._taken = 0
            self._since = stopwatch()
        if self._is_idle:
            self.room.idle(self)
        else:
            self.room.busy(self)

    def _look(self) -> None:
        """End it if its client has had its time; look again when that may be."""
        left = self._allowed() - (stopwatch() - self._since)
        if left <= 0 and not self._is_lingering:
            self._is_lingering = True
            self.transport.close()
            left = self.patience.request
        elif left <= 0 or self._is_lingering:
            # Closed, and its last bytes are still not taken.
            self.transport.abort()
            return
        self._timer = self.loop.call_later(min(left, self.patience.request), self._look)

    def _allowed(self) -> float:
        """The seconds its client has from `_since` on."""
        if self._is_idle:
            return self.patience.request
        if self.flow.write_paused:
            return self.patience.answer
        return self.patience.request if self.cycle.more_body else float("inf")

    def _refuse(self, status: bytes) -> None:
        """Say why, unless an answer is on its way; and end it."""
        if not self._is_idle:
            self.transport.abort()
            return
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        self.transport.close()


class TooMuchError(Exception):
    """A request that nobody means; uvicorn answers 400 and closes the connection."""


class _HttptoolsBounds(Bounds):
    """What is counted where the parser tells of each request; h11 has limits of its own."""

    def on_headers_complete(self) -> None:
        """Go on, unless it is too much."""
        request = cast("Any", self)
        if len(request.headers) > MOST_HEADERS or len(request.url) > MOST_URL:
            raise TooMuchError
        if len(request.pipeline) >= MOST_PIPELINED:
            raise TooMuchError
        super().on_headers_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: who asks for another protocol gets HTTP."""


def bounded(
    protocol: type[asyncio.Protocol], room: Room, patience: Patience = USUAL
) -> type[asyncio.Protocol]:
    """That protocol of uvicorn with bounds, its connections in that room."""
    bounds = _HttptoolsBounds if hasattr(protocol, "on_headers_complete") else Bounds
    own = {"room": room, "patience": patience}
    return type(f"Bounded{protocol.__name__}", (bounds, protocol), own)
