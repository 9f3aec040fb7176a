"""Lines on stdout: as text one line each, as JSON one object each, whatever they hold."""

import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from math import inf, nan
from pathlib import Path

import orjson
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

import logging_utils
from bot.core.events import (
    CycleFinished,
    CycleStarted,
    Event,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    OrderUnresolved,
    WhaleEnded,
)
from bot.core.market.orders import Execution, OrderStatus
from bot.journal.csv_rows import plain
from bot.journal.formatters import json_lines, text_lines
from bot.journal.json_fields import FIELDS
from logging_utils import CsvJournal
from tests.support.journals import (
    ENDING,
    NOW,
    ORDER,
    ended,
    fill,
    pnl,
    signal,
    whale,
)

#: Whatever Python can hold as text: line ends, quotes, escapes, halves of surrogate pairs.
NASTY = st.text(st.characters(categories=None) | st.sampled_from('\n\r\u2028"\\\x00\x1b\ud800,{}'))
VALUES = st.one_of(
    NASTY,
    st.integers(),
    st.floats(),
    st.none(),
    st.decimals(),
    st.sampled_from((nan, inf, "\ud800")),
)


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [parsed(line) for line in capsys.readouterr().out.splitlines()]


def parsed(line: str) -> dict[str, object]:
    """The object of a line; this reader takes neither NaN nor half a surrogate pair."""
    found = orjson.loads(line)
    assert isinstance(found, dict)
    return found


def fail(text: str, cause: str) -> None:
    raise ValueError(text) from KeyError(cause)


def raised(text: str, cause: str) -> BaseException:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # any text at all
        fail(text, cause)
    return caught.value


@given(NASTY)
def test_no_message_forges_a_line(text):
    record = logging.makeLogRecord({"msg": "%s", "args": (text,)})

    line = text_lines().format(record)

    assert len(line.splitlines()) <= 1
    assert line.isprintable()


@given(
    text=NASTY,
    name=NASTY,
    level=NASTY,
    extra=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)),
    error=NASTY | st.none(),
)
def test_every_record_is_one_object_on_one_line(text, name, level, extra, error):
    fault = raised(error, text) if error is not None else None
    exc_info = (type(fault), fault, fault.__traceback__) if fault else None
    given = {"msg": "%s", "args": (text,), "name": name, "levelname": level, "exc_info": exc_info}
    record = logging.makeLogRecord(given | extra)

    line = json_lines().format(record)

    found = parsed(line)
    assert line.isascii()
    assert line.isprintable()
    assert ("exception" in found) == (error is not None)
    assert set(found) <= {"timestamp", "level", "logger", "message", "exception", *FIELDS}
    assert found["message"] == plain(text)


def test_a_line_has_its_moment_level_logger_and_words(capsys):
    logging_utils.configure("INFO", "json")
    record = logging.makeLogRecord(
        {"created": 1.5, "msg": "%d left", "args": (3,), "name": "main", "levelno": logging.INFO}
        | {"levelname": "INFO"}
    )

    logging.getLogger().handle(record)

    assert capsys.readouterr().out == (
        '{"timestamp": "1970-01-01T00:00:01.500000+00:00", "level": "INFO", '
        '"logger": "main", "message": "3 left"}\n'
    )


def test_a_trace_is_a_field(capsys):
    logging_utils.configure("INFO", "json")
    logging.getLogger("main").error("Broken", exc_info=raised("a\n\x1b[31mb", "c"))

    (line,) = objects(capsys)
    assert line["message"] == "Broken"
    trace = str(line["exception"])
    assert "Traceback (most recent call last):" in trace
    assert trace.splitlines()[-2:] == ["ValueError: a", "\\x1b[31mb"]
    assert "KeyError" in trace


