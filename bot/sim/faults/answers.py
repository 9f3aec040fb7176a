"""Answers of the exchange, changed on their way out by faults: late, stale, broken, replaced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Protocol, TypeGuard

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sim.engine.events import Filled, OrderChanged, SimEvent
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.units import size_text
from bot.sim.faults.bodies import BROKEN, SPOILED
from bot.sim.faults.kinds import FaultSpec
from bot.sim.rest.auth import KEY_HEADER
from bot.sim.rest.render import iso_time
from bot.sim.rest.render_portfolio import order_json
from bot.sim.rest.service import RestContext

Json = dict[str, Any]

#: Cancels and fills held back to be reported late, and answers to be repeated.
REMEMBERED: Final = 2_000
_JSON: Final = (b"content-type", b"application/json")
_SERVER_ERRORS: Final = {500: "internal_server_error", 504: "gateway_timeout"}


class Striking(Protocol):
    """A fault that strikes now."""

    fault_id: str
    spec: FaultSpec
    begun: datetime
    rng: Random


@dataclass(frozen=True, slots=True)
class SpoiledAnswer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    async def send(self, send: Send, kind: str = "http") -> None:
        """Send it, with its new length."""
        others = [(k, v) for k, v in self.headers if k.lower() != b"content-length"]
        headers = [*others, (b"content-length", str(len(self.body)).encode())]
        start = {"type": f"{kind}.response.start", "status": self.status, "headers": headers}
        await send(start)
        await send({"type": f"{kind}.response.body", "body": self.body})


def server_error(status: int) -> SpoiledAnswer:
    """A server error in the nested shape."""
    code = _SERVER_ERRORS.get(status, "service_unavailable")
    return plain(status, {"error": {"code": code, "message": code.replace("_", " ")}})


def rate_limit(body: str) -> SpoiledAnswer:
    """A refusal for too many requests, in one of its two shapes."""
    nested = {"code": "too_many_requests", "message": "too many requests"}
    return plain(429, {"error": "too many requests" if body == "plain" else nested})


def plain(status: int, body: Json) -> SpoiledAnswer:
    """A JSON answer."""
    return SpoiledAnswer(status, (_JSON,), orjson.dumps(body))


async def said(app: ASGIApp, scope: Scope, receive: Receive) -> SpoiledAnswer:
    """What an application answers."""
    parts: list[bytes] = []
    head: Json = {}

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    return SpoiledAnswer(head["status"], tuple(map(tuple, head["headers"])), b"".join(parts))


class AnswerChanges:
    """The ways to change an answer. One that finds nothing to change gives it back as it is."""

    def __init__(self, service: RestContext) -> None:
        self._service = service
        self._stale: dict[tuple[str, str], tuple[datetime, SpoiledAnswer]] = {}
        self._heard: dict[str, datetime] = {}
        self._ways: Mapping[str, Callable[[Striking, Scope, SpoiledAnswer], SpoiledAnswer]] = {
            "error_after": _error_after,
            "garbage": _garbage,
            **dict.fromkeys(SPOILED, _spoiled),
            "duplicate_fill": _duplicate_fill,
            "late_fill": self._late_fill,
            "stale_markets": self._stale_answer,
            "stale_orders": self._stale_orders,
            "lagging_reads": self._lagging,
        }
        self.kinds = frozenset(self._ways)
        service.exchange.subscribe(self.on_event)

    def on_event(self, event: SimEvent) -> None:
        """Remember when fills and cancels became known."""
        if isinstance(event, Filled):
            self._remember(event.trade_id)
        elif isinstance(event, OrderChanged) and event.state is OrderState.CANCELED:
            self._remember(event.order_id)

    def change(self, fault: Striking, scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
        """The answer, changed by the fault."""
        return self._ways[fault.spec.kind](fault, scope, answer)

    def _remember(self, name: str) -> None:
        self._heard[name] = self._service.clock.now()
        _forget_oldest(self._heard)

    def _is_young(self, name: str, seconds: float) -> bool:
        heard = self._heard.get(name)
        if heard is None:
            return False
        return (self._service.clock.now() - heard).total_seconds() < seconds

    def _stale_answer(self, fault: Striking, scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
        now = self._service.clock.now()
        place = (fault.fault_id, f"{scope['path']}?{scope['query_string']!r}")
        known = self._stale.get(place)
        if known and (now - known[0]).total_seconds() < fault.spec.parameters["age"]:
            return known[1]
        if answer.status == 200:
            self._stale[place] = (now, answer)
            _forget_oldest(self._stale)
        return answer

    def _late_fill(self, fault: Striking, _scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
        body = _object(answer)
        fills = _entries(body, "fills")
        delay = fault.spec.parameters["delay"]
        reported = [fill for fill in fills if not self._is_young(_name(fill, "trade_id"), delay)]
        return answer if len(reported) == len(fills) else _with(answer, {**body, "fills": reported})

    def _stale_orders(self, fault: Striking, scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
        key = self._service.keys.keys.get(Headers(scope=scope).get(KEY_HEADER, ""))
        if answer.status != 200 or key is None:
            return answer
        state = self._service.state
        age = fault.spec.parameters["age"]
        young = {
            order.order_id: _revived(order_json(state, order), order)
            for order in state.accounts[key.account].orders.values()
            if order.state is OrderState.CANCELED and self._is_young(order.order_id, age)
        }
        body = _object(answer)
        changed = dict(body)
        if _are_entries(body.get("orders")):
            changed["orders"] = _listed(body["orders"], young, QueryParams(scope["query_string"]))
        if isinstance(body.get("order"), dict):
            changed["order"] = young.get(_name(body["order"], "order_id"), body["order"])
        return answer if changed == body else _with(answer, changed)

    def _lagging(self, fault: Striking, _scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
        """The answer as it would have been so many seconds ago, as far as new entries go."""
        if answer.status != 200:
            return answer
        body, past = _object(answer), _known_to(fault, self._service.clock.now())
        changed = dict(body)
        if isinstance(body.get("as_of_time"), str):
            changed["as_of_time"] = iso_time(past)
        for name in ("orders", "fills"):
            if _are_entries(body.get(name)):
                changed[name] = [one for one in body[name] if _was_known(one, past)]
        return answer if changed == body else _with(answer, changed)


def _known_to(fault: Striking, now: datetime) -> datetime:
    """The moment up to which everything is known: it never goes back, as the lag begins, either."""
    return max(now - timedelta(seconds=fault.spec.parameters["age"]), fault.begun)


def _was_known(entry: Json, past: datetime) -> bool:
    """Whether an order or a fill was there at that moment; one without a time was."""
    created = entry.get("created_time")
    return not isinstance(created, str) or datetime.fromisoformat(created) <= past


def _forget_oldest(remembered: dict[Any, Any]) -> None:
    if len(remembered) > REMEMBERED:
        del remembered[next(iter(remembered))]


def _listed(orders: list[Json], young: dict[str, Json], query: QueryParams) -> list[Json]:
    """A page of orders in which those just cancelled still rest."""
    status, ticker = query.get("status", ""), query.get("ticker", "")
    if status == "canceled":
        return [order for order in orders if _name(order, "order_id") not in young]
    shown = [young.get(_name(order, "order_id"), order) for order in orders]
    if status != "resting" or query.get("cursor"):
        return shown
    return [one for one in young.values() if ticker in {"", one["ticker"]}] + shown


def _revived(reported: Json, order: LiveOrder) -> Json:
    remaining = size_text(order.size - order.filled)
    return {**reported, "status": "resting", "remaining_count_fp": remaining}


def _error_after(fault: Striking, _scope: Scope, _answer: SpoiledAnswer) -> SpoiledAnswer:
    return server_error(fault.spec.parameters["status"])


def _garbage(fault: Striking, _scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
    name = fault.spec.parameters["body"]
    headers = ((b"content-type", b"text/html"),) if name == "html" else answer.headers
    return replace(answer, headers=headers, body=BROKEN[name](answer.body))


def _spoiled(fault: Striking, _scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
    before = _decoded(answer)
    after = SPOILED[fault.spec.kind](before, fault.spec.parameters, fault.rng)
    return answer if after == before else _with(answer, after)


def _duplicate_fill(_fault: Striking, _scope: Scope, answer: SpoiledAnswer) -> SpoiledAnswer:
    body = _object(answer)
    fills = _entries(body, "fills")
    return _with(answer, {**body, "fills": [fills[0], *fills]}) if fills else answer


def _decoded(answer: SpoiledAnswer) -> object:
    """What the body says; None if it is empty, or no JSON since another fault was at it."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None


def _object(answer: SpoiledAnswer) -> Json:
    body = _decoded(answer)
    return body if isinstance(body, dict) else {}


def _entries(body: Json, name: str) -> list[Json]:
    """What is listed under that name; nothing if another fault left no list of objects there."""
    found = body.get(name)
    return found if _are_entries(found) else []


def _are_entries(found: object) -> TypeGuard[list[Json]]:
    return isinstance(found, list) and all(isinstance(one, dict) for one in found)


def _name(entry: Json, field: str) -> str:
    """What an entry is called: no name that is known if another fault took or replaced it."""
    return str(entry.get(field))


def _with(answer: SpoiledAnswer, body: object) -> SpoiledAnswer:
    return replace(answer, body=orjson.dumps(body))
