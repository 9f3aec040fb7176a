"""The official OpenAPI document as validators of answers; None where it is not at hand."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

# Without stubs these two are untyped; taken this way that is said once.
yaml: Any = pytest.importorskip("yaml")
jsonschema: Any = pytest.importorskip("jsonschema")

SPEC = Path(__file__).parents[2].parent / "shared" / "kalshi" / "openapi.yaml"

needs_spec = pytest.mark.skipif(not SPEC.exists(), reason="the official openapi.yaml is not here")


@cache
def spec() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = with_nulls(yaml.load(SPEC.read_text(), Loader=loader))
    return document


def with_nulls(node: Any) -> Any:
    """OpenAPI's `nullable` said in JSON Schema's own words."""
    if isinstance(node, list):
        return [with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {key: with_nulls(value) for key, value in node.items()}
    if changed.pop("nullable", False):
        changed.pop("x-go-type-skip-optional-pointer", None)
        return {"anyOf": [changed, {"type": "null"}]}
    return changed


@cache
def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, item in spec()["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation
    }


@cache
def schema_validator(name: str) -> Any:
    return validator({"$ref": f"kalshi#/components/schemas/{name}"})


@cache
def answer_validator(operation_id: str, status: int) -> Any:
    """The validator of an answer; None for one that the document leaves without a schema."""
    answer = operations()[operation_id][2]["responses"][str(status)]
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    return None if schema is None else validator(absolute(schema))


def validator(schema: dict[str, Any]) -> Any:
    whole = Resource.from_contents(absolute(spec()), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("kalshi", whole)
    return jsonschema.Draft202012Validator(schema, registry=registry)


def absolute(node: Any) -> Any:
    if isinstance(node, list):
        return [absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"kalshi{value}" if key == "$ref" else absolute(value) for key, value in node.items()
    }


def complaints(operation_id: str, status: int, body: Any) -> list[str]:
    """What the official document has against an answer."""
    checks = answer_validator(operation_id, status)
    if checks is None:
        return []
    return [f"{list(e.absolute_path)}: {e.message}" for e in checks.iter_errors(body)]
