"""`/docs` and `/redoc`: the viewers, their files served from here, and locks on what is guarded.

Nothing comes from another site: the pages work without internet, and no script of others ever
sees a token that is typed into them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from api.deps import CurrentFacts

router = APIRouter(include_in_schema=False)

_FILES: Final = Path(str(resources.files("fastapi_standalone_docs"))) / "static"
_SCHEME: Final = "API token"
_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}


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


def sendable(document: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAPI document in which no parameter may be null: it is left out instead.

    An address has no null; who sends the word gets it read as any other.
    """
    paths = {
        path: {method: _without_nulls(operation) for method, operation in operations.items()}
        for path, operations in document["paths"].items()
    }
    return {**document, "paths": paths}


def _without_nulls(operation: Mapping[str, Any]) -> dict[str, Any]:
    if "parameters" not in operation:
        return dict(operation)
    parameters = [{**one, "schema": _not_null(one["schema"])} for one in operation["parameters"]]
    return {**operation, "parameters": parameters}


def _not_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    match schema:
        case {"anyOf": [one, {"type": "null"}], **rest}:
            return {**one, **rest}
    return dict(schema)


def locked(document: Mapping[str, Any], wants_token: Callable[[str, str], bool]) -> dict[str, Any]:
    """An OpenAPI document that says which operations want a token, by method and path.

    Viewers then show where to type it in. Without any such operation it is the same document.
    """
    paths = {
        path: {
            method: _locked(operation) if wants_token(method.upper(), path) else operation
            for method, operation in operations.items()
        }
        for path, operations in document["paths"].items()
    }
    if paths == document["paths"]:
        return dict(document)
    schemes = {_SCHEME: {"type": "http", "scheme": "bearer"}}
    components = {**document["components"], "securitySchemes": schemes}
    return {**document, "paths": paths, "components": components}


def _locked(operation: Mapping[str, Any]) -> dict[str, Any]:
    refusals = {
        "401": {"description": "The right token is missing", "content": _ERROR},
        "429": {"description": "Too many requests without the right token", "content": _ERROR},
    }
    responses = {**operation["responses"], **refusals}
    return {**operation, "responses": responses, "security": [{_SCHEME: []}]}
