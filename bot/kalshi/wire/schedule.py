"""GET /exchange/schedule: the weekly hours of trading, and maintenance."""

import re
from datetime import time
from typing import Final

from msgspec import Struct

from bot.core.market.trading_schedule import Session, TradingSchedule, WeeklyHours, Window
from bot.kalshi.wire.markets import utc_time
from bot.kalshi.wire.shapes import At, Word, decode
from bot.ports.exchange import ExchangeError

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class SessionWire(Struct, frozen=True):
    """Hours from a day on, as HH:MM in New York: to an earlier time is into the next day.

    00:00 to 00:00 is all of the day.
    """

    open_time: Word
    close_time: Word


class WeekWire(Struct, frozen=True):
    """The hours of each weekday, in force between two moments."""

    start_time: At
    end_time: At
    monday: list[SessionWire] | None
    tuesday: list[SessionWire] | None
    wednesday: list[SessionWire] | None
    thursday: list[SessionWire] | None
    friday: list[SessionWire] | None
    saturday: list[SessionWire] | None
    sunday: list[SessionWire] | None


class WindowWire(Struct, frozen=True):
    """Planned maintenance."""

    start_datetime: At
    end_datetime: At


class ScheduleWire(Struct, frozen=True):
    """Hours and maintenance; null is none."""

    standard_hours: list[WeekWire] | None
    maintenance_windows: list[WindowWire] | None


class ScheduleBody(Struct, frozen=True):
    """The whole answer."""

    schedule: ScheduleWire


def exchange_schedule(body: bytes) -> TradingSchedule:
    """What is planned. Raises ExchangeError for hours that are none."""
    found = decode(ScheduleBody, body).schedule
    try:
        return TradingSchedule(
            tuple([_week(week) for week in found.standard_hours or ()]),
            tuple([_window(one) for one in found.maintenance_windows or ()]),
        )
    except ValueError as error:
        raise ExchangeError(str(error)) from error


def _week(week: WeekWire) -> WeeklyHours:
    days = (
        *(week.monday, week.tuesday, week.wednesday, week.thursday),
        *(week.friday, week.saturday, week.sunday),
    )
    sessions = tuple([tuple([_session(one) for one in day or ()]) for day in days])
    return WeeklyHours(utc_time(week.start_time), utc_time(week.end_time), sessions)


def _session(session: SessionWire) -> Session:
    opens, closes = _time(session.open_time), _time(session.close_time)
    if closes == opens != time():
        raise ValueError(f"trading from {opens:%H:%M} to {closes:%H:%M} is no session")
    return Session(opens, closes)


def _time(text: str) -> time:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"'{text}' is no time of day as HH:MM")
    return time(int(text[:2]), int(text[3:]))


def _window(window: WindowWire) -> Window:
    start, end = utc_time(window.start_datetime), utc_time(window.end_datetime)
    if end <= start:
        raise ValueError(f"maintenance from {start} to {end} is none")
    return Window(start, end)
