"""The simulated exchange on HTTP: an ASGI application that speaks Kalshi under /trade-api/v2.

Serve it with uvicorn, or give it to `httpx.ASGITransport` and it is in-process. Before each
request the driver brings the exchange to the present; nothing else moves time.
"""

from dataclasses import replace
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from bot.clock import Clock
from bot.sim.engine.errors import Rejected
from bot.sim.engine.exchange import Exchange
from bot.sim.faults.install import attach
from bot.sim.rest import account, books, exchange_status, groups, limits, markets, orders, portfolio
from bot.sim.rest.auth import NO_SCOPE, KeyRing
from bot.sim.rest.body import BadBodyError
from bot.sim.rest.limits import RateLimiter, TooManyRequestsError
from bot.sim.rest.listing import ListingOrder
from bot.sim.rest.query import BadQueryError
from bot.sim.rest.render import Renderer
from bot.sim.rest.service import Answer, Call, ExchangeDriver, RestContext, Route, answer

PREFIX: Final = "/trade-api/v2"
#: Looked through in this order: what is asked most comes first, but fixed paths always before
#: those with a name in the same place.
ROUTES: Final[tuple[Route, ...]] = (
    *books.ROUTES,
    *orders.ROUTES,
    *exchange_status.ROUTES,
    *markets.ROUTES,
    *account.ROUTES,
    *portfolio.ROUTES,
    *groups.ROUTES,
    *orders.LEGACY_ROUTES,
)
_HEADERS: Final = {"content-type": "application/json"}


def create_exchange_app(
    exchange: Exchange,
    driver: ExchangeDriver,
    clock: Clock,
    keys: KeyRing | None = None,
    limiter: RateLimiter | None = None,
) -> Starlette:
    """The application. `clock` is the one for signatures and rate limits.

    Without `keys` nobody can sign; without a `limiter` nobody is limited. Its stream and the
    faults it can be given are those of `stream.socket` and `faults`.
    """
    service = RestContext(
        exchange=exchange,
        driver=driver,
        clock=clock,
        keys=keys or KeyRing({}),
        limiter=limiter or RateLimiter(),
        renderer=Renderer(exchange.state),
        listing=ListingOrder(exchange.state),
    )
    app = Starlette(
        routes=_routes(service),
        exception_handlers={404: _not_found, 405: _not_allowed, 500: _failed},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    attach(app, service)
    return app


class Endpoint:
    """All operations on one path, as an ASGI application."""

    def __init__(self, service: RestContext, routes: dict[str, Route]) -> None:
        self._service = service
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        body = await request.body()
        route = self._routes["GET" if request.method == "HEAD" else request.method]
        said = respond(self._service, route, request, body)
        response = Response(said.body, said.status, _HEADERS if said.body else None)
        await response(scope, receive, send)


def _call(service: RestContext, route: Route, request: Request, body: bytes) -> Call:
    query, headers = QueryParams(request.scope["query_string"]), Headers(scope=request.scope)
    return Call(service, route.operation, request.path_params, query, headers, body)


def respond(service: RestContext, route: Route, request: Request, body: bytes) -> Answer:
    """What an operation answers; every refusal in the shape that Kalshi gives it."""
    service.driver.catch_up()
    call = _call(service, route, request, body)
    try:
        return _admitted(call, route, _signed_path(request.scope))
    except Rejected as refusal:
        return refused(refusal)
    except BadQueryError as error:
        return answer({"msg": str(error)}, 400)
    except BadBodyError as error:
        flat = {"code": "bad_request", "message": "bad request", "details": str(error)}
        return answer(flat, 400)
    except TooManyRequestsError:
        return too_many(service.limiter.body)


def too_many(body: str) -> Answer:
    """The refusal of a caller whose tokens are used up, in one of its two shapes."""
    if body == "plain":
        return answer({"error": "too many requests"}, 429)
    return refused(Rejected(429, "too_many_requests"))


def refused(refusal: Rejected) -> Answer:
    """A refusal in the nested shape, which nearly all have."""
    error = {"code": refusal.code, "message": refusal.message}
    if refusal.details:
        error["details"] = refusal.details
    return answer({"error": error}, refusal.status)


def _admitted(call: Call, route: Route, path: str) -> Answer:
    service, now = call.service, call.service.clock.now()
    seconds = now.timestamp()
    if not route.scope:
        service.limiter.charge("", limits.READ, route.cost, seconds)
        return route.handler(call)
    key = service.keys.signer(call.headers, route.method, path, now + service.skew.by)
    if not key.may(route.scope):
        raise NO_SCOPE(f"this operation needs the scope {route.scope}")
    count = call.order_count if route.per_order else 1
    service.limiter.charge(key.account, _bucket(route, call), route.cost * count, seconds)
    return route.handler(replace(call, signed_by=service.state.accounts[key.account]))


def _signed_path(scope: Scope) -> str:
    """The path as received, still percent-encoded: that is what clients sign."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else str(scope["path"])


def _bucket(route: Route, call: Call) -> str:
    if route.operation == "GetBalance":
        return limits.BALANCE
    return limits.READ if route.method == "GET" else limits.write_bucket(_named_shard(call))


def _named_shard(call: Call) -> int:
    """The shard that a write names, 0 if none: what else is wrong with it its handler says."""
    named = call.query.text("exchange_index")
    if named.isdecimal():
        return int(named[:2])
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return 0
    shard = body.get("exchange_index") if isinstance(body, dict) else None
    return max(shard, 0) if isinstance(shard, int) else 0


def _routes(service: RestContext) -> list[BaseRoute]:
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    return [
        StarletteRoute(f"{PREFIX}{path}", Endpoint(service, routes), methods=list(routes))
        for path, routes in by_path.items()
    ]


async def _not_found(request: Request, _error: Exception) -> Response:
    path = request.url.path
    if path != "/" and path.endswith("/"):
        return Response(status_code=301, headers={"location": path.rstrip("/") or "/"})
    return _plain(404, "not_found")


async def _not_allowed(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return _plain(405, "method_not_allowed", dict(headers or {}))


async def _failed(_request: Request, _error: Exception) -> Response:
    return _plain(500, "internal_server_error")


def _plain(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"code": code, "message": code.replace("_", " ")}}
    return Response(orjson.dumps(body), status, {**_HEADERS, **(headers or {})})
