"""When the exchange means to trade: its weekly hours, in New York's time, and its maintenance.

Leaves out whether it trades now (`exchange_status`): a pause may come unannounced, or end early.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

#: The exchange's days and hours.
NEW_YORK: Final = ZoneInfo("America/New_York")
#: How far ahead a pause is looked for: a week, and the day on either side.
AHEAD: Final = timedelta(days=8)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """Trading hours in New York; what closes no later than it opens does so on the next day."""

    opens: time
    closes: time

    def on(self, day: date) -> "Window":
        """The session that opens on that day."""
        last = day if self.opens < self.closes else day + _DAY
        return Window(_in_utc(day, self.opens), _in_utc(last, self.closes))


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment on until before another."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        local = self.start.astimezone(NEW_YORK), self.end.astimezone(NEW_YORK)
        start, end = self.start.astimezone(UTC), self.end.astimezone(UTC)
        is_short = local[0].date() == local[1].date() and start.date() == end.date()
        until = "%H:%M" if is_short else "%Y-%m-%d %H:%M"
        return (
            f"{start:%Y-%m-%d %H:%M} to {end.strftime(until)} UTC "
            f"({local[0]:%a %H:%M} to {local[1].strftime('%H:%M' if is_short else '%a %H:%M')} "
            "in New York)"
        )


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """The sessions of each weekday, Monday first, for the days between two moments."""

    start: datetime
    end: datetime
    days: tuple[tuple[Session, ...], ...]

    def holds(self, day: date) -> bool:
        """Whether all of a day in New York is among them."""
        return self.start <= _in_utc(day, time()) and _in_utc(day + _DAY, time()) <= self.end


@dataclass(frozen=True, slots=True)
class TradingSchedule:
    """All that is planned. Of a day for which no hours are told no pause is known."""

    hours: tuple[WeeklyHours, ...] = ()
    maintenance: tuple[Window, ...] = ()

    def next_pause(self, at: datetime) -> Window | None:
        """The pause of that moment, or else the next within eight days; None if there is none."""
        closed = _joined([*self._gaps(at), *self.maintenance])
        return next((one for one in closed if at < one.end and one.start < at + AHEAD), None)

    def _gaps(self, at: datetime) -> Iterator[Window]:
        """What lies between the sessions, day by day, from the day before."""
        first = at.astimezone(NEW_YORK).date() - _DAY
        # The night into the first day belongs to the one before.
        night = self._sessions(first - _DAY)
        for number in range(AHEAD.days + 2):
            day = first + number * _DAY
            hours = self._sessions(day)
            if any(week.holds(day) for week in self.hours):
                start, end = _in_utc(day, time()), _in_utc(day + _DAY, time())
                yield from _between(start, end, [*night, *hours])
            night = hours

    def _sessions(self, day: date) -> list[Window]:
        """The sessions that open on a day."""
        weeks = [week for week in self.hours if week.holds(day)]
        return [one.on(day) for week in weeks for one in week.days[day.weekday()]]


def _between(start: datetime, end: datetime, sessions: Iterable[Window]) -> Iterator[Window]:
    """What no session covers from a moment to another; none begins after the last."""
    for session in sorted(sessions, key=lambda one: one.start):
        if start < session.start:
            yield Window(start, session.start)
        start = max(start, session.end)
    if start < end:
        yield Window(start, end)


def _joined(windows: Iterable[Window]) -> list[Window]:
    """In order; those that touch or overlap are one."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: one.start):
        if found and window.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return found


def _in_utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
