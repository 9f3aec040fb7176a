"""`/`, `/health`, `/ready` and `/metrics`: what this is and how it is doing."""

from datetime import datetime, timedelta
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
from bot.dashboard.snapshot import BotStatus, SnapshotHolder

router = APIRouter(tags=["service"])

#: Intervals without a new snapshot after which the state is called stale, and the least wait.
_PATIENCE: Final = 3
_LEAST_PATIENCE: Final = timedelta(seconds=15)
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
    """`HealthView` as JSON, in microseconds: a crowd that asks keeps nobody waiting."""
    now = services.clock.now()
    reasons = tuple(faults(services.snapshot_holder, now))
    view = HealthView(
        status="degraded" if reasons else "ok",
        timestamp=now.isoformat(),
        version=facts.version,
        environment=facts.environment,
        reasons=reasons,
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


def faults(snapshot_holder: SnapshotHolder, now: datetime) -> list[str]:
    """What is wrong, a sentence each; empty if all is well. A bot that was stopped is well."""
    status = snapshot_holder.status
    known = (
        _unsaid(status.store_fault, status.error, status.entries_stopped),
        _leaderless(status),
        status.loop_fault,
        status.error,
        status.model_fault,
        status.journal_fault,
        _unsaid(status.universe_fault, status.error),
        status.entries_stopped,
        status.running and status.trading_halted,
        status.orders_in_doubt,
        status.account_note,
        status.feed and status.feed.fault,
        # The loop says so after its next pass only, which may be a minute away.
        _unsaid(status.killed, status.entries_stopped) and f"killed ({status.killed})",
        _unsaid(status.disk_low, status.killed),
        status.odd_entries,
        _stale(status, now - (status.last_update or snapshot_holder.snapshot.at)),
        _blind(status),
    )
    return [fault for fault in known if fault]


def _unsaid(fault: str | None, *said: str | None) -> str | None:
    """The fault, unless it has been told within other words already."""
    return None if fault and any(fault in one for one in said if one) else fault


def _leaderless(status: BotStatus) -> str | None:
    """Said when nobody leads; without the database that is not known."""
    known = status.store_fault is None
    return "No leader: nothing trades" if known and not status.leads else None


def _stale(status: BotStatus, age: timedelta) -> str | None:
    patience = max(_PATIENCE * timedelta(seconds=status.interval_seconds), _LEAST_PATIENCE)
    if not status.running or age <= patience:
        return None
    return f"The state is {age.total_seconds():.0f} s old; the loop may hang"


def _blind(status: BotStatus) -> str | None:
    """Said when most markets are stale: a few may be quiet or closing."""
    if not status.running or status.stale_markets * 2 <= status.watched_markets:
        return None
    return f"{status.stale_markets} of {status.watched_markets} markets have stale books"
