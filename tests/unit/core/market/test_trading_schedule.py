"""When the exchange means to pause, from its hours in New York and its maintenance."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.trading_schedule import (
    NEW_YORK,
    Session,
    TradingSchedule,
    WeeklyHours,
    Window,
)

ALL_DAY = (Session(time(), time()),)
THURSDAY = (Session(time(), time(3)), Session(time(5), time()))
YEARS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
KALSHI = TradingSchedule(
    (WeeklyHours(*YEARS, (ALL_DAY, ALL_DAY, ALL_DAY, THURSDAY, ALL_DAY, ALL_DAY, ALL_DAY)),)
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        pytest.param(utc(2026, 7, 1), utc(2026, 7, 2, 7), utc(2026, 7, 2, 9), id="summer"),
        pytest.param(utc(2026, 12, 1), utc(2026, 12, 3, 8), utc(2026, 12, 3, 10), id="winter"),
        pytest.param(
            utc(2026, 10, 30), utc(2026, 11, 5, 8), utc(2026, 11, 5, 10), id="clocks go back"
        ),
        pytest.param(
            utc(2026, 3, 6), utc(2026, 3, 12, 7), utc(2026, 3, 12, 9), id="clocks go forward"
        ),
        pytest.param(
            utc(2026, 12, 3, 9), utc(2026, 12, 3, 8), utc(2026, 12, 3, 10), id="the pause of now"
        ),
        pytest.param(
            utc(2026, 12, 3, 10), utc(2026, 12, 10, 8), utc(2026, 12, 10, 10), id="it is over"
        ),
    ],
)
def test_the_weekly_pause_is_at_three_in_new_york_whatever_the_season(at, start, end):
    assert KALSHI.next_pause(at) == Window(start, end)


def test_maintenance_counts_too_and_joins_what_it_touches():
    planned = Window(utc(2026, 12, 3, 10), utc(2026, 12, 3, 11))
    schedule = TradingSchedule(KALSHI.hours, (planned,))

    assert schedule.next_pause(utc(2026, 12, 1)) == Window(utc(2026, 12, 3, 8), planned.end)
    assert TradingSchedule((), (planned,)).next_pause(utc(2026, 12, 1)) == planned


def test_days_for_which_no_hours_are_told_are_no_pause():
    ended = TradingSchedule((WeeklyHours(YEARS[0], utc(2026, 6, 1), (ALL_DAY,) * 7),))

    assert ended.next_pause(utc(2026, 12, 1)) is None
    assert TradingSchedule().next_pause(utc(2026, 12, 1)) is None


def test_a_pause_is_said_in_utc_and_in_new_york():
    assert str(KALSHI.next_pause(utc(2026, 12, 1))) == (
        "2026-12-03 08:00 to 10:00 UTC (Thu 03:00 to 05:00 in New York)"
    )
    assert str(Window(utc(2026, 12, 3, 23), utc(2026, 12, 4, 6))) == (
        "2026-12-03 23:00 to 2026-12-04 06:00 UTC (Thu 18:00 to Fri 01:00 in New York)"
    )


def test_a_session_past_midnight_goes_on_into_the_next_day():
    night = (Session(time(8), time(3)),)
    schedule = TradingSchedule((WeeklyHours(*YEARS, (night,) * 7),))

    assert schedule.next_pause(utc(2026, 12, 3, 4)) == Window(
        utc(2026, 12, 3, 8), utc(2026, 12, 3, 13)
    )


def test_hours_of_the_night_before_the_first_day_asked_of_are_open():
    days = ((), (Session(time(20), time(12)),), ALL_DAY, ALL_DAY, ALL_DAY, ALL_DAY, ALL_DAY)
    schedule = TradingSchedule((WeeklyHours(*YEARS, days),))
    wednesday = utc(2026, 12, 2, 9)

    assert schedule.next_pause(wednesday) == Window(utc(2026, 12, 7, 5), utc(2026, 12, 9, 1))


_HOURS = st.lists(st.integers(0, 23), min_size=2, max_size=6, unique=True).map(sorted)


def _sessions(hours, is_late):
    """Those between each two hours of a day; the last one ends on the next day if it is late."""
    found = [Session(time(a), time(b)) for a, b in zip(hours[::2], hours[1::2], strict=False)]
    return (*found[:-1], Session(time(hours[-1]), time(hours[0]))) if is_late else tuple(found)


@given(
    st.lists(st.tuples(_HOURS, st.booleans()), min_size=7, max_size=7),
    st.integers(0, 400 * 24).map(lambda hours: utc(2026, 2, 1, 0, 30) + timedelta(hours=hours)),
)
def test_a_moment_lies_in_a_session_or_in_a_pause(week, at):
    days = tuple([_sessions(hours, late) for hours, late in week])
    schedule = TradingSchedule((WeeklyHours(*YEARS, days),))
    local = at.astimezone(NEW_YORK)
    now = local.time()
    trades = any(
        one.opens <= now and (now < one.closes or one.closes < one.opens)
        for one in days[local.weekday()]
    ) or any(now < one.closes < one.opens for one in days[local.weekday() - 1])

    pause = schedule.next_pause(at)

    assert pause is None or at < pause.end
    assert (pause is not None and pause.start <= at) is not trades
