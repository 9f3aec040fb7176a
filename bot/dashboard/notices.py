"""Bounded notices in which repeats about one thing are one notice with a count.

A rule that refuses eighty orders in a minute is one thing to know, not eighty. A notice that was
not repeated for a while is over: the next one starts a new notice.
"""

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from bot.ports.views import NoticeView

#: What is repeated within this time belongs together.
TOGETHER: Final = timedelta(minutes=10)


class NoticeBuffer:
    """The newest notices, so many at most."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._added = 0
        self._notices: dict[int, tuple[NoticeView, Hashable]] = {}
        #: The latest notice about a thing, and its moment.
        self._latest: dict[Hashable, tuple[int, datetime]] = {}

    def add(self, notice: NoticeView, at: datetime, about: Hashable = None) -> None:
        """Remember a notice; it replaces an earlier one `about` the same thing, None aside."""
        self._added += 1
        if about is not None:
            notice = self._folded(notice, at, about)
            self._latest[about] = self._added, at
        self._notices[self._added] = notice, about
        if len(self._notices) > self._room:
            self._forget(next(iter(self._notices)))

    def clear(self) -> None:
        """Forget all of them."""
        self._notices.clear()
        self._latest.clear()

    def listed(self) -> tuple[NoticeView, ...]:
        """All of them, newest first: an operator's may come before what happened earlier."""
        latest_first = [notice for notice, _ in reversed(self._notices.values())]
        return tuple(sorted(latest_first, key=lambda one: one.timestamp, reverse=True))

    def _folded(self, notice: NoticeView, at: datetime, about: Hashable) -> NoticeView:
        number, last = self._latest.get(about, (0, at))
        if not number or at - last > TOGETHER:
            return notice
        earlier, _ = self._notices.pop(number)
        return replace(notice, count=earlier.count + 1, first_timestamp=earlier.first_timestamp)

    def _forget(self, number: int) -> None:
        _, about = self._notices.pop(number)
        if about is not None and self._latest[about][0] == number:
            del self._latest[about]
