"""`/state`: what the bot sees, from the snapshot of its last cycle."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import CurrentSnapshot
from api.responses import json_response
from api.schemas.common import INVALID, answers, shown
from api.schemas.state import Markets, Notices, Timeline, Whales
from bot.dashboard.timeline import fairly
from bot.ports.views import BotState, Overview

router = APIRouter(prefix="/state", tags=["state"])

_ETAG = {"description": "Strong", "schema": {"type": "string"}}

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, the newest first")]


@router.get("/overview", summary="The account in one line", responses=answers(Overview))
async def overview(snapshot: CurrentSnapshot) -> Response:
    """Mode, equity, today's P&L, exposure, open positions."""
    return json_response(snapshot.state.overview)


@router.get("/markets", summary="Markets with signals", responses=answers(Markets))
async def markets(snapshot: CurrentSnapshot) -> Response:
    """All watched markets."""
    found = snapshot.state.markets
    return json_response(Markets(markets=found, count=len(found)))


@router.get("/whales", summary="Whale events", responses={**answers(Whales), **INVALID})
async def whales(snapshot: CurrentSnapshot, limit: Limit = 50) -> Response:
    """Recent whales, newest first."""
    found = snapshot.state.whales[:limit]
    return json_response(Whales(whales=found, count=len(found)))


@router.get("/timeline", summary="Timeline events", responses={**answers(Timeline), **INVALID})
async def timeline(snapshot: CurrentSnapshot, limit: Limit = 100) -> Response:
    """Positions opened and closed, whales, regime changes; newest first.

    Each of these has its share of the room, so that many of one do not hide the others.
    """
    found = fairly(snapshot.state.timeline, limit)
    return json_response(Timeline(timeline=found, count=len(found)))


@router.get("/notices", summary="Other events", responses={**answers(Notices), **INVALID})
async def notices(snapshot: CurrentSnapshot, limit: Limit = 100) -> Response:
    """Refusals, failed fetches, settlements; newest first, repeats as one with their count."""
    found = snapshot.state.notices[:limit]
    return json_response(Notices(notices=found, count=len(found)))


@router.get(
    "/full",
    summary="Complete state for the dashboard",
    responses={
        200: {**shown(BotState), "headers": {"ETag": _ETAG}},
        304: {"description": "Unchanged since the If-None-Match given"},
    },
)
async def full(snapshot: CurrentSnapshot) -> Response:
    """Everything at once, with the newest 50 whales, 100 timeline entries and 50 notices.

    Ask again with `If-None-Match`: 304 until the next cycle. Compressed for who accepts gzip.
    """
    # The edge answers before this; it is what the answer is without an edge.
    return Response(snapshot.body, headers={"etag": snapshot.etag}, media_type="application/json")
