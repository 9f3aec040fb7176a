"""A model that never rests: each market is bought, let go of and sold short, pass by pass.

The real one may hold for an hour; a trial of what becomes of orders needs orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np

from bot.core.market.orderbook import Floats
from bot.ports.exchange import ModelOutput

#: What it thinks, one after the other: enter long, leave, enter short, leave.
_ROUND: Final = np.array([0.9, 0.5, 0.1, 0.5])


@dataclass
class Restless:
    """Scores by the number of the pass and the place of the book, whatever is in the book."""

    version: str = "restless_v1"
    fault: str | None = None
    card: None = None

    def __post_init__(self) -> None:
        self._passes = count()

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """An opinion on each row, shape (N,)."""
        return self.predict(features, tickers).score

    def predict(self, features: Floats, tickers: Sequence[str]) -> ModelOutput:
        """The same, and no reason for having none."""
        score = _ROUND[(next(self._passes) + np.arange(len(features))) % len(_ROUND)]
        return ModelOutput(score, (None,) * len(tickers))
