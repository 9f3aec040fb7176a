"""The connection of a stream: one task that keeps it open, and gives what comes to the protocol.

It connects again after whatever ends a connection, each time a little later and never two clients
in step. Frames are folded as they are read: what is not read yet waits in bounded room, then in
the kernel, then at the exchange, which ends the subscription of a client that is too slow.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.protocol import Event

from bot.clock import pause
from bot.kalshi.answers import MOST_BYTES
from bot.kalshi.stream.protocol import StreamProtocol
from bot.outbound import Outbound, trusting
from bot.ports.exchange import Clock, ExchangeError

log = logging.getLogger("main")

#: What a handshake signs, and where the stream is.
PATH: Final = "/trade-api/ws/v2"
#: Frames read from the wire that wait to be folded; beyond that the wire has to wait.
READ_AHEAD: Final = 256
#: Frames folded before yielding to the event loop.
AT_ONCE: Final = 200
#: Seconds between two looks at what is due.
TICK: Final = 0.1
#: Seconds that a handshake may take, and before the first attempt after a failure.
HANDSHAKE: Final = 10.0
FIRST_WAIT: Final = 0.5
#: Seconds that a frame of ours may wait to be taken, and bytes: each ping costs an answer.
SEND_WITHIN: Final = 10.0
MOST_UNREAD: Final = 2**20
#: Frames that one read of the wire may hold: the event loop has no turn before the last of them.
MOST_AT_ONCE: Final = 5_000
LONGEST_WAIT: Final = 30.0
#: A connection that held so long was a good one.
GOOD: Final = 60.0


class Wire(Protocol):
    """An open connection. Both raise ExchangeError once it is gone."""

    async def send(self, text: bytes) -> None:
        """Send a text frame."""
        ...

    async def receive(self) -> bytes:
        """The next text frame."""
        ...


#: Opens a connection with these headers; raises ExchangeError if it cannot.
Opener = Callable[[Mapping[str, str]], AbstractAsyncContextManager[Wire]]
#: The headers that sign a request, made now.
Signing = Callable[[str, str], Mapping[str, str]]


class StreamConnection:
    """Keeps a protocol connected for as long as it runs."""

    def __init__(
        self,
        protocol: StreamProtocol,
        opener: Opener,
        signing: Signing,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        """`chance` gives a number in [0, 1): by that much of its length a wait is shorter."""
        self._protocol = protocol
        self._opener = opener
        self._signing = signing
        self._clock = clock
        self._chance = chance
        self.connects = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Be connected until the event is set."""
        wait = FIRST_WAIT
        while not stopping.is_set():
            began = self._now()
            reason = await self._once(stopping)
            if reason is None:
                return
            self._protocol.lost(reason, self._now())
            log.warning("The stream ended: %s", reason)
            wait = FIRST_WAIT if self._now() - began > GOOD else min(wait * 2, LONGEST_WAIT)
            await pause(stopping, wait * (1 - self._chance() / 2))

    async def _once(self, stopping: asyncio.Event) -> str | None:
        """One connection to its end; why it ended, None if that was wanted."""
        try:
            async with self._opener(self._signing("GET", PATH)) as wire:
                self.connects += 1
                self._protocol.connected(self._now())
                log.info("The stream is connected")
                return await self._served(wire, stopping)
        except ExchangeError as error:
            return str(error)

    async def _served(self, wire: Wire, stopping: asyncio.Event) -> str | None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(wire), name="stream reader")
            ended = group.create_task(stopping.wait(), name="stream stop")
            try:
                return await self._until_over(wire, reading, ended)
            except ExchangeError as error:
                return str(error)
            finally:
                reading.cancel()
                ended.cancel()

    async def _until_over(
        self, wire: Wire, reading: asyncio.Task[str], ended: asyncio.Task[Literal[True]]
    ) -> str | None:
        """Do what is due until the connection is over; why it is, None if that was wanted."""
        while not (reading.done() or ended.done()):
            if (reason := self._protocol.tick(self._now())) is not None:
                return reason
            await self._say(wire)
            await asyncio.wait({reading, ended}, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
        return None if ended.done() else reading.result()

    async def _read(self, wire: Wire) -> str:
        """Fold what comes until nothing comes any more; why."""
        count = 0
        while True:
            try:
                text = await wire.receive()
            except ExchangeError as error:
                return str(error)
            self._protocol.receive(text, self._now())
            count += 1
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
            await self._say(wire)
            self._report()

    async def _say(self, wire: Wire) -> None:
        for text in self._protocol.outgoing():
            await wire.send(text)

    def _report(self) -> None:
        for problem in self._protocol.problems():
            log.warning("Stream: %s", problem)

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Connect(connect):
    """Follows no redirect: our signature is for nobody else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Bounded(ClientConnection):
    """Ends with an exchange that reads no answer to its pings, or sends frames of next to nothing.

    `excess` says which, None while all is well.
    """

    excess: str | None = None
    _at_once = 0

    def data_received(self, data: bytes) -> None:
        self._at_once = 0
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MOST_UNREAD:
            self._end(_UNREAD)
        elif self._at_once > MOST_AT_ONCE:
            self._end(_CRUMBS)

    def process_event(self, event: Event) -> None:
        self._at_once += 1
        super().process_event(event)

    def _end(self, reason: str) -> None:
        self.excess = reason
        self.transport.abort()


class _WebSocket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: bytes) -> None:
        try:
            async with asyncio.timeout(SEND_WITHIN):
                await self._connection.send(text, text=True)
        except TimeoutError as error:
            raise ExchangeError(_UNREAD) from error
        except (WebSocketException, OSError) as error:
            raise self._error(error) from error

    async def receive(self) -> bytes:
        try:
            return await self._connection.recv(decode=False)
        except (WebSocketException, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ExchangeError:
        excess = self._connection.excess if isinstance(self._connection, _Bounded) else None
        return ExchangeError(excess or _words(error))


_UNREAD: Final = "the exchange does not read what it is sent"
_CRUMBS: Final = f"more than {MOST_AT_ONCE} frames came at once"


def websocket(url: str, outbound: Outbound) -> Opener:
    """Opens connections to that address, `ws://` or `wss://`, by the given way out."""

    @asynccontextmanager
    async def opened(headers: Mapping[str, str]) -> AsyncIterator[Wire]:
        scheme = urlsplit(url).scheme
        tls: ssl.SSLContext | bool | None = None
        if scheme == "wss":
            tls = trusting(outbound.certificates) if outbound.certificates else True
        try:
            connection = await _Connect(
                url,
                additional_headers=headers,
                # Deflate costs more than all the rest, and unpacks to what nobody can bound.
                compression=None,
                proxy=outbound.proxy(url.replace("ws", "http", 1)),
                open_timeout=HANDSHAKE,
                ping_interval=10.0,
                ping_timeout=20.0,
                close_timeout=1.0,
                max_size=MOST_BYTES,
                max_queue=READ_AHEAD,
                user_agent_header=None,
                create_connection=_Bounded,
                ssl=tls,
            )
        except (WebSocketException, OSError, TimeoutError) as error:
            raise ExchangeError(_words(error)) from error
        try:
            yield _WebSocket(connection)
        finally:
            await connection.close()

    return opened


def _words(error: Exception) -> str:
    """What went wrong, without what was sent: a handshake bears a signature."""
    if isinstance(error, InvalidURI):
        return "the address of the stream is no ws:// or wss:// address"
    if isinstance(error, TimeoutError):
        return f"no answer to the handshake within {HANDSHAKE:g} s"
    kind = "the handshake was refused" if isinstance(error, InvalidHandshake) else "it broke off"
    return f"{kind}: {error}" if str(error) else f"{kind}: {type(error).__name__}"
