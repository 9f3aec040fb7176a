"""`/logs`: figures of the CSV logs."""

import asyncio

from fastapi import APIRouter

from api.deps import CurrentServices
from api.schemas import LogFile, LogsView

router = APIRouter(prefix="/logs", tags=["logs"])


@router.get("/stats", summary="Log file statistics")
async def stats(services: CurrentServices) -> LogsView:
    """Size and lines of each log."""
    # In a thread: the first look at a long file reads all of it.
    files = await asyncio.to_thread(services.log_stats.read)
    return LogsView(**{name: LogFile.model_validate(file) for name, file in files.items()})