def test_the_servers_lines_are_objects_too_and_successful_polls_are_left_out(capsys):
    uvicorn.Config("main:app")  # sets up logging its own way
    logging_utils.configure("INFO", "json")
    access = logging.getLogger("uvicorn.access")
    for path, status in (("/state/full", 200), ("/bot/start", 200)):
        access.info('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", path, "1.1", status)
    started = "Started server process [%d]"
    logging.getLogger("uvicorn.error").info(started, 7, extra={"color_message": "\x1b[36m%d"})

    assert [(line["logger"], line["message"]) for line in objects(capsys)] == [
        ("uvicorn.access", '1.2.3.4:5 - "GET /bot/start HTTP/1.1" 200'),
        ("uvicorn.error", "Started server process [7]"),
    ]


def test_what_others_leave_in_a_record_stays_there(capsys):
    logging_utils.configure("INFO", "json")

    logging.getLogger("lib").info("sent", extra={"authorization": "Bearer 1", "cycle": 4})

    (line,) = objects(capsys)
    assert set(line) == {"timestamp", "level", "logger", "message", "cycle"}
    assert line["cycle"] == 4


def test_a_terminal_that_knows_no_unicode_gets_the_same_object(monkeypatch, tmp_path):
    logging_utils.configure("INFO", "json")
    with (tmp_path / "out").open("w", encoding="latin-1") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        logging.getLogger("main").info("Zürich 🐋")

    assert parsed((tmp_path / "out").read_text())["message"] == "Zürich 🐋"


EVENTS: list[tuple[Event, dict[str, object]]] = [
    (CycleStarted(NOW, 7), {"event": "cycle_started", "cycle": 7}),
    (signal(), {"event": "signal_made", "ticker": ORDER.ticker}),
    (
        OrderSubmitted(NOW, ORDER),
        {"event": "order_submitted", "ticker": ORDER.ticker, "client_order_id": "c-1"},
    ),
    (
        OrderRefused(NOW, ORDER, "no"),
        {"event": "order_refused", "ticker": ORDER.ticker, "client_order_id": "c-1"},
    ),
    (
        OrderUnresolved(NOW, ORDER, "no answer"),
        {"event": "order_unresolved", "ticker": ORDER.ticker, "client_order_id": "c-1"},
    ),
    (
        ended(OrderStatus.FILLED, fill("100", "0.525")),
        {
            "event": "order_ended",
            "ticker": ORDER.ticker,
            "client_order_id": "c-1",
            "order_id": "o-1",
        },
    ),
    (
        OrderEnded(NOW, Execution(ORDER, "", OrderStatus.ERROR, (), "unreachable")),
        {"event": "order_ended", "ticker": ORDER.ticker, "client_order_id": "c-1"},
    ),
    (whale(), {"event": "whale_seen", "ticker": "AAPL-YES"}),
    (WhaleEnded(NOW, ENDING), {"event": "whale_ended", "ticker": "KX"}),
    (pnl(), {"event": "pnl_marked"}),
    (pnl("KX"), {"event": "pnl_marked", "ticker": "KX"}),
    (CycleFinished(NOW, 7, 1, 0, 0), {"event": "cycle_finished"}),
]


def said(events: Sequence[Event], folder: Path, capsys) -> list[dict[str, object]]:
    logging_utils.configure("DEBUG", "json")
    with CsvJournal(folder) as journal:
        journal.record(events)
    return objects(capsys)


@pytest.mark.parametrize(("event", "fields"), EVENTS)
def test_an_events_line_carries_its_cycle_and_its_ids(event, fields, tmp_path, capsys):
    *_, line = said([CycleStarted(NOW, 7), event], tmp_path, capsys)

    beside = {k: v for k, v in line.items() if k not in ("timestamp", "level", "logger", "message")}
    assert beside == {"cycle": 7, **fields}


def test_an_event_that_is_told_late_has_the_cycle_in_which_it_happened(tmp_path, capsys):
    moments = [NOW + timedelta(seconds=n) for n in range(4)]
    early, first, _, second = moments
    late = [signal(at=at) for at in (early, first, second)]

    lines = said([CycleStarted(first, 1), CycleStarted(moments[2], 2), *late], tmp_path, capsys)

    assert [line.get("cycle") for line in lines] == [1, 2, None, 1, 2]


def test_the_words_are_those_of_the_text(tmp_path, capsys):
    events = [event for event, _ in EVENTS]
    found = said(events, tmp_path, capsys)

    logging_utils.configure("DEBUG", "text")
    with CsvJournal(tmp_path) as journal:
        journal.record(events)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ", 3)[1:] for line in lines] == [
        [one["level"], one["logger"], one["message"]] for one in found
    ]
