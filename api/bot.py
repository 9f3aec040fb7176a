"""`/bot`: the loop's switch and its status."""

import msgspec
from fastapi import APIRouter, Depends, Response

from api.deps import CurrentServices, refuse_foreign_pages
from api.schemas import FOREIGN, BotView, Started, Stopped
from bot.state import bot_view

router = APIRouter(prefix="/bot", tags=["bot"])
_own_pages_only = [Depends(refuse_foreign_pages)]


@router.get("/status", summary="Running, loop count, last update", response_model=BotView)
async def status(services: CurrentServices) -> Response:
    """How the bot is doing, now."""
    body = msgspec.json.encode(bot_view(services.board.status))
    return Response(body, media_type="application/json")


@router.post("/start", summary="Start the loop", dependencies=_own_pages_only, responses=FOREIGN)
async def start(services: CurrentServices) -> Started:
    """Start it unless it runs."""
    started = await services.control.start()
    return Started(
        status="started" if started else "already_running", mode=services.board.status.mode
    )


@router.post("/stop", summary="Stop the loop", dependencies=_own_pages_only, responses=FOREIGN)
async def stop(services: CurrentServices) -> Stopped:
    """Stop it after the running cycle, if it runs."""
    stopped = await services.control.stop()
    return Stopped(status="stopped" if stopped else "not_running")
