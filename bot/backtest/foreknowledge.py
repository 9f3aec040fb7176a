"""Whether scores know what comes later: where the tape ends must not change what stands before.

The tape is cut right after a book and scored anew, a few times. A scorer that looks any number of
books ahead, into another market, or at figures of the whole tape gives other scores then; an honest
one gives the same. One that looks a single book ahead, and that seldom, may stand at no cut and
pass. Leaves out what the tape itself says too early, such as a column that was filled
in afterwards: only a look at how it was recorded tells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from bot.backtest.tape_source import utc_time
from bot.core.market.orderbook import Floats
from bot.tape.reader import Rows, Tape, taken

#: Scores (N,) of a tape.
Rescored: TypeAlias = Callable[[Tape], Floats]
#: How often the tape is cut.
CUTS: Final = 12
#: Scores may differ by what adding in another order does, and by nothing a decision could see.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """How many scores stood before a cut, and the first of them that changed, in words.

    `changed` is '' where none did.
    """

    compared: int
    changed: str = ""

    def then(self, other: "LeakCheck") -> "LeakCheck":
        """Both as one, the other of a later piece of the tape."""
        return LeakCheck(self.compared + other.compared, self.changed or other.changed)


def leak_check(tape: Tape, rescored: Rescored) -> LeakCheck:
    """Cut the tape after scored books and compare what is left."""
    compared, scores = 0, rescored(tape)
    for row in _cuts(scores).tolist():
        part = taken(tape, range(row + 1))
        again, before = rescored(part), scores[: row + 1]
        compared += int(np.isfinite(before).sum())
        is_same = np.isclose(again, before, rtol=0.0, atol=_ROUNDING, equal_nan=True)
        if not is_same.all():
            return LeakCheck(compared, _described(part, int(np.argmin(is_same))))
    return LeakCheck(compared)


def _cuts(scores: Floats) -> Rows:
    """Rows with a score, evenly among them; the last one of all has nothing after it."""
    known = np.flatnonzero(np.isfinite(scores))[:-1]
    places = np.arange(1, CUTS + 1) * len(known) // (CUTS + 1)
    return np.unique(known[places]) if len(known) else known


def _described(tape: Tape, row: int) -> str:
    at = utc_time(tape.books.seen_at[row])
    return f"the score of {tape.books.tickers[row]} at {at:%Y-%m-%d %H:%M:%S} UTC"
