"""`/bot`: the loop's switches and its status."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.deps import CurrentServices, refuse_foreign_pages
from api.responses import json_response
from api.schemas.bot import Killed, Resumed, Started, Stopped
from api.schemas.common import ACTING, INVALID, answers
from bot.dashboard.snapshot import bot_view
from bot.journal.csv_rows import plain
from bot.ports.views import BotView

router = APIRouter(prefix="/bot", tags=["bot"])
_own_pages_only = [Depends(refuse_foreign_pages)]

Reason = Annotated[str, Query(min_length=1, max_length=200, description="Shown until it is over")]


@router.get("/status", summary="Running, loop count, last update", responses=answers(BotView))
async def status(services: CurrentServices) -> Response:
    """How the bot is doing, now."""
    return json_response(bot_view(services.snapshot_holder.status))


@router.post(
    "/start",
    summary="Start the loop",
    dependencies=_own_pages_only,
    responses={**answers(Started), **ACTING},
)
async def start(services: CurrentServices) -> Response:
    """Start it unless it runs."""
    started = await services.control.start()
    status = services.snapshot_holder.status
    return json_response(
        Started(status="started" if started else "already_running", mode=status.mode)
    )


@router.post(
    "/stop",
    summary="Stop the loop",
    dependencies=_own_pages_only,
    responses={**answers(Stopped), **ACTING},
)
async def stop(services: CurrentServices) -> Response:
    """Stop it after the running cycle, if it runs."""
    stopped = await services.control.stop()
    return json_response(Stopped(status="stopped" if stopped else "not_running"))


@router.post(
    "/kill",
    summary="Stop entries (kill switch)",
    dependencies=_own_pages_only,
    responses={**answers(Killed), **ACTING, **INVALID},
)
async def kill(services: CurrentServices, reason: Reason = "by hand") -> Response:
    """No order opens or adds to a position until `/bot/resume`; positions may still be closed.

    The loop goes on, and a restart does not end it. `reason` is the one that is in force.
    """
    wanted = plain(reason)
    killed = await services.kill.kill(wanted)
    if killed:
        return json_response(Killed(status="killed", reason=wanted))
    known = services.snapshot_holder.status.killed or wanted
    return json_response(Killed(status="already_killed", reason=known))


@router.post(
    "/resume",
    summary="Enter again",
    dependencies=_own_pages_only,
    responses={**answers(Resumed), **ACTING},
)
async def resume(services: CurrentServices) -> Response:
    """End what `/bot/kill` began. What a file or a full disk stops, they stop until they do not."""
    resumed = await services.kill.resume()
    status = services.snapshot_holder.status
    if status.killed is not None and status.killed_until is not None:
        lifted_by = status.killed_until
        return json_response(Resumed(status="still_killed", reason=status.killed, until=lifted_by))
    return json_response(Resumed(status="resumed" if resumed else "not_killed"))
