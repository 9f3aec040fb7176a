"""Metrics of scores: pure arithmetic on arrays, with intervals that respect events.

`score` is P(up) and `up` what happened, both (N,). Rows of one event move together, so an
interval redraws events, never rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

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
    return _auc(np.unique(score, return_inverse=True)[1], up, weight)


def _auc(rank: Codes, up: Bools, weight: Floats) -> float:
    rising = np.bincount(rank, weight * up)
    falling = np.bincount(rank, weight * ~up)
    pairs = rising.sum() * falling.sum()
    below = np.cumsum(falling) - falling / 2
    return float((rising * below).sum() / pairs) if pairs else float("nan")


def log_loss(score: Floats, up: Bools, weight: Floats | None = None) -> float:
    """Mean surprise in nats; a coin has 0.6931."""
    return _mean(_surprise(score, up), weight)


def _surprise(score: Floats, up: Bools) -> Floats:
    safe = np.clip(score, _TINY, 1 - _TINY)
    surprise: Floats = -np.log(np.where(up, safe, 1 - safe))
    return surprise


def brier(score: Floats, up: Bools, weight: Floats | None = None) -> float:
    """Mean squared error of the probability; a coin has 0.25."""
    return _mean(_square(score, up), weight)


def _square(score: Floats, up: Bools) -> Floats:
    square: Floats = (score - up) ** 2
    return square


METRICS: Final[dict[str, Metric]] = {"auc": auc, "log_loss": log_loss, "brier": brier}
#: What is averaged in those that are means.
_ERRORS: Final = {"log_loss": _surprise, "brier": _square}


def reliability(score: Floats, up: Bools, bins: int = 10) -> list[dict[str, float]]:
    """By bin (see `binned`): rows, mean score, share that rose."""
    place = binned(score, bins)
    parts = [np.flatnonzero(place == number) for number in np.unique(place)]
    return [
        {"rows": len(part), "score": float(score[part].mean()), "up": float(up[part].mean())}
        for part in parts
    ]


def binned(score: Floats, bins: int = 10) -> Codes:
    """The bin of each row, (N,): of equal mass, except that equal scores stay together."""
    _, value, rows = np.unique(score, return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2
    return np.asarray(middle / max(len(score), 1) * bins, dtype=np.intp)[value]


def calibration_error(score: Floats, up: Bools) -> float:
    """Expected calibration error over ten bins of equal mass."""
    bins = reliability(score, up)
    rows = sum(part["rows"] for part in bins)
    return sum(part["rows"] * abs(part["score"] - part["up"]) for part in bins) / max(rows, 1)


def confidence_error(score: Floats, up: Bools) -> float:
    """The same for the predicted side: confidence against accuracy.

    A drift of the market, which favours one side for a while, cancels; overconfidence does not.
    """
    is_rise = score > 0.5
    return calibration_error(np.where(is_rise, score, 1 - score), up == is_rise)


def calibration_noise(score: Floats, up: Bools, unit: Codes, seed: int) -> dict[str, float]:
    """What `calibration_error` would read of a calibrated model on these units: mean, and 95 %.

    What happened is moved by the error of its bin, so that none is left, and the units are redrawn.
    One unit says nothing of it: NaN.
    """
    place, drawn = binned(score), Redraws.of(unit, seed)
    if drawn.picks.shape[1] < 2:  # see above
        return {"mean": float("nan"), "most": float("nan")}
    miss = up - score
    miss -= (np.bincount(place, miss) / np.maximum(np.bincount(place), 1))[place]
    read = sum(np.abs(drawn.sums(miss * (place == number))) for number in np.unique(place))
    read = read / drawn.sums(np.ones(len(score)))
    return {"mean": float(read.mean()), "most": float(np.quantile(read, 0.95))}


@dataclass(frozen=True, slots=True)
class Redraws:
    """Units resampled with replacement: the count of each in each draw, and that of each row.

    `picks` has shape (draws, units), `unit` (N,). The weights of all rows at once would be as
    many as rows times draws.
    """

    picks: Codes
    unit: Codes

    @classmethod
    def of(cls, unit: Codes, seed: int, draws: int = _DRAWS) -> Self:
        """So many draws of the units that rows belong to."""
        code = np.unique(unit, return_inverse=True)[1]
        count = int(code.max(initial=-1)) + 1
        odds = np.full(count, 1 / max(count, 1))
        return cls(np.random.default_rng(seed).multinomial(count, odds, draws), code)

    def __iter__(self) -> Iterator[Floats]:
        """The weight of each row, (N,), draw by draw."""
        return (pick[self.unit].astype(np.float64) for pick in self.picks)

    def sums(self, values: Floats) -> Floats:
        """The sum of values (N,) in each draw, (draws,)."""
        units = np.bincount(self.unit, values, minlength=self.picks.shape[1])
        return np.asarray(self.picks @ units, dtype=np.float64)

    def metric(self, name: str, score: Floats, up: Bools) -> Floats:
        """One of `METRICS` in each draw, (draws,)."""
        if name in _ERRORS:
            total = self.sums(np.ones(len(score)))
            return np.asarray(self.sums(_ERRORS[name](score, up)) / total, dtype=np.float64)
        rank = np.unique(score, return_inverse=True)[1]
        return np.array([_auc(rank, up, weight) for weight in self])


def redraws(unit: Codes, seed: int, draws: int = _DRAWS) -> Floats:
    """Row weights of so many redraws of the units, with replacement: shape (draws, N)."""
    return np.array(list(Redraws.of(unit, seed, draws))).reshape(draws, len(unit))


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
