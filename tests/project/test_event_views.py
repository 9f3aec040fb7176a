"""Every event is shown, or left out on purpose, by each table of views."""

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import pytest

from bot.alerts import alert
from bot.core.events import Event
from bot.dashboard import activity_feed
from bot.journal import csv_rows, json_fields, stdout_lines
from bot.store import rows
from bot.telemetry import counters

#: What a cycle does at every pass: a line and a count, nothing to alert, show or store.
ROUTINE = frozenset({"CycleStarted", "MarketsFetched", "CycleFinished"})
#: What concerns no single market or order, so its line has no ids.
GLOBAL = frozenset({"FetchFailed", "EntriesStopped", "EntriesResumed", "Noted", "RegimeChanged"})


class Views(NamedTuple):
    """A table of views, and the events it leaves out, by why."""

    table: Mapping[type[Any], object]
    ignored: Mapping[str, frozenset[str]]


TABLES = {
    "stdout lines": Views(stdout_lines._LINES, {}),
    "ids in JSON lines": Views(json_fields._IDS, {"global": ROUTINE | GLOBAL}),
    "counters": Views(counters._VIEWS, {"gauges show it": frozenset({"PnlMarked"})}),
    "stored events": Views(
        rows.KINDS,
        {
            "routine": ROUTINE,
            "in a table of its own": frozenset({"OrderSubmitted", "OrderRested", "PnlMarked"}),
            "the state has the latest": frozenset({"SignalMade"}),
        },
    ),
    "CSV rows": Views(
        csv_rows.ROWS,
        {
            "routine": ROUTINE,
            "the four files have rows for signals, orders, whales and P&L": GLOBAL
            | {"OrderRefused", "OrderUnresolved", "PositionOpened", "PositionClosed"}
            | {"MarketSettled", "PositionAdjusted", "WhaleEnded", "OrderRested", "FillMarkedOut"}
            | {"TwinCompared"},
        },
    ),
    "activity feed": Views(
        activity_feed._VIEWS,
        {
            "routine": ROUTINE,
            "panels show the latest": frozenset({"SignalMade", "PnlMarked", "PredictionGraded"})
            | {"FillMarkedOut", "TwinCompared"},
            "its end is shown": frozenset({"OrderSubmitted", "OrderRested", "OrderFilled"}),
            "in the whale history": frozenset({"WhaleEnded"}),
        },
    ),
    "alerts": Views(
        alert._VIEWS,
        {
            "routine": ROUTINE,
            "ordinary trading": frozenset({"SignalMade", "OrderSubmitted", "OrderRefused"})
            | {"OrderRested", "PositionOpened", "MarketSettled", "PnlMarked"},
            "an operator did it": frozenset({"PositionAdjusted"}),
            "conditions alert on what lasts": frozenset({"FetchFailed", "Noted", "RegimeChanged"}),
            "measurements": frozenset({"PredictionGraded", "WhaleEnded", "FillMarkedOut"})
            | {"TwinCompared"},
        },
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_event_is_shown_or_left_out_on_purpose(name: str) -> None:
    table, ignored = TABLES[name]
    every = {event.__name__ for event in get_args(Event)}
    shown = {event.__name__ for event in table}
    left_out = frozenset().union(*ignored.values())

    assert shown & left_out == set()
    assert shown | left_out == every
