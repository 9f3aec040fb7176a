"""The service keeps what its own /openapi.json promises, whatever is asked."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis.core.parameters import ParameterLocation

from api.security.throttle import SPAN
from bot.ports.views import NoticeKind
from logging_utils import CsvJournal
from tests.support.api_world import OWNER, TOKENS, World, decision, full_state

DOCUMENT = World(Path("never opened")).with_facts(**TOKENS).app().openapi()
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


def can_be_wrong(operation):
    """Whether there is a parameter of which not every text is a right value."""
    parameters = operation.get("parameters", [])
    return any(one["in"] == "query" or "enum" in str(one["schema"]) for one in parameters)


#: Wrong values can be made up only where there are such parameters.
MODES = [
    (path, method, mode)
    for path, method in OPERATIONS
    for mode in schemathesis.GenerationMode
    # A stream never ends: see test_events.
    if path != "/events"
    if mode.is_positive or can_be_wrong(DOCUMENT["paths"][path][method])
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("openapi") / "logs").with_facts(**TOKENS)
    world.decisions.checkpoint = (decision("KXRAIN"), decision("KXSNOW", score=None))
    world.show(full_state())
    app = world.app()
    with CsvJournal(world.folder) as journal:
        app.show(world.around(journal))
        yield world, schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize(("path", "method", "mode"), MODES)
def test_answers_are_as_documented(api, path, method, mode):
    world, schema = api
    operation = schema[path][method.upper()]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def asked(case):
        # A token that was left out on purpose would be brought all the same.
        assume(not case.meta.is_negative_at(ParameterLocation.HEADER))
        # Without the token it tries on its own account, too, and must get nowhere.
        world.seconds += SPAN
        case.call_and_validate(headers=OWNER)

    asked()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_is_described(path, method):
    operation = DOCUMENT["paths"][path][method]

    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "500" in operation["responses"]
    assert ("403" in operation["responses"]) is (method == "post")
    assert ("422" in operation["responses"]) is ("parameters" in operation)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_parameter_may_be_null_for_none_can_be_sent(path, method):
    parameters = DOCUMENT["paths"][path][method].get("parameters", [])

    assert [one["name"] for one in parameters if "null" in str(one["schema"])] == []


def test_all_routes_of_the_contract_are_there():
    assert {
        ("/", "get"),
        ("/health", "get"),
        ("/state/overview", "get"),
        ("/state/markets", "get"),
        ("/state/whales", "get"),
        ("/state/timeline", "get"),
        ("/state/full", "get"),
        ("/logs/stats", "get"),
        ("/bot/start", "post"),
        ("/bot/stop", "post"),
        ("/bot/status", "get"),
        ("/demo/signal", "post"),
        ("/demo/whale", "post"),
        ("/demo/pnl", "post"),
        ("/ready", "get"),
        ("/metrics", "get"),
        ("/decisions", "get"),
        ("/logs/{name}.csv", "get"),
        ("/bot/kill", "post"),
        ("/bot/resume", "post"),
    } <= set(OPERATIONS)


def test_every_shape_that_is_named_is_described():
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))

    assert named == DOCUMENT["components"]["schemas"].keys()


def test_what_is_always_sent_is_required_and_what_is_left_out_is_never_null():
    shapes = DOCUMENT["components"]["schemas"]

    assert {"closing", "feed", "trading_halted"} <= set(shapes["BotView"]["required"])
    assert "default" not in shapes["BotView"]["properties"]["closing"]
    assert "category" not in shapes["MarketView"]["required"]
    assert shapes["MarketView"]["properties"]["category"]["type"] == "string"
    assert shapes["Resumed"]["required"] == ["status"]


def test_numbers_have_their_range_and_texts_their_words():
    shapes = DOCUMENT["components"]["schemas"]

    assert shapes["MarketView"]["properties"]["yes_bid"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 100,
        "examples": [52.5],
    }
    assert shapes["NoticeView"]["properties"]["kind"]["enum"] == sorted(get_args(NoticeKind))
    assert shapes["WhaleRecord"]["properties"]["source"]["enum"] == ["book", "tape", "refills"]
