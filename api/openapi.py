"""The document of this API: shapes made from the structs that are sent, locks on what is guarded.

FastAPI describes paths and parameters; it does not know `msgspec.Struct`, of which answers are.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from inspect import cleandoc
from typing import Any, Final

import msgspec
from msgspec import Struct

from api.schemas import account, bot, common, history, markets, model, service, state, whales
from api.schemas.common import REFERENCE, ErrorBody, shown
from bot.ports import account_views, twin_views, views
from bot.whales import views as whale_views

_MODULES: Final = (
    *(account, bot, common, history, markets, model, service, state, whales),
    *(account_views, twin_views, views, whale_views),
)
_NAMED: Final = re.compile(REFERENCE.format(name=r"(\w+)"))
_SCHEME: Final = "API token"
_REFUSALS: Final = {
    "401": shown(ErrorBody, "The right token is missing"),
    "429": shown(ErrorBody, "Too many requests without the right token"),
}


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAPI document with the schemas of all shapes that its paths name."""
    known = document.get("components", {}).get("schemas", {})
    named = set(_NAMED.findall(msgspec.json.encode(document["paths"]).decode()))
    shapes = _shapes()
    made = schemas([shapes[name] for name in sorted(named - known.keys())])
    components = {**document.get("components", {}), "schemas": {**known, **made}}
    return {**document, "components": components}


def schemas(shapes: Iterable[type[Struct]]) -> dict[str, Any]:
    """Schemas of these and of all that they hold, by name."""
    _, found = msgspec.json.schema_components(shapes, ref_template=REFERENCE)
    omitting = {name for name, one in _shapes().items() if one.__struct_config__.omit_defaults}
    return {name: _as_sent(one, name in omitting) for name, one in found.items()}


def _shapes() -> dict[str, type[Struct]]:
    named = [one for module in _MODULES for one in vars(module).values()]
    structs = [one for one in named if isinstance(one, type) and issubclass(one, Struct)]
    return {one.__name__: one for one in structs}


def _as_sent(schema: Mapping[str, Any], omits: bool) -> dict[str, Any]:
    """A struct's schema as it is sent: whole, or without what has its default if it `omits`."""
    fields = schema["properties"]
    required = schema["required"] if omits else list(fields)
    sent = {name: one if name in required else not_null(one) for name, one in fields.items()}
    bare = {name: _without_default(one) for name, one in sent.items()}
    said = cleandoc(schema.get("description", ""))
    return {**schema, "description": said, "properties": bare, "required": required}


def _without_default(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "default"}


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
    parameters = [{**one, "schema": not_null(one["schema"])} for one in operation["parameters"]]
    return {**operation, "parameters": parameters}


def not_null(schema: Mapping[str, Any]) -> dict[str, Any]:
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
    return {
        **operation,
        "responses": {**operation["responses"], **_REFUSALS},
        "security": [{_SCHEME: []}],
    }
