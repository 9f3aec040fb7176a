"""The WebSocket of the simulated exchange at /trade-api/ws/v2: handshake, reading, writing, pings.

One connection is four tasks: it reads commands, writes what waits, keeps the world going, and
pings. All of them end with the connection.
"""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.sim.engine.errors import Rejected
from bot.sim.faults.active import Faults
from bot.sim.rest.auth import READ, ApiKey
from bot.sim.rest.limits import TokenBucket
from bot.sim.rest.service import RestContext
from bot.sim.rest.service import answer as json_answer
from bot.sim.stream import channels
from bot.sim.stream.answers import answer
from bot.sim.stream.hub import Hub
from bot.sim.stream.render import milliseconds
from bot.sim.stream.session import StreamSession
from bot.sim.stream.terms import StreamTerms
from bot.sim.stream.wire import ServerWire, wire_of

STREAM_PATH: Final = "/trade-api/ws/v2"
PING_BODY: Final = b"heartbeat"
#: Frames given to the connection at once: few enough that a slow client is noticed.
BATCH: Final = 128


class StreamSocket:
    """The endpoint, as an ASGI application."""

    def __init__(self, service: RestContext, faults: Faults) -> None:
        #: May be set before the first connection.
        self.terms = StreamTerms()
        self._service = service
        self._faults = faults
        self.hub = Hub(service.exchange)
        self._sessions: set[StreamSession] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await receive()
        try:
            key = self._signer(Headers(scope=scope))
        except Rejected as refusal:
            await _refuse(refusal, scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        session = self._session(key)
        self._sessions.add(session)
        try:
            await self._serve(session, receive, wire_of(scope, send))
        finally:
            self._sessions.discard(session)
            session.close()

    def _signer(self, headers: Headers) -> ApiKey:
        service = self._service
        now = service.clock.now() + service.skew.by
        key = service.keys.signer(headers, "GET", STREAM_PATH, now)
        if len(self._sessions) >= self.terms.limits.connections:
            raise Rejected(429, "too_many_requests")
        return key

    def _session(self, key: ApiKey) -> StreamSession:
        return StreamSession(
            self.hub,
            key.account,
            may_read=key.may(READ),
            limits=self.terms.limits,
            spoiler=self._faults.stream,
        )

    async def _serve(self, session: StreamSession, receive: Receive, wire: ServerWire) -> None:
        something = asyncio.Event()
        session.wake = something.set
        session.later = asyncio.get_running_loop().call_later
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._write(session, wire, something), name="stream writer"),
                group.create_task(self._live(), name="stream world"),
                group.create_task(self._ping(wire), name="stream pings"),
            ]
            await self._read(session, receive, wire)
            for task in tasks:
                task.cancel()

    async def _read(self, session: StreamSession, receive: Receive, wire: ServerWire) -> None:
        rate = self.terms.limits.commands_per_second
        allowance = TokenBucket(rate, rate, rate, self._seconds())
        while (message := await receive())["type"] == "websocket.receive":
            self._catch_up()
            refusal = self._faults.stream.refusal()
            if not allowance.take(1, self._seconds()):
                refusal = channels.TOO_MANY_COMMANDS
            answer(session, message.get("text") or message.get("bytes") or "", refusal)
            if session.backlog > self.terms.limits.answers:
                # Who asks and asks and never reads would fill the memory.
                await wire.cut()
                return

    async def _write(
        self, session: StreamSession, wire: ServerWire, something: asyncio.Event
    ) -> None:
        try:
            while True:
                await something.wait()
                something.clear()
                texts = session.take(milliseconds(self._service.clock.now()))
                for start in range(0, len(texts), BATCH):
                    await wire.send_all(texts[start : start + BATCH])
                if session.is_cut:
                    await wire.cut()
        except OSError:
            # The client went away; the reader will notice.
            return

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self.terms.beat.world)
            self._catch_up()

    async def _ping(self, wire: ServerWire) -> None:
        try:
            while True:
                await asyncio.sleep(self.terms.beat.ping + self._faults.stream.ping_delay())
                await wire.ping(PING_BODY)
        except OSError:
            return

    def _catch_up(self) -> None:
        self._faults.catch_up()
        self._service.driver.catch_up()

    def _seconds(self) -> float:
        return self._service.clock.now().timestamp()


async def _refuse(refusal: Rejected, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake; here Kalshi's error body is flat."""
    flat = {"code": refusal.code, "message": refusal.message, "details": refusal.details}
    said = json_answer({k: v for k, v in flat.items() if v}, refusal.status)
    response = Response(said.body, said.status, {"content-type": "application/json"})
    await response(scope, receive, send)
