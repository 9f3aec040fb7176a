"""What stands before the exchange and spoils its answers: the faults of requests, as middleware.

First come the faults that keep a request away from the exchange, then those that change what it
answered. Whatever is not under /trade-api passes.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.sim.faults.active import ActiveFault, Faults
from bot.sim.faults.answers import AnswerChanges, rate_limit, said, server_error
from bot.sim.stream.wire import cut, gone

PREFIX: Final = "/trade-api/"
_REST: Final = "/trade-api/v2"
_INSTEAD: Final = frozenset({"slow", "rate_limited", "error", "hang", "cut"})


class FaultGate:
    """Middleware of the exchange's application."""

    def __init__(self, app: ASGIApp, faults: Faults, changes: AnswerChanges) -> None:
        self._app = app
        self._faults = faults
        self._changes = changes
        self._spoiling = changes.kinds | {"cut_after"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or not."""
        self._faults.catch_up()
        where = place(scope) if self._faults.any_active else ""
        if not where:
            await self._app(scope, receive, send)
            return
        for fault in self._faults.drawn(where, _INSTEAD):
            fault.fire()
            if fault.spec.kind == "slow":
                await self._faults.sleep(fault.spec.parameters["delay"])
            else:
                await _respond_instead(fault, scope, receive, send)
                return
        if scope["type"] == "websocket" or not self._faults.any_active:
            await self._app(scope, receive, send)
        else:
            await self._spoil(where, scope, receive, send)

    async def _spoil(self, where: str, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await said(self._app, scope, receive)
        for fault in self._faults.drawn(where, self._spoiling):
            if fault.spec.kind == "cut_after":
                fault.fire()
                await cut(scope, receive, send)
                return
            changed = self._changes.change(fault, scope, answer)
            # A fault that found nothing to change has not struck.
            if changed is not answer:
                fault.fire()
                answer = changed
        await answer.send(send)


def place(scope: Scope) -> str:
    """Where a request strikes, as patterns have it; empty for what is not the exchange's."""
    path = str(scope.get("path", ""))
    if not path.startswith(PREFIX):
        return ""
    if scope["type"] == "websocket":
        return "WS handshake"
    return f"{scope['method']} {path.removeprefix(_REST)}"


async def _respond_instead(fault: ActiveFault, scope: Scope, receive: Receive, send: Send) -> None:
    kind, terms = fault.spec.kind, fault.spec.parameters
    if scope["type"] == "websocket":
        await receive()
    if kind in {"cut", "hang"}:
        if kind == "hang":
            await gone(receive, terms["delay"])
        await cut(scope, receive, send)
        return
    answer = rate_limit(terms["body"]) if kind == "rate_limited" else server_error(terms["status"])
    kind = "websocket.http" if scope["type"] == "websocket" else "http"
    await answer.send(send, kind)
