"""Middleware in front of the exchange that spoils its answers: the faults of requests.

First come the faults that keep a request away from the exchange, then those that change what it
answered. Whatever is not under /trade-api passes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sim.faults.active import ActiveFault, Faults
from bot.sim.faults.answers import AnswerChanges, rate_limit, said, server_error
from bot.sim.stream.wire import cut, gone

PREFIX: Final = "/trade-api/"
_REST: Final = "/trade-api/v2"
_INSTEAD: Final = frozenset({"slow", "rate_limited", "error", "hang", "cut", "arrives_late"})


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    """A request that nobody waits for any more, and when it arrives."""

    due: datetime
    scope: Scope
    body: bytes


class FaultGate:
    """Middleware of the exchange's application."""

    def __init__(self, app: ASGIApp, faults: Faults, changes: AnswerChanges) -> None:
        self._app = app
        self._faults = faults
        self._changes = changes
        self._spoiling = changes.kinds | {"cut_after", "late_after"}
        self._on_their_way: list[_OnItsWay] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or not."""
        self._faults.catch_up()
        await self._arrive()
        where = place(scope) if self._faults.any_active else ""
        if not where:
            await self._app(scope, receive, send)
            return
        if await self._is_answered(where, scope, receive, send):
            return
        if scope["type"] == "websocket" or not self._faults.any_active:
            await self._app(scope, receive, send)
        else:
            await self._spoil(where, scope, receive, send)

    async def _is_answered(self, where: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether a fault took the place of the answer; one that is slow only waits."""
        for fault in self._faults.drawn(where, _INSTEAD):
            fault.fire()
            if fault.spec.kind == "slow":
                await self._faults.sleep(fault.spec.parameters["delay"])
                continue
            late = fault.spec.kind == "arrives_late"
            await (self._delay if late else _respond_instead)(fault, scope, receive, send)
            return True
        return False

    async def _delay(self, fault: ActiveFault, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        due = self._faults.now + timedelta(seconds=fault.spec.parameters["delay"])
        self._on_their_way.append(_OnItsWay(due, scope, body))
        await cut(scope, receive, send)

    async def _arrive(self) -> None:
        """Do what was delayed and is due; the answer goes nowhere."""
        now = self._faults.now
        due = [one for one in self._on_their_way if one.due <= now]
        self._on_their_way = [one for one in self._on_their_way if one.due > now]
        for one in due:
            await said(self._app, one.scope, _again(one.body))

    async def _spoil(self, where: str, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await said(self._app, scope, receive)
        for fault in self._faults.drawn(where, self._spoiling):
            if fault.spec.kind == "cut_after":
                fault.fire()
                await cut(scope, receive, send)
                return
            if fault.spec.kind == "late_after":
                fault.fire()
                await self._faults.sleep(fault.spec.parameters["delay"])
                continue
            changed = self._changes.change(fault, scope, answer)
            # A fault that found nothing to change has not struck.
            if changed is not answer:
                fault.fire()
                answer = changed
        await answer.send(send)


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


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
