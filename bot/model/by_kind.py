"""The estimators of a model: one for each kind of market it was trained on, one for all others.

Each has a slope that says how sure it may be of itself: below 1 its log odds shrink, and its
scores move towards even. Leaves out which books may be scored (`scorer`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.model.families import coded
from bot.model.estimator import Estimator


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An estimator with the slope of its log odds. Raises ValueError for a slope not above 0."""

    estimator: Estimator
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"its slope is {self.slope}")

    def score(self, columns: Floats, signs: Floats) -> Floats:
        """P(up) given a move, (N,): the mean of the book's score and its mirror's remainder.

        `signs` turn the columns of a book into those of its mirror.
        """
        both = np.concatenate([columns, columns * signs])
        scores = calibrated(self.estimator.predict_proba(both)[:, 1], self.slope)
        symmetric: Floats = (scores[: len(columns)] + (1.0 - scores[len(columns) :])) / 2
        return symmetric


@dataclass(frozen=True, slots=True)
class ByKind:
    """The estimator of each kind of market trained on, and the general one for any other."""

    general: Calibrated
    kinds: Mapping[str, Calibrated] = field(default_factory=dict)

    def score(self, columns: Floats, signs: Floats, tickers: Sequence[str]) -> Floats:
        """P(up) given a move, (N,), each market by its own kind."""
        scores = np.empty(len(columns))
        for one, rows in self._parts(tickers):
            scores[rows] = one.score(columns[rows], signs)
        return scores

    def _parts(self, tickers: Sequence[str]) -> Iterator[tuple[Calibrated, NDArray[np.intp]]]:
        kind = coded(tickers, self.kinds)
        for place, one in enumerate((*self.kinds.values(), self.general)):
            rows = np.flatnonzero(kind == (place if place < len(self.kinds) else -1))
            if len(rows):
                yield one, rows


def calibrated(score: Floats, slope: Floats | float) -> Floats:
    """Scores whose log odds are `slope` times as large: below 1 for a model too sure of itself."""
    safe = np.clip(score, 1e-6, 1 - 1e-6)
    odds: Floats = 1 / (1 + ((1 - safe) / safe) ** slope)
    return odds
