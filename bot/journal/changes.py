"""Which signals say something new: the others need no row of their own.

A thousand markets that are scored every two seconds and hold would write half a megabyte a
second, all of it the same. Leaves out what a row is (`csv_rows`).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from bot.core.events import Action, SignalMade

#: By how much a score must have moved since the last row of its market.
MOVE: Final = 0.02
#: A scored market has a row at least so often.
AT_LEAST: Final = timedelta(minutes=1)
#: Markets remembered; one that is forgotten gets a row too many.
MOST: Final = 5_000


class _Reported(NamedTuple):
    at: datetime
    score: float | None
    position: Decimal
    version: str


class SignalChanges:
    """What the last row of each market said."""

    def __init__(self) -> None:
        self._last_rows: dict[str, _Reported] = {}

    def is_new(self, signal: SignalMade) -> bool:
        """Whether this is worth a row; if so later ones are compared with it."""
        reported = self._last_rows.get(signal.ticker)
        if reported is not None and not _says_more(signal, reported):
            return False
        # The latest goes to the end, so that the first is the one to forget.
        self._last_rows.pop(signal.ticker, None)
        self._last_rows[signal.ticker] = _Reported(
            signal.at, signal.score, signal.position_after, signal.model_version
        )
        if len(self._last_rows) > MOST:
            del self._last_rows[next(iter(self._last_rows))]
        return True

    def forget(self) -> None:
        """Forget all: a new file begins, or rows were lost."""
        self._last_rows.clear()


def _says_more(signal: SignalMade, reported: _Reported) -> bool:
    return (
        signal.action is not Action.HOLD
        or (signal.position_before, signal.position_after) != (reported.position, reported.position)
        or signal.model_version != reported.version
        or _moved(signal.score, reported.score)
        # A clock that was put back must not silence a market for hours.
        or not timedelta() <= signal.at - reported.at < AT_LEAST
    )


def _moved(score: float | None, reported: float | None) -> bool:
    if score is None or reported is None:
        return score is not reported
    return abs(score - reported) >= MOVE - 1e-9
