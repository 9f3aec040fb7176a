"""The outermost layer: ready bytes for `/state/full`, and what every answer carries.

Who may not pass is turned away here. `/state/full` is asked for in a tight loop; it is answered
here, before middleware and router see it, from bytes made once a cycle. Everything else passes
through and gets the security and CORS headers on its way out; HEAD is answered like GET without
the body.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Doors, Refusal
from api.cors import Cors
from api.errors import error_body
from api.headers import (
    ENCRYPTED_ONLY,
    HEAD_ONLY,
    STANDARD,
    Headers,
    came_encrypted,
    standard,
)
from api.ready import Ready, names
from bot.state import Board

FULL: Final = "/state/full"
#: No route reads a body; a client that sends more than this is mistaken or hostile.
MAX_BODY: Final = 16_384


class Edge:
    """An ASGI app around the service's own; `board` is put there when the service opens."""

    def __init__(self, app: ASGIApp, cors: Cors, doors: Doors) -> None:
        self.board: Board | None = None
        self._app = app
        self._cors = cors
        self._doors = doors
        self._ready: Ready | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        full = scope["path"] == FULL and scope["method"] in _READS
        if not (full and self._doors.reads_are_free):
            refusal = self._doors.refusal(scope, headers)
            if refusal is not None:
                await self._refuse(refusal, scope, headers, send)
                return
        if full:
            start, body = self._full(scope, headers)
            await send(start)
            await send(body if scope["method"] == "GET" else _NO_BODY)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await self._preflight(scope, headers, send)
        elif _is_too_large(headers):
            await _send(send, 413, self._extra(scope, headers), _TOO_LARGE)
        else:
            await self._pass_on(scope, receive, send, self._extra(scope, headers))

    def _full(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[Message, Message]:
        form = self._current().form(headers.get(b"accept-encoding"))
        extra = self._extra(scope, headers)
        known = headers.get(b"if-none-match")
        if known is not None and names(known, form.etag):
            return _start(304, form.unchanged + extra), _NO_BODY
        return _start(200, form.full + extra), form.body

    def _extra(self, scope: Scope, headers: dict[bytes, bytes]) -> Headers:
        """What an answer to this request carries besides what all answers do."""
        cors = self._cors.headers(headers.get(b"origin"))
        return cors + ENCRYPTED_ONLY if came_encrypted(scope, headers) else cors

    async def _refuse(
        self, refusal: Refusal, scope: Scope, headers: dict[bytes, bytes], send: Send
    ) -> None:
        body = error_body(refusal.status, refusal.message, code=refusal.code)
        extra = self._extra(scope, headers) + refusal.headers
        await _send(send, refusal.status, extra, body)

    def _current(self) -> Ready:
        board = self.board
        if board is None:
            raise RuntimeError("the service is not open: its lifespan has not been entered")
        snapshot = board.snapshot
        if self._ready is None or self._ready.snapshot is not snapshot:
            self._ready = Ready.of(snapshot)
        return self._ready

    async def _preflight(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        welcome = self._cors.preflight(headers.get(b"origin", b""))
        encrypted = ENCRYPTED_ONLY if came_encrypted(scope, headers) else []
        if welcome is None:
            await _send(send, 403, encrypted, _NOT_WELCOME)
        else:
            await _send(send, 204, welcome + encrypted, b"")

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, extra: Headers) -> None:
        head = scope["method"] == "HEAD"
        carried = [*standard(scope["path"]), *extra]

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *carried]}
            elif head:
                message = {**message, "body": b""}
            await send(message)

        asked = {**scope, "method": "GET", HEAD_ONLY: True} if head else scope
        await self._app(asked, receive, dressed)


_READS: Final = frozenset({"GET", "HEAD"})
_NO_BODY: Final[Message] = {"type": "http.response.body", "body": b""}
_TOO_LARGE: Final = error_body(413, f"The body may have {MAX_BODY} bytes; no route needs one")
_NOT_WELCOME: Final = error_body(
    403, "This page's origin may not ask: list it in CORS_ORIGINS to allow it"
)


def _is_too_large(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"0")
    return not length.isdigit() or len(length) > 12 or int(length) > MAX_BODY


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    described = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    start = [*(described if body else []), *STANDARD, *headers]
    await send(_start(status, start))
    await send({"type": "http.response.body", "body": body})
