"""`/`, `/health`, `/ready` and `/metrics`: what this is and how it is doing."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import CurrentFacts, CurrentServices, ServiceFacts, Services
from api.responses import json_response
from api.schemas.common import Responses, answers, shown
from api.schemas.service import HealthView, ReadyView, RootView
from api.security.headers import DASHBOARD
from api.security.paths import BASE
from bot.dashboard.health import reasons

router = APIRouter(tags=["service"])

_BY_ACCEPT: Final = {"vary": "accept"}
_TEXT: Final[Responses] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The figures"}
}
_ROOT: Final[Responses] = {
    **answers(RootView),
    307: {"description": "To `/dashboard`, for a browser"},
}
_READY: Final[Responses] = {**answers(ReadyView), 503: shown(ReadyView, "Not ready")}


@router.get("/", summary="What this is, and whether the bot runs", responses=_ROOT)
async def root(request: Request, services: CurrentServices, facts: CurrentFacts) -> Response:
    """Name, versions, mode, and where to go from here; a browser is sent to `/dashboard`."""
    base = request.scope.get(BASE, "")
    if base is not None and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(base + DASHBOARD.removeprefix("/"), headers=_BY_ACCEPT)
    status = services.snapshot_holder.status
    view = RootView(
        name=facts.name,
        version=facts.version,
        model_version=status.model_version,
        bot_mode=status.mode,
        bot_running=status.running,
        docs="/docs",
        health="/health",
    )
    return json_response(view, headers=_BY_ACCEPT)


@router.get("/health", summary="Whether all is well", responses=answers(HealthView))
async def health(services: CurrentServices, facts: CurrentFacts) -> Response:
    """Always 200 while the service can answer; `degraded` comes with its reasons."""
    # The edge answers before this; it is what the answer is without an edge.
    return Response(health_body(services, facts), media_type="application/json")


def health_body(services: Services, facts: ServiceFacts) -> bytes:
    """`HealthView` as JSON, in microseconds, so that a burst of requests delays nobody."""
    now = services.clock.now()
    holder = services.snapshot_holder
    found = reasons(holder.status, now, holder.snapshot.at)
    view = HealthView(
        status="degraded" if found else "ok",
        timestamp=now.isoformat(),
        version=facts.version,
        environment=facts.environment,
        reasons=found,
    )
    return msgspec.json.encode(view)


@router.get("/ready", summary="Whether requests may be sent here", responses=_READY)
async def ready(services: CurrentServices) -> Response:
    """200 while the data is fresh, the database answers and somebody leads; else 503."""
    checks = services.readiness.checks()
    holds = all(check.ok for check in checks.values())
    return json_response(ReadyView(ready=holds, checks=checks), 200 if holds else 503)


@router.get(
    "/metrics", summary="Figures for a Prometheus", response_class=Response, responses=_TEXT
)
async def metrics(services: CurrentServices) -> Response:
    """Cycles, fetches, signals, orders, P&L, lease and the process itself, as Prometheus text."""
    body, kind = services.metrics.render()
    return Response(body, headers={"content-type": kind})
