"""Statistics computed alike for recorded and simulated books, to compare them.

All functions take `Frames`. Mids between 10 and 90 cents only: nearer to the ends prices move in
tenths of a cent, which some recordings round away.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.sim.world.experiment import Frames

WorldStatistics = dict[str, float]

#: A move that counts: a cent, less what floats leave of it.
CENT_MOVE = 0.0099
#: How far past the horizon the next look may come, in seconds.
_LATE = 1.2
HORIZONS = (1, 5, 10, 30, 60, 300)
_RANKS = (5, 25, 50, 75, 95)
_LEVELS = (1, 2, 3, 5, 10)


def mid(seen: Frames) -> Floats:
    """Shape (N,), dollars, NaN without two sides."""
    middle: Floats = (seen.bid_price[:, 0] + seen.ask_price[:, 0]) / 2
    return middle


def central(seen: Frames) -> NDArray[np.bool_]:
    """The rows with both sides and a mid between 10 and 90 cents."""
    middle = mid(seen)
    inside: NDArray[np.bool_] = (middle > 0.10) & (middle < 0.90)
    return inside


def imbalance(seen: Frames, depth: int) -> Floats:
    """(bids − asks) / (bids + asks) over the best levels, shape (N,), NaN for an empty book."""
    bids, asks = seen.bid_size[:, :depth].sum(axis=1), seen.ask_size[:, :depth].sum(axis=1)
    total = bids + asks
    leaning: Floats = np.divide(bids - asks, total, out=np.full(len(seen), np.nan), where=total > 0)
    return leaning


def ahead(seen: Frames, horizon: float) -> NDArray[np.intp]:
    """The row of the same market and segment `horizon` seconds later, −1 if there is none."""
    later = np.full(len(seen), -1, dtype=np.intp)
    keys = np.stack([seen.market, seen.segment], axis=1)
    starts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=np.nan), axis=1))
    for start, end in zip(starts, [*starts[1:], len(seen)], strict=True):
        at = seen.at[start:end]
        found = np.searchsorted(at, at + horizon - 1e-6)
        near = np.minimum(found, len(at) - 1)
        fits = (found < len(at)) & (at[near] - at - horizon <= _LATE)
        later[start:end][fits] = start + near[fits]
    return later


def moves(seen: Frames, horizon: float) -> Floats:
    """Change of the mid over the horizon in dollars, NaN where unknown."""
    middle, later = mid(seen), ahead(seen, horizon)
    change = np.where(later >= 0, middle[later] - middle, np.nan)
    change[~central(seen)] = np.nan
    return change


def auc(score: Floats, up: NDArray[np.bool_]) -> float:
    """The chance that an up row has the higher score than a down row; ties count half."""
    known = np.isfinite(score)
    score, up = score[known], up[known]
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    ups, downs = int(up.sum()), int((~up).sum())
    if not ups or not downs:
        return float("nan")
    return float((ranks[up].sum() - ups * (ups + 1) / 2.0) / (ups * downs))


def signal(seen: Frames, horizon: float, depth: int = 1) -> float:
    """AUC of the imbalance for the direction of the mid, given that it moves by a cent."""
    change = moves(seen, horizon)
    moved = np.abs(change) >= CENT_MOVE
    return auc(imbalance(seen, depth)[moved], change[moved] > 0)


def restlessness(seen: Frames) -> WorldStatistics:
    """How much of the ten levels a side is not what it was a second ago, by place."""
    later = ahead(seen, 1.0)
    rows = np.flatnonzero((later >= 0) & central(seen))
    if not len(rows):
        return {}
    changed = [
        ~np.isclose(each[rows], each[later[rows]], equal_nan=True)
        for each in (seen.bid_price, seen.bid_size, seen.ask_price, seen.ask_size)
    ]
    bids, asks = changed[0] | changed[1], changed[2] | changed[3]
    return {
        "1 s: a best price or size changes": float((bids[:, 0] | asks[:, 0]).mean()),
        "1 s: share of ten levels that change": float(np.hstack([bids, asks]).mean()),
    }


def summary(seen: Frames, horizons: Sequence[int] = HORIZONS) -> WorldStatistics:
    """The figures the report compares, by name; sizes in contracts, prices in cents."""
    rows = central(seen)
    spread = np.round((seen.ask_price[:, 0] - seen.bid_price[:, 0]) * 100, 1)
    world_statistics = {
        "books with both sides": float(np.isfinite(mid(seen)).mean()),
        "spread, mean": float(spread[rows].mean()),
        "spread of 1 cent": float((spread[rows] <= 1.0).mean()),
        "spread above 2 cents": float((spread[rows] > 2.0).mean()),
    }
    world_statistics |= _sizes(seen, rows)
    for depth in (1, 5):
        leaning = np.abs(imbalance(seen, depth)[rows])
        world_statistics[f"imbalance {depth} without sign, p50"] = float(np.nanmedian(leaning))
        world_statistics[f"imbalance {depth} without sign, p90"] = float(
            np.nanpercentile(leaning, 90)
        )
    world_statistics |= restlessness(seen) if horizons else {}
    world_statistics |= _dynamics(seen, horizons)
    return world_statistics


def _sizes(seen: Frames, rows: NDArray[np.bool_]) -> WorldStatistics:
    world_statistics: WorldStatistics = {}
    for level in _LEVELS:
        sizes = np.concatenate([seen.bid_size[rows, level - 1], seen.ask_size[rows, level - 1]])
        sizes = sizes[sizes > 0]
        if not len(sizes):
            continue
        for rank, size in zip(_RANKS, np.percentile(sizes, _RANKS), strict=True):
            world_statistics[f"level {level} size, p{rank}"] = float(size)
    five = seen.bid_size[rows, :5].sum(axis=1)
    largest = seen.bid_size[rows].max(axis=1)
    for name, sizes in (("five levels together", five), ("largest of ten levels", largest)):
        for rank, size in zip(_RANKS, np.percentile(sizes, _RANKS), strict=True):
            world_statistics[f"{name}, p{rank}"] = float(size)
    return world_statistics


def _dynamics(seen: Frames, horizons: Sequence[int]) -> WorldStatistics:
    world_statistics: WorldStatistics = {}
    for horizon in horizons:
        change = moves(seen, horizon)
        known = change[np.isfinite(change)]
        if len(known) < 100:
            continue
        world_statistics[f"{horizon} s: no move"] = float((np.abs(known) < 1e-9).mean())
        world_statistics[f"{horizon} s: moves by a cent"] = float(
            (np.abs(known) >= CENT_MOVE).mean()
        )
        world_statistics[f"{horizon} s: sd of the mid"] = float(known.std() * 100)
        world_statistics[f"{horizon} s: AUC of imbalance 1"] = signal(seen, horizon, 1)
        world_statistics[f"{horizon} s: AUC of imbalance 5"] = signal(seen, horizon, 5)
    return world_statistics
