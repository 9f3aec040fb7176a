"""Keeps lines on stdout from becoming a flood: of news about one thing the first is a line at once.

The latest of those that follow is one when its time has come, with the count of them. Reads no
clock; memory is bounded.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bot.core.events import Event, FetchFailed, OrderRefused
from bot.core.folding import about

#: About one thing there is one line in this time.
WINDOW: Final = timedelta(minutes=1)
#: Things remembered; what is one too many has its line.
MOST: Final = 1_000
#: What comes once a cycle or once a market while its cause lasts.
_FLOODS: Final = (FetchFailed, OrderRefused)


class Repeat(NamedTuple):
    """The latest of so many events about one thing, none of which has a line yet."""

    latest: Event
    more: int
    since: datetime


@dataclass(slots=True)
class _Said:
    at: datetime
    count: int = 0
    latest: Event | None = None


class Repeats:
    """What has its line, and what came since."""

    def __init__(self) -> None:
        self._said: dict[Hashable, _Said] = {}

    def holds(self, event: Event) -> bool:
        """Whether this one is folded into a later line."""
        if not isinstance(event, _FLOODS):
            return False
        said = self._said.get(about(event))
        if said is None:
            if len(self._said) < MOST:
                self._said[about(event)] = _Said(event.at)
            return False
        said.count += 1
        said.latest = event
        return True

    def due(self, at: datetime) -> list[Repeat]:
        """What has waited long enough; to be asked once a cycle."""
        over = [(key, said) for key, said in self._said.items() if abs(at - said.at) >= WINDOW]
        for key, said in over:
            if said.latest is None:
                del self._said[key]
            else:
                self._said[key] = _Said(at)
        return [Repeat(one.latest, one.count, one.at) for _, one in over if one.latest is not None]
