"""`/logs`: the CSV logs and figures of them."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from msgspec import convert

from api.deps import BodyWanted, CurrentServices
from api.responses import json_response
from api.routes.ready import accepts_gzip
from api.schemas.common import INVALID, MISSING, Responses, answers
from api.schemas.service import LogsView, LogTail
from bot.journal.csv_rotation import COMPRESSED, RotatedParts
from bot.journal.csv_rows import LOGS, plain
from logging_utils import MAX_LINES, last_lines

router = APIRouter(prefix="/logs", tags=["logs"])

_CHUNK: Final = 1 << 18
#: What of a wrong name is said back.
_SHOWN: Final = 80


_CSV: Final[Responses] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows"}
}


@router.get("/stats", summary="Log file statistics", responses=answers(LogsView))
async def stats(services: CurrentServices) -> Response:
    """Size and lines of each log, and the names of its older parts."""
    # In a thread: the first look at a long file reads all of it.
    files = await asyncio.to_thread(services.log_stats.read)
    return json_response(convert(files, LogsView, from_attributes=True))


@router.get("/tail", summary="The last lines of the log", responses={**answers(LogTail), **INVALID})
async def tail(
    lines: Annotated[int, Query(ge=1, le=MAX_LINES, description="How many at most")] = 200,
) -> Response:
    """What this process wrote to stdout last, oldest first; secrets are masked."""
    found = last_lines(lines)
    reason = None if found else "this process writes its log elsewhere, or has written none"
    return json_response(LogTail(lines=tuple(found), count=len(found), reason=reason))


@router.get(
    "/{name}.csv",
    summary="A CSV log",
    response_class=Response,
    responses={**_CSV, **INVALID, **MISSING},
)
async def rows(
    name: str,
    request: Request,
    services: CurrentServices,
    wanted: BodyWanted,
    part: Annotated[
        str | None,
        Query(max_length=64, description="An older part, by its file name: see `/logs/stats`"),
    ] = None,
) -> Response:
    """The rows so far: of signals, trades, pnl, whale or grades, header first.

    Without `part` those since the last rotation; `/logs/stats` names the older parts, which
    are sent compressed to whoever accepts gzip.
    """
    file, length = await asyncio.to_thread(_opened, services.log_folder, name, part)
    size: int | None = length
    shown = Path(file.name).name.removesuffix(COMPRESSED)
    headers = {"content-disposition": f'attachment; filename="{shown}"'}
    if file.name.endswith(COMPRESSED):
        headers["vary"] = "accept-encoding"
        if accepts_gzip(request.headers.get("accept-encoding", "").encode()):
            headers["content-encoding"] = "gzip"
        else:
            # How long it is unpacked nobody knows before the end.
            size = None
    if size is not None:
        headers["content-length"] = str(size)
    if not wanted:
        file.close()
        return StreamingResponse(iter(()), headers=headers, media_type="text/csv")
    return StreamingResponse(_chunks(file, size), headers=headers, media_type="text/csv")


def _opened(folder: Path, name: str, part: str | None) -> tuple[BinaryIO, int]:
    """A log opened, and how long it is; raises a 404 that says what there is."""
    log = LOGS.get(name.removesuffix("_log"))
    if log is None:
        raise HTTPException(404, f"There is no log {_said(name)}; there are {', '.join(LOGS)}")
    # What is asked for is looked up among the files that there are: it never leads to one.
    try:
        file = _open(folder / log.file, part)
    except OSError:
        raise HTTPException(404, f"{log.file} is not there, or cannot be read") from None
    return file, os.fstat(file.fileno()).st_size


def _open(log: Path, part: str | None) -> BinaryIO:
    if part is None:
        return log.open("rb")
    try:
        return _part(log, part).open("rb")
    except FileNotFoundError:
        # It has just been compressed, or was too old.
        return _part(log, part).open("rb")


def _part(log: Path, name: str) -> Path:
    parts = {one.name: one.path for one in RotatedParts(log).listed()}
    if name not in parts:
        there = ", ".join(parts) or "none yet"
        raise HTTPException(404, f"There is no part {_said(name)} of {log.name}; there are {there}")
    return parts[name]


async def _chunks(file: BinaryIO, size: int | None) -> AsyncIterator[bytes]:
    """So many bytes of it: what is added meanwhile is not what was announced. None unpacks it."""
    left, source = (inf, gzip.GzipFile(fileobj=file)) if size is None else (size, file)
    with file:
        while left > 0 and (chunk := await asyncio.to_thread(source.read, int(min(left, _CHUNK)))):
            left -= len(chunk)
            yield chunk


def _said(name: str) -> str:
    return plain(name)[:_SHOWN]
