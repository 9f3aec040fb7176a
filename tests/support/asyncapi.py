"""The official AsyncAPI document as validators of frames; needed only where it is at hand."""

from functools import cache
from typing import Any

import pytest

from tests.support.openapi import SPEC, jsonschema, yaml

ASYNC_SPEC = SPEC.with_name("asyncapi.yaml")

needs_spec = pytest.mark.skipif(
    not ASYNC_SPEC.exists(), reason="the official asyncapi.yaml is not here"
)

#: The schema of each type of frame; a type with several is valid if one of them is.
PAYLOADS = {
    "subscribed": ("subscribedResponsePayload",),
    "unsubscribed": ("unsubscribedResponsePayload",),
    "ok": ("okResponsePayload", "listSubscriptionsResponsePayload"),
    "error": ("errorResponsePayload",),
    "orderbook_snapshot": ("orderbookSnapshotPayload",),
    "orderbook_delta": ("orderbookDeltaPayload",),
    "trade": ("tradePayload",),
    "ticker": ("tickerPayload",),
    "fill": ("fillPayload",),
    "user_order": ("userOrderPayload",),
    "market_position": ("marketPositionPayload",),
    "market_lifecycle_v2": ("marketLifecycleV2Payload",),
    "multivariate_market_lifecycle": ("multivariateMarketLifecyclePayload",),
    "event_lifecycle": ("eventLifecyclePayload",),
}


@cache
def document() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: dict[str, Any] = yaml.load(ASYNC_SPEC.read_text(), Loader=loader)
    return read


@cache
def validator(name: str) -> Any:
    whole = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(whole, format_checker=checker)


def complaints(frame: dict[str, Any]) -> list[str]:
    """What the official document has against a frame, a field it does not know included."""
    found = []
    for name in PAYLOADS[frame["type"]]:
        errors = [
            f"{name} {list(e.absolute_path)}: {e.message}"
            for e in validator(name).iter_errors(frame)
        ]
        if not errors:
            return _unknown(name, frame)
        found += errors
    return found


def _unknown(name: str, frame: dict[str, Any]) -> list[str]:
    properties = document()["components"]["schemas"][name]["properties"]
    unknown = frame.keys() - properties.keys() - {"sending_ts_ms"}
    message = properties.get("msg", {}).get("properties")
    if message is not None:
        unknown |= frame["msg"].keys() - message.keys()
    return [f"{name} knows no {key}" for key in unknown]
