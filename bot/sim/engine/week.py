"""The trading week: round the clock, with a pause early on Thursdays, New York time.

An exchange observes the pause only on request: a demo should not fall silent for two hours.
"""

from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
PAUSE_START: Final = time(3)
PAUSE_END: Final = time(5)
_THURSDAY: Final = 3
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ALL_DAY: Final = {"open_time": "00:00", "close_time": "00:00"}
_AROUND_THE_PAUSE: Final = (
    {"open_time": "00:00", "close_time": f"{PAUSE_START:%H:%M}"},
    {"open_time": f"{PAUSE_END:%H:%M}", "close_time": "00:00"},
)


def next_pause(after: datetime) -> tuple[datetime, datetime]:
    """The next weekly pause that ends later than that moment: its start and its end."""
    local = after.astimezone(NEW_YORK)
    day = local.date() + timedelta(days=(_THURSDAY - local.weekday()) % 7)
    if datetime.combine(day, PAUSE_END, NEW_YORK) <= after:
        day += timedelta(days=7)
    start = datetime.combine(day, PAUSE_START, NEW_YORK)
    end = datetime.combine(day, PAUSE_END, NEW_YORK)
    return start.astimezone(after.tzinfo), end.astimezone(after.tzinfo)


def hours(*, paused: bool) -> dict[str, Any]:
    """The standard hours as Kalshi writes them, with the weekly pause or without."""
    week: dict[str, Any] = {day: [_ALL_DAY] for day in _DAYS}
    if paused:
        week["thursday"] = list(_AROUND_THE_PAUSE)
    return {
        "start_time": "2026-01-01T00:00:00Z",
        "end_time": "2036-01-01T00:00:00Z",
        **week,
    }
