"""The service keeps what its own /openapi.json promises, whatever is asked."""

from pathlib import Path
from typing import get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from api import schemas
from bot.views import NoticeKind
from logging_utils import CsvJournal
from tests.api.conftest import World, full_state

DOCUMENT = World(Path("never opened")).app().openapi()
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
#: Wrong values can be made up only where there are parameters.
MODES = [
    (path, method, mode)
    for path, method in OPERATIONS
    for mode in schemathesis.GenerationMode
    if mode.is_positive or "parameters" in DOCUMENT["paths"][path][method]
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("openapi") / "logs")
    world.show(full_state())
    app = world.app()
    with CsvJournal(world.folder) as journal:
        app.show(world.around(journal))
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize(("path", "method", "mode"), MODES)
def test_answers_are_as_documented(api, path, method, mode):
    operation = api[path][method.upper()]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def asked(case):
        case.call_and_validate()

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
    } <= set(OPERATIONS)


def test_the_kinds_of_notices_are_documented_as_they_are_sent() -> None:
    documented = schemas.NoticeView.model_fields["kind"].annotation

    assert get_args(documented) == get_args(NoticeKind)
