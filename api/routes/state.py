"""`/state`: what the bot sees, from the snapshot of its last cycle."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from api.deps import CurrentSnapshot
from api.schemas.common import INVALID
from api.schemas.state import BotState, Markets, Notices, Overview, Timeline, Whales
from bot.dashboard.timeline import fairly

router = APIRouter(prefix="/state", tags=["state"])

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most, the newest first")]


@router.get("/overview", summary="The account in one line", response_model=Overview)
async def overview(snapshot: CurrentSnapshot) -> Response:
    """Mode, equity, today's P&L, exposure, open positions."""
    return _json(snapshot.state.overview)


@router.get("/markets", summary="Markets with signals", response_model=Markets)
async def markets(snapshot: CurrentSnapshot) -> Response:
    """All watched markets."""
    return _listed("markets", snapshot.state.markets)


@router.get("/whales", summary="Whale events", response_model=Whales, responses=INVALID)
async def whales(snapshot: CurrentSnapshot, limit: Limit = 50) -> Response:
    """Recent whales, newest first."""
    return _listed("whales", snapshot.state.whales[:limit])


@router.get("/timeline", summary="Timeline events", response_model=Timeline, responses=INVALID)
async def timeline(snapshot: CurrentSnapshot, limit: Limit = 100) -> Response:
    """Positions opened and closed, whales, regime changes; newest first.

    Each of these has its share of the room, so that many of one do not hide the others.
    """
    return _listed("timeline", fairly(snapshot.state.timeline, limit))


@router.get("/notices", summary="Other events", response_model=Notices, responses=INVALID)
async def notices(snapshot: CurrentSnapshot, limit: Limit = 100) -> Response:
    """Refusals, failed fetches, settlements; newest first, repeats as one with their count."""
    return _listed("notices", snapshot.state.notices[:limit])


@router.get(
    "/full",
    summary="Complete state for the dashboard",
    response_model=BotState,
    responses={
        200: {"headers": {"ETag": {"description": "Strong", "schema": {"type": "string"}}}},
        304: {"description": "Unchanged since the If-None-Match given"},
    },
)
async def full(snapshot: CurrentSnapshot) -> Response:
    """Everything at once, with the newest 50 whales, 100 timeline entries and 50 notices.

    Ask again with `If-None-Match`: 304 until the next cycle. Compressed for who accepts gzip.
    """
    # The edge answers before this; it is what the answer is without an edge.
    return Response(snapshot.body, headers={"etag": snapshot.etag}, media_type="application/json")


def _listed(name: str, views: tuple[msgspec.Struct, ...]) -> Response:
    return _json({name: views, "count": len(views)})


def _json(view: object) -> Response:
    return Response(msgspec.json.encode(view), media_type="application/json")
