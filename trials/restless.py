"""A model that never rests: each market is bought, let go of and sold short, pass by pass.

The real one may hold for an hour; a trial of what becomes of orders needs orders.
"""

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

    def score(self, features: Floats) -> Floats:
        """An opinion on each row, shape (N,)."""
        return _ROUND[(next(self._passes) + np.arange(len(features))) % len(_ROUND)]

    def predict(self, features: Floats) -> ModelOutput:
        """The same, and no reason for having none."""
        return ModelOutput(self.score(features), (None,) * len(features))
