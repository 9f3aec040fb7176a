"""The newest grades as columns, in room that is taken once.

Fifty thousand events are objects that take ten times the room, and are copied into columns each
time that somebody asks for figures. Leaves out the figures (`core.performance`).
"""

import sys
from collections.abc import Sequence

import numpy as np

from bot.core.events import PredictionGraded
from bot.core.model.outcomes import Grades, PredictionBatch

_SCORE, _CHANGE, _TAKER = range(3)


class Graded:
    """The newest `room` grades; each takes the place of the oldest once that is full."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._added = 0
        # Full, not empty: memory that is only promised is taken page by page later on.
        self._columns = np.full((3, room), np.nan)
        self._tickers = [""] * room
        self._groups = [""] * room

    def __len__(self) -> int:
        return min(self._added, self._room)

    def clear(self) -> None:
        """Forget all of them."""
        self._added = 0

    def add(self, grade: PredictionGraded) -> None:
        """Remember this one."""
        place = self._added % self._room
        taker = np.nan if grade.taker is None else grade.taker
        self._columns[:, place] = grade.score, grade.change, taker
        # The same few names come again and again, each time as a text of its own.
        self._tickers[place] = sys.intern(grade.ticker)
        self._groups[place] = sys.intern(grade.group)
        self._added += 1

    def by_group(self) -> dict[str, Grades]:
        """Those of each group of markets, groups by name, grades oldest first."""
        places = self._places()
        names = sorted({self._groups[place] for place in places})
        number = {name: index for index, name in enumerate(names)}
        group = np.array([number[self._groups[place]] for place in places], dtype=np.intp)
        order = np.array(places, dtype=np.intp)
        return {name: self._taken(order[group == number[name]].tolist()) for name in names}

    def all(self) -> Grades:
        """All of them, oldest first."""
        return self._taken(self._places())

    def _places(self) -> list[int]:
        return [n % self._room for n in range(self._added - len(self), self._added)]

    def _taken(self, places: Sequence[int]) -> Grades:
        """These as the figures need them: their prices are in `change` and `taker` already."""
        columns = self._columns[:, places]
        unknown = np.full(len(places), np.nan)
        reported = PredictionBatch(
            tickers=tuple([self._tickers[place] for place in places]),
            made_at=unknown,
            due_at=unknown,
            score=columns[_SCORE],
            bid=unknown,
            ask=unknown,
            fee_rate=unknown,
            batch=np.zeros(len(places), dtype=np.int64),
        )
        return Grades(reported, columns[_CHANGE], columns[_TAKER])
