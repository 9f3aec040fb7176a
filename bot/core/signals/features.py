"""What the model sees of a book: a row of measurements, the same function live and in training.

Everything is free of scale (ratios, cents, logarithms of ratios), so that it carries to other
markets: nothing knows a market's name, the size of its whole book, or which way its price leans.
Only `thickness` counts contracts, and no more of them than a few. Depth counts only near the
touch, where penny quotes do not reach. `FEATURES` says what each is.

What came before is remembered in rows (`history`), one per market, which the caller keeps between
observations. Without both sides every feature but `log_ttc` is
NaN; without an earlier book less than `MAX_GAP` seconds old the history ones are NaN: absence is
never 0. What to do about a NaN is the scorer's business.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from bot.core.market.orderbook import Books, Floats
from bot.core.signals.feature_state import (
    FEATURE_ROW,
    MAX_GAP,
    UNITS_PER_CENT,
    UNITS_PER_DOLLAR,
    Rows,
    bbo,
    blank,
    history,
    imbalance,
)

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "FEATURE_ROW",
    "MAX_GAP",
    "PARITY",
    "Feature",
    "Parity",
    "Rows",
    "blank",
    "book_features",
    "completed",
    "measure",
]


class Parity(IntEnum):
    """What the mirror (the same book seen from the NO side) does to a feature."""

    ODD = -1
    EVEN = 1


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: how many sized levels a side it needs, what it is, and if of earlier books."""

    name: str
    parity: Parity
    levels: int
    what: str
    is_history: bool = False


_ODD, _EVEN = Parity.ODD, Parity.EVEN
_MEASURED: Final = (
    Feature("imb1", _ODD, 1, "imbalance of the best sizes"),
    Feature("imb5", _ODD, 5, "imbalance of the five best levels"),
    Feature("imb5c", _ODD, 5, "imbalance of the depth less than 5 c from the best price"),
    Feature("imb10c", _ODD, 10, "imbalance of the depth less than 10 c from the best price"),
    Feature("near_imb", _ODD, 5, "imb5c, weighted down linearly with the distance"),
    Feature("micro_off", _ODD, 1, "microprice less mid, cents"),
    Feature("touch_ratio", _ODD, 1, "logarithm of best bid size over best ask size"),
    Feature(
        "depth_ratio", _ODD, 5, "logarithm of bids over asks less than 5 c from the best price"
    ),
    Feature("slope", _ODD, 5, "mean distance of those asks less that of those bids, cents"),
    Feature(
        "step", _ODD, 5, "best ask to next ask less best bid to next bid, cents, each at most 5"
    ),
    Feature("max_level", _ODD, 5, "logarithm of the largest such bid over the largest such ask"),
    Feature(
        "touch_share", _ODD, 5, "share of the best level in those bids less that in those asks"
    ),
    Feature("spread", _EVEN, 0, "best ask less best bid, cents"),
    Feature("pq", _EVEN, 0, "mid × (1 − mid), the variance of the outcome"),
    Feature("log_ttc", _EVEN, 0, "logarithm of the seconds to close, at least 1"),
    Feature("thickness", _EVEN, 1, "binary logarithm of the smaller best size + 1, at most 3"),
    Feature("mom2", _ODD, 0, "mid less its 2 s average, cents", is_history=True),
    Feature("mom10", _ODD, 0, "mid less its 10 s average, cents", is_history=True),
    Feature("mom60", _ODD, 0, "mid less its 60 s average, cents", is_history=True),
    Feature(
        "ofi2", _ODD, 1, "order flow at the best prices over their size, last 2 s", is_history=True
    ),
    Feature(
        "ofi10",
        _ODD,
        1,
        "order flow at the best prices over their size, last 10 s",
        is_history=True,
    ),
    Feature("imb_change", _ODD, 1, "imb1 less its 10 s average", is_history=True),
    Feature(
        "vol60", _EVEN, 0, "movement of the mid, cents per √second, last 60 s", is_history=True
    ),
    Feature("gap", _EVEN, 0, "seconds since the previous book", is_history=True),
)
#: The same imbalance says less where prices move more: what these are over `vol60`.
_CALMED: Final = (
    *("imb1", "near_imb", "touch_ratio", "slope", "step", "touch_share"),
    *("ofi2", "ofi10", "imb_change"),
)
#: Cents per √second below which a market is as calm as any.
_CALMEST: Final = 0.5
FEATURES: Final = (
    *_MEASURED,
    *(
        Feature(f"{name}_calm", one.parity, one.levels, f"{name} over vol60", is_history=True)
        for name in _CALMED
        for one in _MEASURED
        if one.name == name
    ),
)
FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
_CALMED_AT: Final = [FEATURE_NAMES.index(name) for name in _CALMED]
_VOLATILITY_AT: Final = FEATURE_NAMES.index("vol60")
#: Multiply a row by this to see its market from the NO side.
PARITY: Final[Floats] = np.array([feature.parity for feature in FEATURES], dtype=np.float64)


