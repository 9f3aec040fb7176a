"""The summary of a day (UTC) once it is over: by whoever leads then, and led before midnight.

A process that was away at midnight sends none: it cannot know whether another one did.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime

from bot.alerts.alert import Alert, AlertKind, Severity

#: The summary of a day in words. Raises StoreError.
DayInWords = Callable[[date], Awaitable[str]]


class DailySummary:
    """Knows which day has ended without a summary."""

    def __init__(self, day_in_words: DayInWords) -> None:
        self._day_in_words = day_in_words
        self._day: date | None = None

    async def due(self, leads: bool, at: datetime) -> Alert | None:
        """The summary, once a day that was led is over. Raises StoreError; it is due again then."""
        today = at.date()
        if not leads or self._day is None or today <= self._day:
            self._day = (self._day or today) if leads else None
            return None
        words = await self._day_in_words(self._day)
        self._day = today
        return Alert(AlertKind.DAILY, Severity.INFO, words, at)
