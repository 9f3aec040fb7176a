"""How good scores were: pure arithmetic on arrays, with intervals that respect events.

`score` is P(up) and `up` what happened, both (N,). Rows of one event move together, so an
interval redraws events, never rows.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]
Metric = Callable[[Floats, Bools, Floats | None], float]

_DRAWS: Final = 200
_TINY: Final = 1e-15


def auc(score: Floats, up: Bools, weight: Floats | None = None) -> float:
    """The chance that a rising row scores above a falling one, ties half; NaN if one is absent."""
    weight = np.ones(len(score)) if weight is None else weight
    rank = np.unique(score, return_inverse=True)[1]
    rising = np.bincount(rank, weight * up)
    falling = np.bincount(rank, weight * ~up)
    pairs = rising.sum() * falling.sum()
    below = np.cumsum(falling) - falling / 2
    return float((rising * below).sum() / pairs) if pairs else float("nan")


def log_loss(score: Floats, up: Bools, weight: Floats | None = None) -> float:
    """Mean surprise in nats; a coin has 0.6931."""
    safe = np.clip(score, _TINY, 1 - _TINY)
    return _mean(-np.log(np.where(up, safe, 1 - safe)), weight)


def brier(score: Floats, up: Bools, weight: Floats | None = None) -> float:
    """Mean squared error of the probability; a coin has 0.25."""
    return _mean((score - up) ** 2, weight)


METRICS: Final[dict[str, Metric]] = {"auc": auc, "log_loss": log_loss, "brier": brier}


def reliability(score: Floats, up: Bools, bins: int = 10) -> list[dict[str, float]]:
    """Bins of equal mass: how many rows, what was said on average, what happened."""
    order = np.argsort(score, kind="stable")
    return [
        {
            "rows": len(part),
            "score": float(score[part].mean()),
            "up": float(up[part].mean()),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(score: Floats, up: Bools) -> float:
    """Mean distance between said and happened over ten bins of equal mass."""
    bins = reliability(score, up)
    rows = sum(part["rows"] for part in bins)
    return sum(part["rows"] * abs(part["score"] - part["up"]) for part in bins) / max(rows, 1)


def confidence_error(score: Floats, up: Bools) -> float:
    """The same for the side that is called: how sure it was against how often it was right.

    A drift of the market, which favours one side for a while, cancels; overconfidence does not.
    """
    is_rise = score > 0.5
    return calibration_error(np.where(is_rise, score, 1 - score), up == is_rise)


def redraws(unit: Codes, seed: int, draws: int = _DRAWS) -> Floats:
    """Row weights of so many redraws of the units, with replacement: shape (draws, N)."""
    code = np.unique(unit, return_inverse=True)[1]
    count = int(code.max(initial=-1)) + 1
    picks = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / max(count, 1)), draws)
    weights: Floats = picks[:, code].astype(np.float64)
    return weights


def interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of redrawn values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def weighted_quantile(values: Floats, share: float, weight: Floats) -> float:
    """The least value with at least `share` of all weight at or below it; NaN without values."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    if not len(order):
        return float("nan")
    place = int(np.searchsorted(reached, share * reached[-1]))
    return float(values[order[min(place, len(order) - 1)]])


def _mean(values: Floats, weight: Floats | None) -> float:
    return float(np.average(values, weights=weight)) if len(values) else float("nan")
