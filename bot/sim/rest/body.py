"""Request bodies as Kalshi's server reads them: JSON objects with typed fields.

A number where a string belongs is refused with the flat error body, in the words of the Go
decoder. Fields nobody asked for are ignored, null reads as absent.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson

from bot.sim.engine.errors import Rejected

#: Field names and the kinds of value they hold: string, int, bool or array.
Fields: TypeAlias = Mapping[str, str]

_MAX_INT64 = 2**63 - 1


class BadBodyError(Exception):
    """The body is not the JSON that the operation reads; the message is the details."""


def decoded(body: bytes, struct: str, fields: Fields) -> dict[str, Any]:
    """The fields of `struct` that are there, checked for their kinds. Raises BadBodyError."""
    if not body.strip():
        raise BadBodyError("EOF")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBodyError(f"invalid JSON: {error}") from error
    return checked(value, struct, fields)


def checked(value: object, struct: str, fields: Fields) -> dict[str, Any]:
    """The fields of a decoded object, checked for their kinds. Raises BadBodyError."""
    if not isinstance(value, dict):
        raise BadBodyError(f"json: cannot unmarshal {_kind(value)} into Go value of type {struct}")
    found = {name: value[name] for name in fields if value.get(name) is not None}
    for name, inner in found.items():
        if not _fits(inner, fields[name]):
            raise BadBodyError(
                f"json: cannot unmarshal {_kind(inner)} into Go struct field "
                f"{struct}.{name} of type {_GO_TYPES[fields[name]]}"
            )
    return found


def required(found: Mapping[str, Any], *names: str) -> None:
    """Refuses an object in which one of these fields is missing or empty."""
    for name in names:
        if found.get(name) in (None, ""):
            raise Rejected(400, "missing_parameters", details=f"{name} is required")


_GO_TYPES = {"string": "string", "int": "int64", "bool": "bool", "array": "[]"}


def _fits(value: object, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            if isinstance(value, bool) or not isinstance(value, int):
                return False
            return -_MAX_INT64 <= value <= _MAX_INT64
        case _:
            return isinstance(value, list)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
