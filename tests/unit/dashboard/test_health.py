"""The health table: every condition can be told of, and names a fact of the status."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.dashboard.health import CONDITIONS, reasons
from bot.dashboard.snapshot import BotStatus
from bot.ports.views import FeedView
from tests.support.api_world import NOW, STATUS

FAULTS: dict[str, dict[str, Any]] = {
    "leads": {"leads": None, "leader": False},
    "feed.fault": {"feed": FeedView(source="poll", fault="the key cannot sign")},
    "last_update": {"last_update": NOW - timedelta(hours=1)},
    "stale_markets": {"stale_markets": 2, "watched_markets": 3},
}


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: one.name)
def test_each_condition_is_told_of_in_one_sentence_and_no_other_is(condition):
    status = replace(STATUS, **FAULTS.get(condition.name, {condition.name: "something is wrong"}))

    assert len(reasons(status, NOW, NOW)) == 1


def test_a_state_that_cannot_be_kept_is_old_and_no_loop_hangs():
    old = replace(STATUS, last_update=NOW - timedelta(hours=1), store_fault="the disk is full")

    assert reasons(old, NOW, NOW) == (
        "the disk is full",
        "The state is 3600 s old; a newer one is shown once it can be kept",
    )


def test_each_condition_has_a_name_of_its_own_in_the_status():
    names = [one.name.partition(".")[0] for one in CONDITIONS]

    assert set(names) <= {one.name for one in fields(BotStatus)}
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("field", [f.name for f in fields(BotStatus) if f.name.endswith("_fault")])
def test_no_fault_of_the_status_is_without_a_condition(field):
    assert field in {one.name for one in CONDITIONS}
