import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kalshi.wire.refusals import error
from bot.ports.exchange import ExchangeError
from tests.support.kalshi_bodies import FIXTURES, dump

RECORDED = FIXTURES / "errors.json"


@pytest.mark.parametrize(
    ("body", "code", "reported"),
    [
        (
            {"error": {"code": "invalid_price", "message": "invalid price"}},
            "invalid_price",
            "invalid_price",
        ),
        (
            {
                "error": {
                    "code": "invalid_order",
                    "message": "invalid order",
                    "details": "post only cross",
                }
            },
            "invalid_order",
            "invalid_order: post only cross",
        ),
        (
            {"code": "bad_request", "message": "no", "details": "why"},
            "bad_request",
            "bad_request: no; why",
        ),
        ({"msg": "Parameter validation failed"}, "", "Parameter validation failed"),
        ({"error": "too many requests"}, "too_many_requests", "too_many_requests"),
        ({"error": {"code": "too_many_requests"}}, "too_many_requests", "too_many_requests"),
        ({"error": None}, "", "no reason given"),
        ({"error": {"code": 7, "message": ["x"]}}, "", "no reason given"),
        ([], "", "no reason given"),
        ("gone", "", "no reason given"),
    ],
)
def test_every_form_of_refusal_is_understood(body, code, reported):
    refused = error("GET /markets", 409, dump(body))

    assert isinstance(refused, ExchangeError)
    assert (refused.status, refused.code) == (409, code)
    assert str(refused) == f"GET /markets: HTTP 409, {reported}"


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        (b"", "no reason given"),
        (b" \n", "no reason given"),
        (b"<html><body>Bad gateway</body></html>", "the answer is not JSON"),
        (b"\xff\xfe", "the answer is not JSON"),
        (b"[" * 100_000, "the answer is not JSON"),
    ],
)
def test_a_page_of_the_edge_is_a_refusal_too(body, reported):
    assert str(error("GET /series", 502, body)) == f"GET /series: HTTP 502, {reported}"


def test_what_the_exchange_says_cannot_forge_a_line_of_the_log_or_fill_it():
    refused = error("GET /x", 400, dump({"msg": "a\nERROR | forged\x1b[31m" + "b" * 9_999}))

    assert str(refused).isprintable()
    assert len(str(refused)) < 300


@given(st.binary(max_size=50) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["error", "code", "message", "msg"]), inner),
    max_leaves=6,
).map(json.dumps).map(str.encode), st.integers(300, 599))  # fmt: skip
def test_any_body_of_any_status_is_one_error_on_one_line(body, status):
    refused = error("GET /x", status, body)

    assert refused.status == status
    assert str(refused).isprintable()


@pytest.mark.skipif(
    not RECORDED.exists(), reason="the shared folder with recorded errors is not here"
)
def test_every_recorded_error_gives_its_code():
    for recorded in json.loads(RECORDED.read_bytes()):
        body = recorded["body"]
        refused = error("GET /x", recorded["status"], dump(body))
        reported = body.get("error", body)
        expected = (
            reported.get("code", "") if isinstance(reported, dict) else reported.replace(" ", "_")
        )
        assert (refused.status, refused.code) == (recorded["status"], expected)
