"""Bodies that break a careless client: fields missing, unknown or null, and what is no JSON."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

Terms: TypeAlias = Mapping[str, Any]


class RandomSource(Protocol):
    """A source of random numbers."""

    def randrange(self, stop: int, /) -> int:
        """One of the numbers from 0 up to `stop`, which is left out."""
        ...


def missing_field(body: object, terms: Terms, rng: RandomSource) -> object:
    """The body without a field, wherever it was; without a name a random field."""
    name = terms["field"]
    if not name:
        names = list(dict.fromkeys(key for one in _objects(body) for key in one))
        name = names[rng.randrange(len(names))] if names else ""
    return _rebuilt(body, lambda one: {k: v for k, v in one.items() if k != name})


def unknown_enum(body: object, terms: Terms, _rng: RandomSource) -> object:
    """The body with another value in a field, wherever it is."""
    name, value = terms["field"], terms["value"]
    return _rebuilt(body, lambda one: {k: value if k == name else v for k, v in one.items()})


def extra_field(body: object, terms: Terms, _rng: RandomSource) -> object:
    """The body with one more field in each object."""
    more = {terms["field"]: {"nested": [1, None, "?"]}}
    return _rebuilt(body, lambda one: {**one, **more})


def null_list(body: object, terms: Terms, _rng: RandomSource) -> object:
    """The body with null for a list, or without a name for every list."""
    name = terms["field"]

    def without(one: dict[str, Any]) -> dict[str, Any]:
        return {k: None if isinstance(v, list) and name in {"", k} else v for k, v in one.items()}

    return _rebuilt(body, without)


#: What changes a decoded body, by kind of fault.
SPOILED: Final[Mapping[str, Callable[[object, Terms, RandomSource], object]]] = {
    "missing_field": missing_field,
    "unknown_enum": unknown_enum,
    "extra_field": extra_field,
    "null_list": null_list,
}

_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body>cloudfront</body></html>"
#: What is no JSON, made of an encoded body, by name.
BROKEN: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "html": lambda _body: _HTML,
    "truncated": lambda body: body[: len(body) // 2],
    "empty": lambda _body: b"",
    "binary": lambda body: bytes(byte ^ 0xAA for byte in body),
}


def _objects(body: object) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        yield body
        for value in body.values():
            yield from _objects(value)
    elif isinstance(body, list):
        for item in body:
            yield from _objects(item)


def _rebuilt(body: object, change: Callable[[dict[str, Any]], dict[str, Any]]) -> object:
    """The body with each of its objects changed, the inner ones first."""
    if isinstance(body, dict):
        return change({key: _rebuilt(value, change) for key, value in body.items()})
    if isinstance(body, list):
        return [_rebuilt(item, change) for item in body]
    return body
