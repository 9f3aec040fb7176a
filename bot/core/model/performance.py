"""How good the graded predictions were, in numbers with intervals.

Predictions of one market move together, so an interval is widened by market: the variance of a
ratio of sums over clusters (Liang and Zeger, *Longitudinal data analysis using generalized linear
models*, 1986). With fewer than `LEAST_MARKETS` markets there is no interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.model.outcomes import Grades

#: Markets below which an interval would pretend.
LEAST_MARKETS = 5
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % interval (None if too few markets) and the rows behind it."""

    value: float
    interval: tuple[float, float] | None
    rows: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of like scores: what was said on average and how often YES then rose."""

    rows: int
    score: float
    up: float


@dataclass(frozen=True, slots=True)
class ModelPerformance:
    """What became of `graded` predictions in `markets` markets; `moved` of them saw a move.

    The score speaks of a move, so hit rate, Brier and log loss (nats) are over those that moved.
    `cents` is what taking both ways in the predicted direction left per contract after fees, over
    all; `decided_cents` over those the bot would have acted on. None where there are no rows.
    """

    graded: int
    moved: int
    markets: int
    hit_rate: Mean | None
    brier: Mean | None
    log_loss: Mean | None
    cents: Mean | None
    decided_cents: Mean | None
    bins: tuple[Bin, ...]


def performance(
    grades: Grades, size: float, enter_above: Floats | float, enter_below: Floats | float
) -> ModelPerformance:
    """The performance of some grades; a move counts from `size` cents on.

    Scores from `enter_above` up and `enter_below` down would enter: one a grade, or one for all.
    """
    market = _numbers(grades.predictions.tickers)
    score, moved = grades.predictions.score, np.abs(grades.change) >= size
    reported, up = score[moved], grades.change[moved] > 0
    safe = np.clip(np.where(up, reported, 1 - reported), _TINY, 1.0)
    paid = np.isfinite(grades.taker)
    decided = paid & ((score >= enter_above) | (score <= enter_below))
    return ModelPerformance(
        graded=len(grades),
        moved=int(moved.sum()),
        markets=len(set(grades.predictions.tickers)),
        hit_rate=_mean(((reported > 0.5) == up).astype(np.float64), market[moved]),
        brier=_mean((reported - up) ** 2, market[moved]),
        log_loss=_mean(-np.log(safe), market[moved]),
        cents=_mean(grades.taker[paid], market[paid]),
        decided_cents=_mean(grades.taker[decided], market[decided]),
        bins=_bins(reported, up),
    )


def group_of(ticker: str) -> str:
    """The group a market is reported in: its series.

    >>> group_of("KXBTC15M-26MAY131100-00")
    'KXBTC15M'
    """
    return ticker.partition("-")[0]


def _numbers(tickers: tuple[str, ...]) -> NDArray[np.intp]:
    number = {ticker: index for index, ticker in enumerate(dict.fromkeys(tickers))}
    return np.array([number[ticker] for ticker in tickers], dtype=np.intp)


def weighted_mean(values: Floats, weights: Floats, tickers: Sequence[str]) -> Mean | None:
    """The mean by weight with its interval over markets; None without a value."""
    return _mean(values, _numbers(tuple(tickers)), weights)


def _mean(values: Floats, market: NDArray[np.intp], weights: Floats | None = None) -> Mean | None:
    if not len(values):
        return None
    weight = np.ones(len(values)) if weights is None else weights
    total = float(weight.sum())
    mean = float((weight * values).sum()) / total
    clusters = np.unique(market)
    if len(clusters) < LEAST_MARKETS:
        return Mean(mean, None, len(values))
    off = np.bincount(np.searchsorted(clusters, market), weight * (values - mean))
    widened = (off**2).sum() * len(clusters) / (len(clusters) - 1)
    reach = 1.96 * float(np.sqrt(widened)) / total
    return Mean(mean, (mean - reach, mean + reach), len(values))


def _bins(score: Floats, up: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Ten bins of equal width: where a live model is off is easier to see than by rank."""
    place = np.minimum((score * 10).astype(np.intp), 9)
    parts = [place == number for number in range(10)]
    return tuple(
        Bin(int(part.sum()), float(score[part].mean()), float(up[part].mean()))
        for part in parts
        if part.any()
    )
