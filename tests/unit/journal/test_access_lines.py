"""The server's access log: no token, no polls, no floods."""

import logging

import pytest

from bot.journal.access_lines import SPAN, AccessLines, ServerLines, fit


def record(path, status, at=0.0):
    args = ("1.2.3.4:5", "GET", path, "1.1", status)
    line = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 1, '%s - "%s %s HTTP/%s" %d', args, None
    )
    line.created = at
    return line


@pytest.mark.parametrize("polls", [True, False])
@pytest.mark.parametrize(
    "path",
    ["/r/SECRET/state/full", "/r/SECRET", "/bot/r/SECRET/x", "/r%2FSECRET/x", "/%72/SECRET/x"],
)
def test_no_line_shows_the_token_of_the_read_door(polls, path):
    line = record(path, 401)

    assert AccessLines(polls)(line)
    assert "SECRET" not in line.getMessage()


def test_a_path_is_one_short_line():
    assert len(fit("/" + "x" * 10_000)) == 200
    assert fit("/a\n\x1b[0m") == "/a\\n\\x1b[0m"


def test_of_refusals_there_is_one_line_a_minute_and_a_count(caplog):
    lines = AccessLines(polls=False)
    with caplog.at_level(logging.INFO, "uvicorn.access"):
        said = [lines(record("/state/full", 429, at)) for at in range(60)]
        other = lines(record("/state/full", 401, 59.0))
        lines(record("/health", 200, SPAN))
        again = lines(record("/state/full", 429, 61.0))

    assert said == [True] + [False] * 59
    assert other
    assert not again
    assert caplog.messages == ["59 more requests were answered 429 within a minute"]


def test_a_clock_that_jumps_back_silences_nothing(caplog):
    lines = AccessLines(polls=False)
    assert lines(record("/x", 404, 1_000.0))

    assert lines(record("/x", 404, 10.0))


def test_polls_are_lines_if_somebody_looks_for_details():
    assert AccessLines(polls=True)(record("/health", 200))
    assert not AccessLines(polls=False)(record("/health?x=1", 200))


def test_what_visitors_make_the_server_say_is_said_once(caplog):
    lines = ServerLines()

    def warning(at):
        line = logging.LogRecord("uvicorn.error", 30, "", 1, "Invalid HTTP request", (), None)
        line.created = at
        return line

    with caplog.at_level(logging.INFO, "uvicorn.error"):
        assert [lines(warning(at)) for at in (0.0, 1.0, 2.0)] == [True, False, False]
        assert not lines(warning(SPAN))

    assert caplog.messages == ["2 more within a minute: Invalid HTTP request"]
