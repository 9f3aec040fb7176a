"""`/dashboard`: the page people look at, its script and its style sheet, all served from here.

The files in `api/static` are built from `frontend/`; a test compares the two. Page and files are
open, what they show is not: the page asks for the token.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse

from api.security.headers import DASHBOARD, DASHBOARD_FILES

router = APIRouter(include_in_schema=False)

STATIC: Final = Path(__file__).parents[1] / "static"


@router.get(DASHBOARD)
async def dashboard() -> FileResponse:
    """The page."""
    return FileResponse(STATIC / "dashboard.html", media_type="text/html")


def _sender(file: Path) -> Callable[[], FileResponse]:
    def send() -> FileResponse:
        return FileResponse(file)

    return send


for _path in DASHBOARD_FILES:
    # One route each: no path of a request ever leads to a file.
    _file = STATIC / _path.rpartition("/")[2]
    router.add_api_route(_path, _sender(_file), response_class=FileResponse)
