"""Whether what comes in still looks like what the model was trained on, feature by feature.

The measure is the population stability index: Σ (live − trained) · ln(live / trained) over bins
(Siddiqi, *Credit Risk Scorecards*, 2006). That 0.10 is worth a look and 0.25 an alarm is a
convention of that trade, not a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats

Counts = NDArray[np.int64]

#: Rows below which an index says more about chance than about drift.
LEAST_ROWS: Final = 500
#: A share is at least this: an empty bin must not make the index endless.
_TINY: Final = 1e-4


class Drift(StrEnum):
    """What an index is worth."""

    UNKNOWN = "unknown"
    STEADY = "steady"
    WATCH = "watch"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class Spread:
    """How one feature was spread in training: `counts[k]` rows below `edges[k]`, one more above."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, name: str, whole: Mapping[str, Any]) -> Self:
        """A spread as the card has it. Raises KeyError, TypeError or ValueError."""
        edges = tuple(map(float, whole["edges"]))
        counts = tuple(map(int, whole["counts"]))
        if len(counts) != len(edges) + 1:
            raise ValueError(f"{len(edges)} edges and {len(counts)} counts of {name} do not fit")
        return cls(edges, counts)


def counted(features: Floats, edges: Floats) -> Counts:
    """How many rows fall into each bin: (F, E + 1) for features (N, F) and rising edges (F, E).

    Bin k lies below edge k, the last one above all edges; what is not known is not counted.
    Counts of several batches add up.
    """
    bins = edges.shape[1] + 1
    counts = np.zeros((features.shape[1], bins), dtype=np.int64)
    for column, limits in enumerate(edges):
        values = features[~np.isnan(features[:, column]), column]
        place = np.searchsorted(limits, values, side="right")
        counts[column] = np.bincount(place, minlength=bins)
    return counts


def psi(trained: Counts, live: Counts) -> Floats:
    """The index of each feature, (F,), from counts (F, B); NaN below `LEAST_ROWS` rows."""
    expected, found = _shares(trained), _shares(live)
    index: Floats = ((found - expected) * np.log(found / expected)).sum(axis=1)
    few = np.minimum(trained.sum(axis=1), live.sum(axis=1)) < LEAST_ROWS
    return np.where(few, np.nan, index)


def verdict(index: float) -> Drift:
    """The index in a word."""
    if np.isnan(index):
        return Drift.UNKNOWN
    if index < 0.10:
        return Drift.STEADY
    return Drift.WATCH if index < 0.25 else Drift.DRIFTED


def _shares(counts: Counts) -> Floats:
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares: Floats = np.maximum(counts / total, _TINY)
    return shares
