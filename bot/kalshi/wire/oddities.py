"""Entries of answers that could not be read: left out, counted, named in the log and in `/health`.

An exchange that sends the same nonsense in every answer must not fill the log: what is asked
again and again is said once, and again after a while with the count of what came meanwhile.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.ports.exchange import Clock

log = logging.getLogger("main")

#: How long what was said of a kind of answer holds.
SILENCE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Latest:
    """The newest of a kind: when it came, why it could not be read, how many there were."""

    at: datetime
    reason: str
    count: int


class Oddities:
    """Counts them by what was asked, and says so now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_at: dict[str, datetime] = {}
        self._count: dict[str, int] = {}
        self._latest: dict[str, _Latest] = {}

    def summary(self) -> str | None:
        """What could not be read of late, by what was asked; None if all could."""
        now = self._clock.now()
        self._latest = {a: one for a, one in self._latest.items() if _is_recent(one.at, now)}
        said = [
            f"{asked}: {_entries(latest.count)} could not be read; the latest: {latest.reason}"
            for asked, latest in self._latest.items()
        ]
        return "; ".join(said) or None

    def note(self, asked: str, reasons: Sequence[str]) -> None:
        """These entries of an answer could not be read; one reason each."""
        if not reasons:
            return
        now = self._clock.now()
        self._count[asked] = self._count.get(asked, 0) + len(reasons)
        before = self._latest.get(asked)
        known = before.count if before and _is_recent(before.at, now) else 0
        self._latest[asked] = _Latest(now, reasons[0], known + len(reasons))
        self._warn(asked, reasons[0], now)

    def _warn(self, asked: str, reason: str, now: datetime) -> None:
        said_at = self._said_at.get(asked)
        if said_at is None or not _is_recent(said_at, now):
            self._said_at[asked] = now
            text = "%s: %d entries could not be read; the latest: %s"
            log.warning(text, asked, self._count.pop(asked), reason)


def _is_recent(at: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - at < SILENCE


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"
