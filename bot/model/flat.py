"""Fitted estimators as plain arrays: what serving needs of them, without scikit-learn.

Written by training beside the pickle (`research.flatten`), which stays what is shipped, trained
and explained; read by the service, which then starts a second sooner and 70 MB smaller.
"""

from collections.abc import Sequence
from typing import Final, Self, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats

#: Leaves of a tree that a mask has room for.
MOST_LEAVES: Final = 64
#: Rows scored at once: what is compared for them stays in the processor's cache.
_ROWS: Final = 128
_Masks: TypeAlias = NDArray[np.unsignedinteger]


class TreeShape(msgspec.Struct, frozen=True):
    """One tree: its splits as columns, and the values of its leaves from left to right.

    A row goes left where `features[i]` ≤ `thresholds[i]`, or where it is NaN and `nan_left[i]`.
    `leaves[i]` has a bit for every leaf that is left once a row has gone right there.
    """

    features: list[int]
    thresholds: list[float]
    nan_left: list[bool]
    leaves: list[int]
    values: list[float]


class TreesShape(msgspec.Struct, frozen=True, tag="trees"):
    """Boosted trees: log odds are `baseline` and one leaf of each."""

    baseline: float
    trees: list[TreeShape]


class LinearShape(msgspec.Struct, frozen=True, tag="linear"):
    """A line through standardised columns: log odds are `intercept` + Σ coefficient × column."""

    means: list[float]
    scales: list[float]
    coefficients: list[float]
    intercept: float


Shape: TypeAlias = TreesShape | LinearShape
#: What its file ends in.
SUFFIX: Final = ".flat"


class FlatModel(msgspec.Struct, frozen=True):
    """A model file: what of the pickle with that `sha256` is read to serve.

    Each shape comes with the slope of its log odds, as in the pickle.
    """

    sha256: str
    uses: list[str]
    general: tuple[Shape, float]
    kinds: dict[str, tuple[Shape, float]]

    @classmethod
    def of(cls, content: bytes, sha256: str) -> Self:
        """The model in a file. Raises ValueError if there is none, or not of that pickle."""
        found = msgspec.msgpack.decode(content, type=cls)
        if found.sha256 != sha256:
            raise ValueError(f"it was made of another one, {found.sha256[:12]}…")
        return found

    def encoded(self) -> bytes:
        """The bytes of the file; the same model gives the same."""
        return msgspec.msgpack.encode(self)


class Trees:
    """Boosted trees, all splits of all trees at once.

    Instead of walking down, every split that a row fails crosses out the leaves to its left; the
    first leaf that remains is the one the walk would have ended in (Lucchese et al., QuickScorer,
    SIGIR 2015).
    """

    def __init__(self, shape: TreesShape) -> None:
        """Raises ValueError for trees that no walk could go through."""
        split = [tree for tree in shape.trees if tree.features]
        single = [tree.values[0] for tree in shape.trees if not tree.features]
        self._baseline = shape.baseline + sum(single)
        self._features = np.array([f for tree in split for f in tree.features], dtype=np.intp)
        self._thresholds = np.array([[t] for tree in split for t in tree.thresholds], dtype=float)
        self._nan_left = np.array([[n] for tree in split for n in tree.nan_left], dtype=bool)
        masks = np.array([[m] for tree in split for m in tree.leaves], dtype=np.uint64)
        self._masks: _Masks = masks.astype(_kind(max((len(t.values) for t in split), default=1)))
        self._starts = np.cumsum([0, *(len(tree.features) for tree in split)])[:-1]
        offsets = np.cumsum([0, *(len(tree.values) for tree in split)])[:-1]
        self._offsets = offsets[:, None]
        self._values = np.array([v for tree in split for v in tree.values], dtype=float)
        _refuse_odd(shape.trees)

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        parts = range(0, len(features), _ROWS)
        odds = [self._log_odds(features[start : start + _ROWS]) for start in parts]
        return _both(np.concatenate(odds) if odds else np.empty(0))

    def _log_odds(self, rows: Floats) -> Floats:
        if not len(self._starts):
            return np.full(len(rows), self._baseline)
        read = rows.T[self._features]
        goes_left = read <= self._thresholds
        if (unknown := np.isnan(read)).any():
            goes_left |= unknown & self._nan_left
        crossed = np.where(goes_left, ~self._masks.dtype.type(0), self._masks)
        remaining: _Masks = np.bitwise_and.reduceat(crossed, self._starts, axis=0)
        # The lowest bit alone is a power of two, and its exponent the number of the leaf.
        lowest = (remaining & (~remaining + remaining.dtype.type(1))).astype(np.float64)
        leaf = np.frexp(lowest)[1] - 1 + self._offsets
        total: Floats = np.add.reduce(self._values[leaf], axis=0, initial=self._baseline)
        return total


class Linear:
    """A logistic regression of standardised columns."""

    def __init__(self, shape: LinearShape) -> None:
        self._means, self._scales = np.array(shape.means), np.array(shape.scales)
        self._coefficients, self._intercept = np.array(shape.coefficients), shape.intercept

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        standardised = (features - self._means) / self._scales
        return _both(standardised @ self._coefficients + self._intercept)


def estimator(shape: Shape) -> Trees | Linear:
    """What scores by a shape. Raises ValueError for one that cannot be."""
    return Trees(shape) if isinstance(shape, TreesShape) else Linear(shape)


def _kind(leaves: int) -> type[np.unsignedinteger]:
    """The narrowest masks with a bit for each leaf: there is one for every split and row."""
    kinds = (np.uint8, np.uint16, np.uint32, np.uint64)
    return next(kind for kind in kinds if leaves <= np.iinfo(kind).bits or kind is np.uint64)


def _both(log_odds: Floats) -> Floats:
    up = 1 / (1 + np.exp(-log_odds))
    return np.column_stack([1 - up, up])


def _refuse_odd(trees: Sequence[TreeShape]) -> None:
    for number, tree in enumerate(trees):
        splits = len(tree.features)
        columns = (tree.thresholds, tree.nan_left, tree.leaves)
        if any(len(column) != splits for column in columns) or len(tree.values) != splits + 1:
            raise ValueError(f"tree {number} has columns of different lengths")
        last = 1 << splits
        if splits >= MOST_LEAVES or not all(mask & last for mask in tree.leaves):
            raise ValueError(f"tree {number} has rows that end in no leaf")
