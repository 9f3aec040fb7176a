"""The JSON of every answer, for readers and for `/docs`: what the shapes share, and errors.

The shapes themselves are in a module for each group of routes: `schemas_state` and so on.
"""

from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Time: TypeAlias = Annotated[
    str,
    Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-18T22:15:05+00:00"]),
]
Ticker: TypeAlias = Annotated[str, Field(examples=["KXINX-26JAN23"])]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Cents: TypeAlias = Annotated[float, Field(ge=0, le=100, examples=[52.5])]
Strength: TypeAlias = Annotated[float, Field(ge=0, le=0.5, examples=[0.12])]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, examples=[0.62])]


class Shape(BaseModel):
    """What all shapes have in common."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ErrorItem(Shape):
    """One fault of a request: where it lies and what is wrong."""

    where: str = Field(examples=["query.limit"])
    problem: str = Field(examples=["Input should be less than or equal to 500"])


class ErrorDetail(Shape):
    """What went wrong: a word for programs, a sentence for people."""

    code: str = Field(examples=["invalid_request"])
    message: str
    details: list[ErrorItem]


class ErrorBody(Shape):
    """The one shape of every error."""

    error: ErrorDetail


Responses: TypeAlias = dict[int | str, dict[str, Any]]


def _failed(status: int, description: str) -> Responses:
    return {status: {"model": ErrorBody, "description": description}}


FAILED: Final = _failed(500, "The service is at fault")
INVALID: Final = _failed(422, "A parameter is wrong")
MISSING: Final = _failed(404, "There is none of that name")
CONFLICT: Final = _failed(409, "It cannot be done now")
FOREIGN: Final = _failed(403, "A foreign page asked, or no API_TOKEN is set")
FULL_UP: Final = _failed(503, "As many listen as there is room for")
#: What may become of a switch: nobody can be told while the database is away.
ACTING: Final = {**FOREIGN, **_failed(503, "The database cannot be reached")}
