"""The outermost layer: ready bytes for `/state/full`, and what every answer carries.

Who may not pass is turned away here, WebSockets included. `/state/full` is asked for in a tight
loop; it is answered here, before middleware and router see it, from bytes made once a cycle; so is
`/health`, which has to be told in a crowd.
Everything else passes through and gets the security and CORS headers on its way out; HEAD is
answered like GET without the body.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_body
from api.routes.ready import Ready, names
from api.security.auth import PROBES, AccessPolicy, AccessRefusal
from api.security.cors import Cors
from api.security.headers import (
    ENCRYPTED_ONLY,
    HEAD_ONLY,
    STANDARD,
    Headers,
    came_encrypted,
    is_browser,
    standard,
)
from api.security.paths import Target, located
from api.serving.holds import Holds, LongPollLimits
from api.serving.pacing import Pacing
from bot.dashboard.snapshot import SnapshotHolder
from bot.scrub import NOTHING, Scrubber

FULL: Final = "/state/full"
HEALTH: Final = "/health"
#: No route reads a body; a client that sends more than this is mistaken or hostile.
MAX_BODY: Final = 16_384


class EdgeMiddleware:
    """An ASGI app around the service's own; it answers once the service was opened to it.

    `knows` tells whether the service has a path.
    """

    def __init__(
        self,
        app: ASGIApp,
        cors: Cors,
        access_policy: AccessPolicy,
        knows: Callable[[str], bool],
        scrubber: Scrubber = NOTHING,
    ) -> None:
        self._app = app
        self._cors = cors
        self._access_policy = access_policy
        self._knows = knows
        self._scrubber = scrubber
        self._pacing = Pacing()
        self._open: _Open | None = None
        self._ready: Ready | None = None

    def open(
        self,
        snapshot_holder: SnapshotHolder,
        health: Callable[[], bytes],
        patience: LongPollLimits,
    ) -> Holds:
        """Answer from this board from now on; `health` is the body that says how it is doing."""
        self._open = _Open(snapshot_holder, health, Holds(patience), asyncio.Semaphore(_TURNS))
        return self._open.holds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = located(scope, self._knows)
        headers = dict(scope["headers"])
        # A slash too much passes the door of the path without it, and is told where that is.
        bare = self._without_slash(target)
        target = bare or target
        full = target.path == FULL and scope["method"] in _READS
        if not (full and self._access_policy.reads_are_free and target.token is None):
            refusal = self._access_policy.refusal(scope, target, headers)
            if refusal is not None:
                await self._pacing.passed()
                await self._hold_back(headers, receive)
                await self._refuse(refusal, scope, headers, send)
                return
        if target.path not in PROBES and scope["method"] in _READS:
            await self._pacing.passed()
        if self._is_unwelcome(headers):
            await self._hold_back(headers, receive)
        if bare is not None:
            await _send(send, 307, [*self._extra(scope, headers), _beside(bare, scope)], b"")
        elif full:
            await self._await_news(headers, receive)
            start, body = self._full(scope, headers)
            await send(start)
            await send(body if scope["method"] == "GET" else _NO_BODY)
        elif target.path == HEALTH and scope["method"] in _READS:
            await self._health(scope, headers, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await self._preflight(scope, headers, send)
        elif _is_too_large(headers):
            await _send(send, 413, self._extra(scope, headers), _TOO_LARGE)
        else:
            await self._pass_on(scope, target, receive, send)

    def _without_slash(self, target: Target) -> Target | None:
        """The same without its last slash, where that is a path of the service and this is none."""
        path = target.path
        if path == "/" or not path.endswith("/") or self._knows(path):
            return None
        return replace(target, path=path[:-1]) if self._knows(path[:-1]) else None

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        target, headers = located(scope, self._knows), dict(scope["headers"])
        refusal = self._access_policy.refusal(scope, target, headers)
        if refusal is None and not self._is_unwelcome(headers):
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})

    def _is_unwelcome(self, headers: dict[bytes, bytes]) -> bool:
        """Whether it is a page that cannot read what it is sent; it may ask all the faster."""
        origin = headers.get(b"origin")
        if origin is None or self._cors.headers(origin):
            return False
        return origin.partition(b"://")[2] != headers.get(b"host")

    async def _hold_back(self, headers: dict[bytes, bytes], receive: Receive) -> None:
        if self._open is not None and is_browser(headers):
            await self._open.holds.refusal(receive)

    async def _await_news(self, headers: dict[bytes, bytes], receive: Receive) -> None:
        """Keep a page that has a state until there is another, and it is time to tell it."""
        known = headers.get(b"if-none-match")
        if known is None or not is_browser(headers):
            return
        service = self._opened()

        async def news() -> None:
            while self._has(known, headers):
                await service.snapshot_holder.newer()
            await service.holds.throttle.acquire(lambda: service.snapshot_holder.snapshot)

        await service.holds.news(receive, news)

    def _has(self, known: bytes, headers: dict[bytes, bytes]) -> bool:
        return names(known, self._current().answer_format(headers.get(b"accept-encoding")).etag)

    async def _health(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        body = self._scrubber.answer(self._opened().health())
        await _send(send, 200, self._extra(scope, headers), body, head=scope["method"] == "HEAD")

    def _full(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[Message, Message]:
        answer_format = self._current().answer_format(headers.get(b"accept-encoding"))
        extra = self._extra(scope, headers)
        known = headers.get(b"if-none-match")
        if known is not None and names(known, answer_format.etag):
            return _start(304, answer_format.unchanged + extra), _NO_BODY
        return _start(200, answer_format.full + extra), answer_format.body

    def _extra(self, scope: Scope, headers: dict[bytes, bytes]) -> Headers:
        """What an answer to this request carries besides what all answers do."""
        cors = self._cors.headers(headers.get(b"origin"))
        return cors + ENCRYPTED_ONLY if came_encrypted(scope, headers) else cors

    async def _refuse(
        self, refusal: AccessRefusal, scope: Scope, headers: dict[bytes, bytes], send: Send
    ) -> None:
        body = error_body(refusal.status, refusal.message, code=refusal.code)
        extra = self._extra(scope, headers) + refusal.headers
        await _send(send, refusal.status, extra, body)

    def _opened(self) -> "_Open":
        if self._open is None:
            raise RuntimeError("the service is not open: its lifespan has not been entered")
        return self._open

    def _current(self) -> Ready:
        snapshot = self._opened().snapshot_holder.snapshot
        if self._ready is None or self._ready.snapshot is not snapshot:
            self._ready = Ready.of(snapshot, self._scrubber)
        return self._ready

    async def _preflight(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        welcome = self._cors.preflight(headers.get(b"origin", b""))
        encrypted = ENCRYPTED_ONLY if came_encrypted(scope, headers) else []
        if welcome is None:
            await _send(send, 403, encrypted, _NOT_WELCOME)
        else:
            await _send(send, 204, welcome + encrypted, b"")

    async def _pass_on(self, scope: Scope, target: Target, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        head = scope["method"] == "HEAD"
        carried = [*standard(target.path), *self._extra(scope, headers)]

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *carried]}
                if message["status"] >= _FAILURES:
                    await self._hold_back(headers, receive)
            elif head:
                message = {**message, "body": b""}
            elif body := message.get("body"):
                # A secret is masked with as many stars: the length is still true.
                clean = self._scrubber.answer(body)
                message = message if clean is body else {**message, "body": clean}
            await send(message)

        asked = {**scope, "method": "GET", HEAD_ONLY: True} if head else scope
        if target.path in PROBES or scope["method"] not in _READS:
            await self._app(asked, _bounded(receive), dressed)
        else:
            await self._in_turn(asked, _bounded(receive), dressed)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make few answers at a time: however many ask, probes and orders to the bot get through.

        A turn is over once the answer begins, for it may be sent to somebody slow.
        """
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._opened().turns)

            async def begun(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await turn.aclose()
                await send(message)

            await self._app(scope, receive, begun)


@dataclass(frozen=True, slots=True)
class _Open:
    snapshot_holder: SnapshotHolder
    health: Callable[[], bytes]
    holds: Holds
    turns: asyncio.Semaphore


_READS: Final = frozenset({"GET", "HEAD"})
#: Answers that are made at a time, of those that may take some time to make.
_TURNS: Final = 2
#: Statuses from here on are failures.
_FAILURES: Final = 400
#: The code with which a WebSocket is closed that may not be opened.
_POLICY_VIOLATION: Final = 1008
_NO_BODY: Final[Message] = {"type": "http.response.body", "body": b""}
_TOO_MUCH: Final = f"The body may have {MAX_BODY} bytes; no route needs one"
_TOO_LARGE: Final = error_body(413, _TOO_MUCH)
_NOT_WELCOME: Final = error_body(
    403, "This page's origin may not ask: list it in CORS_ORIGINS to allow it"
)


def _beside(target: Target, scope: Scope) -> tuple[bytes, bytes]:
    """Where a path with a slash too much is without it; relative: a request may name any host."""
    name = quote(target.path.rpartition("/")[2], safe="").encode()
    query = scope.get("query_string", b"")
    return b"location", b"../" + name + (b"?" + query if query else b"")


def _is_too_large(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"0")
    return not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY


def _bounded(receive: Receive) -> Receive:
    """The same, but a body that does not say how long it is may not be long either."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            raise HTTPException(413, _TOO_MUCH)
        return message

    return bounded


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _send(
    send: Send, status: int, headers: Headers, body: bytes, *, head: bool = False
) -> None:
    described = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    start = [*(described if body else []), *STANDARD, *headers]
    await send(_start(status, start))
    await send(_NO_BODY if head else {"type": "http.response.body", "body": body})
