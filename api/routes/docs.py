"""`/docs` and `/redoc`: the viewers, their files served from here.

Nothing comes from another site: the pages work without internet, and no script of others ever
sees a token that is typed into them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from api.deps import CurrentFacts

router = APIRouter(include_in_schema=False)

_FILES: Final = Path(str(resources.files("fastapi_standalone_docs"))) / "static"


@dataclass(frozen=True, slots=True)
class _Viewer:
    """A page: what it loads, by name, and what is in its body. Addresses are relative."""

    files: Mapping[str, Path]
    body: str


_VIEWERS: Final = {
    "docs": _Viewer(
        {
            "swagger-ui.css": _FILES / "swagger" / "swagger-ui.css",
            "swagger-ui-bundle.js": _FILES / "swagger" / "swagger-ui-bundle.js",
            "start.js": Path(__file__).with_name("docs_start.js"),
            "favicon.png": _FILES / "fastapi" / "favicon.png",
        },
        '<link rel="stylesheet" href="docs/swagger-ui.css">'
        '<div id="swagger-ui"></div>'
        '<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>',
    ),
    "redoc": _Viewer(
        {
            "redoc.standalone.js": _FILES / "redoc" / "redoc.standalone.js",
            "logo-mini.svg": _FILES / "redoc" / "logo-mini.svg",
        },
        '<redoc spec-url="openapi.json"></redoc><script src="redoc/redoc.standalone.js"></script>',
    ),
}


@router.get("/docs")
async def docs(facts: CurrentFacts) -> Response:
    """Swagger UI."""
    return _page("Swagger UI", facts.name, _VIEWERS["docs"])


@router.get("/redoc")
async def redoc(facts: CurrentFacts) -> Response:
    """ReDoc."""
    return _page("ReDoc", facts.name, _VIEWERS["redoc"])


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The document of this API; made once for each prefix it is served under."""
    prefix = request.scope.get("root_path", "")
    made: dict[str, bytes] = request.app.state.documents
    if prefix not in made:
        document = request.app.openapi()
        if prefix:
            document = {**document, "servers": [{"url": prefix}]}
        made[prefix] = msgspec.json.encode(document)
    return Response(made[prefix], media_type="application/json")


def _page(kind: str, name: str, viewer: _Viewer) -> Response:
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(name)} – {kind}</title>"
        '<link rel="icon" href="docs/favicon.png"><style>body { margin: 0 }</style>'
    )
    page = f'<!doctype html><html lang="en"><head>{head}</head><body>{viewer.body}</body></html>'
    return Response(page, media_type="text/html")


def _sender(file: Path) -> Callable[[], FileResponse]:
    def send() -> FileResponse:
        return FileResponse(file)

    return send


for _name, _viewer in _VIEWERS.items():
    for _file, _path in _viewer.files.items():
        # One route each: no path of a request ever leads to a file.
        router.add_api_route(f"/{_name}/{_file}", _sender(_path), response_class=FileResponse)
