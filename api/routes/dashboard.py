"""`/dashboard`: the page people look at, its script and its style sheet, all served from here.

They are sent compressed to whoever takes that: a third of the bytes.

The files in `api/static` are built from `frontend/`; a test compares the two. Page and files are
open, what they show is not: the page asks for the token.
"""

import gzip
from collections.abc import Callable
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from api.routes.ready import accepts_gzip
from api.security.headers import DASHBOARD, DASHBOARD_FILES

router = APIRouter(include_in_schema=False)

STATIC: Final = Path(__file__).parents[1] / "static"


@router.get(DASHBOARD)
async def dashboard(request: Request) -> Response:
    """The page."""
    return _sent(STATIC / "dashboard.html", request)


def _sender(file: Path) -> Callable[[Request], Response]:
    def send(request: Request) -> Response:
        return _sent(file, request)

    return send


def _sent(file: Path, request: Request) -> Response:
    vary = {"vary": "accept-encoding"}
    if not accepts_gzip(request.headers.get("accept-encoding", "").encode()):
        return FileResponse(file, headers=vary)
    return Response(
        _packed(file),
        headers={**vary, "content-encoding": "gzip"},
        media_type=guess_type(file.name)[0],
    )


@cache
def _packed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


for _path in DASHBOARD_FILES:
    # One route each: no path of a request ever leads to a file.
    _file = STATIC / _path.rpartition("/")[2]
    router.add_api_route(_path, _sender(_file), response_class=FileResponse)
