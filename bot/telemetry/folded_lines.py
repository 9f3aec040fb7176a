"""Log lines that come in floods: one of a kind a minute, with a count of the others."""

import logging
from collections.abc import Callable
from typing import Final

log = logging.getLogger("main")

#: Seconds in which one line of a kind is enough.
WINDOW: Final = 60.0


class Folded:
    """Logs a kind of line once, and again after a minute with the count of those in between."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._said: dict[str, tuple[float, int]] = {}

    def log(self, level: int, line: str, *values: object) -> None:
        """Write this line, unless one of its kind was written within a minute."""
        now = self._stopwatch()
        at, more = self._said.get(line, (now - WINDOW, 0))
        if now - at < WINDOW:
            self._said[line] = at, more + 1
            return
        self._said[line] = now, 0
        since = f" ({more} more like this since the last one)" if more else ""
        log.log(level, f"{line}%s", *values, since)
