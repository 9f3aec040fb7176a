"""The one shape of every error, and what a route may answer besides its own shape."""

from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

#: Where a document names the shapes of its answers.
REFERENCE: Final = "#/components/schemas/{name}"


class ErrorItem(Struct, frozen=True, kw_only=True):
    """One fault of a request: where it lies and what is wrong."""

    where: Annotated[str, Meta(examples=["query.limit"])]
    problem: Annotated[str, Meta(examples=["Input should be less than or equal to 500"])]


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """What went wrong: a word for programs, a sentence for people."""

    code: Annotated[str, Meta(examples=["invalid_request"])]
    message: str
    details: tuple[ErrorItem, ...]


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The one shape of every error."""

    error: ErrorDetail


Responses: TypeAlias = dict[int | str, dict[str, Any]]


def shown(shape: type[Struct], description: str = "Successful Response") -> dict[str, Any]:
    """What `/openapi.json` says of an answer in this shape."""
    schema = {"$ref": REFERENCE.format(name=shape.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def answers(shape: type[Struct]) -> Responses:
    """That a route answers in this shape."""
    return {200: shown(shape)}


def _failed(status: int, description: str) -> Responses:
    return {status: shown(ErrorBody, description)}


FAILED: Final = _failed(500, "The service is at fault")
INVALID: Final = _failed(422, "A parameter is wrong")
MISSING: Final = _failed(404, "There is none of that name")
CONFLICT: Final = _failed(409, "It cannot be done now")
FOREIGN: Final = _failed(403, "A foreign page asked, or no API_TOKEN is set")
FULL_UP: Final = _failed(503, "As many listen as there is room for")
#: What may become of a switch: nobody can be told while the database is away.
ACTING: Final = {**FOREIGN, **_failed(503, "The database cannot be reached")}
