"""Entries of answers that could not be read: each is left out, counted, and named in the log.

An exchange that sends the same nonsense in every answer must not fill the log: what is asked
again and again is said once, and again after a while with the count of what came meanwhile.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.ports.exchange import Clock

log = logging.getLogger("main")

#: How long what was said of a kind of answer holds.
SILENCE: Final = timedelta(minutes=10)


class Oddities:
    """Counts them by what was asked, and says so now and then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_at: dict[str, datetime] = {}
        self._count: dict[str, int] = {}

    def note(self, asked: str, reasons: Sequence[str]) -> None:
        """These entries of an answer could not be read; one reason each."""
        if not reasons:
            return
        now, said_at = self._clock.now(), self._said_at.get(asked)
        self._count[asked] = self._count.get(asked, 0) + len(reasons)
        if said_at is None or not timedelta(0) <= now - said_at < SILENCE:
            self._said_at[asked] = now
            text = "%s: %d entries could not be read; the latest: %s"
            log.warning(text, asked, self._count.pop(asked), reasons[0])
