"""How far a book leans to one side, against the market's own history.

History is two histograms that fade with time, so it is bounded whatever the cadence. Changes the
rows it is given; `detector.detect` gives it a copy.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.thresholds import DEPTH_BINS, STRENGTH_BINS, Rows, WhaleRules

#: The largest `imbalance_strength` there is: all contracts on one side.
_STRONGEST: Final = 0.5


def lean(sides: Sides, rows: Rows, counts: Flags, rules: WhaleRules) -> None:
    """Bring each market's lean up to date with the books that count, shape (N,).

    `lean_said_at` is now where it is to be said.
    """
    strength = sides.measures.imbalance_strength
    least = _thresholds(rows, rules)
    way = np.sign(sides.best[:, 0] - sides.best[:, 1])

    over = (strength >= least) & _is_deep(sides, rows, rules)
    same = (way == rows["lean"]) & (way != 0)
    said = rows["lean_said_at"] >= rows["lean_since"]
    stays = same & said & (strength >= rules.imbalance.fade * least)
    # Only a book with two sides says which of them is heavier.
    emitted = np.all(sides.best > 0, axis=1) & counts
    _say(sides, rows, emitted & over & same & ~said, rules)
    rows["lean_least"] = np.where(rows["lean_said_at"] == sides.at, least, rows["lean_least"])
    _turn(sides, rows, emitted, np.where(over | stays, way, 0))
    _learn(sides, rows, emitted, counts, rules)


def _thresholds(rows: Rows, rules: WhaleRules) -> Floats:
    """The strength from which a lean is unusual, shape (N,); infinite before there is a past."""
    counts = rows["strengths"]
    usual = (_quantile_bin(counts, rules.imbalance.strength_quantile) + 1) * (
        _STRONGEST / STRENGTH_BINS
    )
    known = counts.sum(axis=1) >= rules.imbalance.least_history
    return np.where(known, np.maximum(rules.imbalance.least_strength, usual), np.inf)


def _is_deep(sides: Sides, rows: Rows, rules: WhaleRules) -> Flags:
    usual = np.exp2(_quantile_bin(rows["depths"], rules.imbalance.depth_quantile))
    deep: Flags = sides.best.sum(axis=1) >= np.maximum(rules.imbalance.least_depth, usual)
    return deep


def _say(sides: Sides, rows: Rows, ready: Flags, rules: WhaleRules) -> None:
    proven = sides.at - rows["lean_since"] >= rules.imbalance.rest_seconds
    quiet = ~(sides.at - rows["lean_said_at"] < rules.imbalance.quiet_seconds)
    now = ready & proven & quiet
    rows["lean_said_at"][now] = sides.at[now]


def _turn(sides: Sides, rows: Rows, emitted: Flags, way: Floats) -> None:
    turned = emitted & (way != rows["lean"])
    rows["lean"][turned] = way[turned]
    rows["lean_since"][turned] = sides.at[turned]


def _learn(sides: Sides, rows: Rows, emitted: Flags, counts: Flags, rules: WhaleRules) -> None:
    elapsed = np.where(counts, np.nan_to_num(sides.at - rows["counted_at"]), 0.0)
    fading = np.exp2(-elapsed / rules.imbalance.half_life_seconds)[:, None]
    row = np.flatnonzero(emitted)
    share = sides.measures.imbalance_strength[row] / _STRONGEST
    for name, place, bins in (
        ("strengths", share * STRENGTH_BINS, STRENGTH_BINS),
        ("depths", np.log2(sides.best[row].sum(axis=1)), DEPTH_BINS),
    ):
        rows[name] *= fading
        rows[name][row, np.clip(place, 0, bins - 1).astype(np.intp)] += 1


def _quantile_bin(counts: NDArray[np.float32], quantile: float) -> NDArray[np.intp]:
    """The class in which that share of a histogram is reached, shape (N,)."""
    running = np.cumsum(counts, axis=1)
    reached: NDArray[np.intp] = (running >= quantile * running[:, -1:]).argmax(axis=1)
    return reached
