"""`/bot`: the loop's switches and its status."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from api.deps import CurrentServices, refuse_foreign_pages
from api.schemas.bot import Killed, Resumed, Started, Stopped
from api.schemas.common import ACTING, INVALID
from api.schemas.state import BotView
from bot.dashboard.snapshot import bot_view
from bot.journal.csv_rows import plain

router = APIRouter(prefix="/bot", tags=["bot"])
_own_pages_only = [Depends(refuse_foreign_pages)]

Reason = Annotated[str, Query(min_length=1, max_length=200, description="Shown until it is over")]


@router.get("/status", summary="Running, loop count, last update", response_model=BotView)
async def status(services: CurrentServices) -> Response:
    """How the bot is doing, now."""
    body = msgspec.json.encode(bot_view(services.snapshot_holder.status))
    return Response(body, media_type="application/json")


@router.post("/start", summary="Start the loop", dependencies=_own_pages_only, responses=ACTING)
async def start(services: CurrentServices) -> Started:
    """Start it unless it runs."""
    started = await services.control.start()
    return Started(
        status="started" if started else "already_running",
        mode=services.snapshot_holder.status.mode,
    )


@router.post("/stop", summary="Stop the loop", dependencies=_own_pages_only, responses=ACTING)
async def stop(services: CurrentServices) -> Stopped:
    """Stop it after the running cycle, if it runs."""
    stopped = await services.control.stop()
    return Stopped(status="stopped" if stopped else "not_running")


@router.post(
    "/kill",
    summary="Stop entries (kill switch)",
    dependencies=_own_pages_only,
    responses={**ACTING, **INVALID},
)
async def kill(services: CurrentServices, reason: Reason = "by hand") -> Killed:
    """No order opens or adds to a position until `/bot/resume`; positions may still be closed.

    The loop goes on, and a restart does not end it. `reason` is the one that is in force.
    """
    wanted = plain(reason)
    killed = await services.kill.kill(wanted)
    if killed:
        return Killed(status="killed", reason=wanted)
    return Killed(status="already_killed", reason=services.snapshot_holder.status.killed or wanted)


@router.post(
    "/resume",
    summary="Enter again",
    response_model_exclude_none=True,
    dependencies=_own_pages_only,
    responses=ACTING,
)
async def resume(services: CurrentServices) -> Resumed:
    """End what `/bot/kill` began. What a file or a full disk stops, they stop until they do not."""
    resumed = await services.kill.resume()
    status = services.snapshot_holder.status
    if status.killed is not None and status.killed_until is not None:
        return Resumed(status="still_killed", reason=status.killed, until=status.killed_until)
    return Resumed(status="resumed" if resumed else "not_killed", reason=None, until=None)
