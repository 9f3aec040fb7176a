"""Fitted estimators as plain arrays: what serving needs of them, without scikit-learn.

Written by training beside the pickle (`research.flatten`), which stays what is shipped, trained
and explained; read by the service, which then starts a second sooner and 70 MB smaller.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats

#: Leaves of a tree that a mask has room for.
MOST_LEAVES: Final = 64
#: Rows scored at once: what is left of their trees stays in the processor's cache.
_ROWS: Final = 1_024
_Mask: TypeAlias = np.unsignedinteger[Any]
_Masks: TypeAlias = NDArray[_Mask]
_Kind: TypeAlias = type[_Mask]


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
    """Boosted trees, all of them at once.

    Instead of walking down, every split that a row fails crosses out the leaves to its left; the
    first leaf that remains is the one the walk would have ended in (Lucchese et al., QuickScorer,
    SIGIR 2015). The splits of one column that a value fails follow from its place among their
    thresholds, so what they cross out together is looked up.
    """

    def __init__(self, shape: TreesShape) -> None:
        """Raises ValueError for trees that no walk could go through."""
        split = [tree for tree in shape.trees if tree.features]
        single = [tree.values[0] for tree in shape.trees if not tree.features]
        self._baseline = shape.baseline + sum(single)
        _refuse_odd(shape.trees)
        kind = _kind(max((len(tree.values) for tree in split), default=1))
        self._columns = [
            _Column(column, splits, len(split), kind)
            for column, splits in _by_column(split).items()
        ]
        offsets = np.cumsum([0, *(len(tree.values) for tree in split)])[:-1]
        self._offsets = offsets[:, None]
        self._values = np.array([v for tree in split for v in tree.values], dtype=float)

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        parts = range(0, len(features), _ROWS)
        odds = [self._log_odds(features[start : start + _ROWS]) for start in parts]
        return _both(np.concatenate(odds) if odds else np.empty(0))

    def _log_odds(self, rows: Floats) -> Floats:
        if not self._columns:
            return np.full(len(rows), self._baseline)
        remaining = self._columns[0].remaining(rows)
        for column in self._columns[1:]:
            remaining &= column.remaining(rows)
        leaf = _lowest_bit(remaining.T) + self._offsets
        # Added up tree by tree, as scikit-learn does.
        total: Floats = np.add.reduce(self._values.take(leaf), axis=0, initial=self._baseline)
        return total


class _Split(NamedTuple):
    """A split of tree `tree`: see `TreeShape`."""

    tree: int
    threshold: float
    nan_left: bool
    leaves: int


class _Column:
    """The splits of all trees that read one column, by how many of their thresholds it exceeds."""

    def __init__(self, column: int, splits: Sequence[_Split], trees: int, kind: _Kind) -> None:
        self._column = column
        tree, threshold, nan_left = map(
            np.array, zip(*(split[:3] for split in splits), strict=True)
        )
        masks = np.array([split.leaves for split in splits], np.uint64).astype(kind)
        self._thresholds, place = np.unique(threshold, return_inverse=True)
        # A row for each place among the thresholds, and a last one for NaN.
        shape = len(self._thresholds) + 2, trees
        self._masks: _Masks = np.full(shape, np.iinfo(kind).max, kind)
        np.bitwise_and.at(self._masks, (place + 1, tree), masks)
        np.bitwise_and.accumulate(self._masks[:-1], axis=0, out=self._masks[:-1])
        np.bitwise_and.at(self._masks[-1], tree[~nan_left], masks[~nan_left])

    def remaining(self, rows: Floats) -> _Masks:
        """The leaves left of each tree, (N, trees), as far as this column says."""
        values = rows[:, self._column]
        places = self._thresholds.searchsorted(values)
        places[np.isnan(values)] = len(self._masks) - 1
        return self._masks.take(places, axis=0)


def _by_column(trees: Sequence[TreeShape]) -> dict[int, list[_Split]]:
    found: dict[int, list[_Split]] = {}
    for tree, shape in enumerate(trees):
        splits = zip(shape.thresholds, shape.nan_left, shape.leaves, strict=True)
        for column, split in zip(shape.features, splits, strict=True):
            found.setdefault(column, []).append(_Split(tree, *split))
    return found


#: The lowest bit of each byte; of 0, which has none, nothing is asked.
_LOWEST: Final = np.array([(byte & -byte).bit_length() - 1 for byte in range(256)])


def _lowest_bit(masks: _Masks) -> NDArray[np.intp]:
    """The number of the first leaf that is left."""
    if masks.dtype == np.uint8:
        return _LOWEST.take(masks)
    # The lowest bit alone is a power of two, which has its number as exponent.
    alone = (masks & (~masks + masks.dtype.type(1))).astype(np.float64)
    return np.frexp(alone)[1].astype(np.intp) - 1


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


def _kind(leaves: int) -> _Kind:
    """The narrowest masks with a bit for each leaf: there is one for every tree and row."""
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