def measure(books: Books, rows: Rows, seconds_to_close: Floats) -> tuple[Floats, Rows]:
    """The features of N books, shape (N, len(FEATURES)), and what to remember for next time.

    `rows` (N,) of FEATURE_ROW and `seconds_to_close` (N,) belong to the books row by row; each
    market occurs once. A book without two sides leaves its row as it was.
    """
    moved, after = history(bbo(books), rows)
    return completed(book_features(books, seconds_to_close), moved), after


def completed(static: Floats, moved: Floats) -> Floats:
    """All features, (N, len(FEATURES)), from `book_features` and what moved of N books."""
    measured = np.column_stack([static, moved])
    volatility = np.maximum(measured[:, [_VOLATILITY_AT]], _CALMEST)
    return np.concatenate([measured, measured[:, _CALMED_AT] / volatility], axis=1)


def book_features(books: Books, seconds_to_close: Floats) -> Floats:
    """The features of the books as they stand: the columns before the history ones."""
    two_sided = np.isfinite(books.mid)
    bid, ask = _depth(books.bid_price, books.bid_size), _depth(books.ask_price, books.ask_size)
    spread, low, high = _prices(books.best_bid, books.best_ask)
    imb1 = imbalance(bid.bbo, ask.bbo)
    table = np.empty((len(books), 16))
    with np.errstate(divide="ignore", invalid="ignore"):
        table[:, 0] = imb1
        table[:, 1] = imbalance(bid.five, ask.five)
        table[:, 2] = imbalance(bid.near, ask.near)
        table[:, 3] = imbalance(bid.deep, ask.deep)
        table[:, 4] = imbalance(bid.weighted, ask.weighted)
        table[:, 5] = imb1 * spread / 2
        table[:, 6] = np.log(bid.bbo) - np.log(ask.bbo)
        table[:, 7] = np.log(bid.near) - np.log(ask.near)
        table[:, 8] = ask.reach / ask.near - bid.reach / bid.near
        table[:, 9] = ask.step - bid.step
        table[:, 10] = np.log(bid.largest) - np.log(ask.largest)
        table[:, 11] = bid.bbo / bid.near - ask.bbo / ask.near
        table[:, 12] = spread
        table[:, 13] = low * high
        # Bounded, so that it tells a quote of one or two contracts from others, and no more.
        table[:, 15] = np.minimum(np.log2(np.minimum(bid.bbo, ask.bbo) + 1), 3.0)
    table[~two_sided] = np.nan
    table[:, 14] = np.log(np.maximum(seconds_to_close, 1.0))
    return table


class _Depth(NamedTuple):
    """One side of N books near its best: contracts, but `reach` contract-cents, `step` cents."""

    bbo: Floats
    five: Floats
    near: Floats
    deep: Floats
    weighted: Floats
    reach: Floats
    step: Floats
    largest: Floats


def _depth(price: Floats, size: Floats) -> _Depth:
    away = np.rint(np.abs(price - price[:, :1]) * UNITS_PER_DOLLAR) / UNITS_PER_CENT
    near = np.where(away < 5.0, size, 0.0)
    near_total = near.sum(axis=1)
    reach = np.einsum("ij,ij->i", near, np.where(away < 5.0, away, 0.0))
    step = away[:, 1] if away.shape[1] > 1 else np.full(len(away), 5.0)
    return _Depth(
        bbo=size[:, 0],
        five=size[:, :5].sum(axis=1),
        near=near_total,
        deep=np.where(away < 10.0, size, 0.0).sum(axis=1),
        weighted=near_total - reach / 5.0,
        reach=reach,
        step=np.fmin(step, 5.0),
        largest=near.max(axis=1),
    )


def _prices(bid: Floats, ask: Floats) -> tuple[Floats, Floats, Floats]:
    """The spread in cents, and mid and 1 − mid in dollars."""
    low, high = np.rint(bid * UNITS_PER_DOLLAR), np.rint(ask * UNITS_PER_DOLLAR)
    return (
        (high - low) / UNITS_PER_CENT,
        (low + high) / (2 * UNITS_PER_DOLLAR),
        (2 * UNITS_PER_DOLLAR - low - high) / (2 * UNITS_PER_DOLLAR),
    )
