"""Errors in one JSON shape: `{"error": {"code", "message", "details"}}`; never a trace."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.journal.csv_rows import plain
from bot.ports.persistence import LeaseLostError, StoreError

_CODES: Final = {
    403: "foreign_origin",
    413: "too_large",
    422: "invalid_request",
    500: "internal_error",
}
_SENTENCES: Final = {
    404: "There is no {path}; /docs lists what there is",
    405: "{path} does not take {method}; /docs lists what it takes",
}
#: What ends once the database is there again; its message is a sentence for people.
_UNAVAILABLE: Final = (StoreError, LeaseLostError)
#: What of a bad path is said back.
_SHOWN_PATH: Final = 80


def error_body(
    status: int,
    message: str,
    details: Sequence[Mapping[str, str]] = (),
    code: str | None = None,
) -> bytes:
    """The JSON of an error; `code` follows from the status unless given."""
    word = code or _CODES.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_")
    error = {"code": word, "message": message, "details": list(details)}
    return msgspec.json.encode({"error": error})


def install(app: FastAPI) -> None:
    """Give every error of this app the one shape."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in _UNAVAILABLE:
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover  # starlette looks up by type
        raise error
    path = plain(request.scope["path"])[:_SHOWN_PATH]
    unsaid = error.detail == HTTPStatus(error.status_code).phrase
    sentence = _SENTENCES.get(error.status_code) if unsaid else None
    message = sentence.format(path=path, method=request.method) if sentence else error.detail
    return _answer(error_body(error.status_code, message), error.status_code, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):  # pragma: no cover  # as above
        raise error
    details = [
        {"where": ".".join(str(part) for part in fault["loc"]), "problem": fault["msg"]}
        for fault in error.errors()
    ]
    named = "; ".join(f"{one['where']}: {one['problem']}" for one in details)
    return _answer(error_body(422, named, details), 422)


async def _unavailable(_: Request, error: Exception) -> Response:
    message = plain(str(error)) or "Another process leads now: try again"
    return _answer(error_body(503, message, code="store_unavailable"), 503)


async def _broken(_: Request, __: Exception) -> Response:
    # What broke is in the log, for those who may know.
    return _answer(error_body(500, "The service failed to answer; its log says why"), 500)


def _answer(body: bytes, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")
