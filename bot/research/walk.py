"""Walking forward: fit on the past, score the markets that came after, and choose by that alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tqdm import tqdm

from bot.core.market.orderbook import Floats
from bot.core.signals.expected_value import expected_move
from bot.model.scorer import calibrated
from bot.research.dataset import Label, Samples
from bot.research.fit import SEED, Recipe, column_numbers, fitted
from bot.research.metrics import log_loss
from bot.research.report import compared
from bot.tape.reader import Rows

#: Folds scored; what comes before the first is only ever trained on.
FOLDS: Final = 5
_FIRST_SHARE: Final = 0.35
#: Nats a richer model must save a row to be worth shipping.
LEAST_GAIN: Final = 0.002


def folds(samples: Samples, horizon: float, count: int = FOLDS) -> Iterator[tuple[Rows, Rows]]:
    """Rows to fit and rows to score, walking forward over events by when they began.

    An event is on one side only. Rows whose future reaches into the scored events are purged,
    and one more horizon is kept away.
    """
    event, at = samples.event, samples.at
    begins = np.full(event.max() + 1, np.inf)
    np.minimum.at(begins, event, at)
    order = np.unique(begins[event])
    edges = order[np.linspace(_FIRST_SHARE * len(order), len(order), count + 1).astype(int)[:-1]]
    for start, end in zip(edges, [*edges[1:], np.inf], strict=True):
        scored = (begins[event] >= start) & (begins[event] < end)
        past = (begins[event] < start) & (at + 2 * horizon < start)
        yield np.flatnonzero(past), np.flatnonzero(scored)


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate walked forward: the score of every row by a fit on its past, NaN where none.

    `folds` are the rows scored by each fit after which the mid moved: those that can be judged.
    """

    recipe: Recipe
    score: Floats
    folds: tuple[Rows, ...]


def trial(recipe: Recipe, samples: Samples, label: Label) -> Trial:
    """Walk one candidate forward: fitted where the mid moved, scored everywhere."""
    moved = np.abs(samples.change) >= label.size
    score = np.full(len(samples), np.nan)
    results = []
    for past, scored in tqdm(list(folds(samples, label.horizon)), desc=recipe.name, disable=None):
        rows = past[moved[past]]
        model = fitted(recipe, samples.features[rows], samples.change[rows] > 0)
        score[scored] = model.score(samples.features[scored])
        results.append(scored[moved[scored]])
    return Trial(recipe, score, tuple(results))


def chosen(trials: Sequence[Trial], samples: Samples) -> tuple[Trial, str]:
    """The first (plainest) trial, unless a later one earns its complexity; and why, in words.

    It earns it against every plainer one: with a log loss lower by `LEAST_GAIN`, the interval of
    that gain over markets above 0, and in all folds but one at least.
    """
    for number in range(len(trials) - 1, 0, -1):
        plainer = trials[:number]
        if all(_is_worth_it(trials[number], other, samples) for other in plainer):
            return trials[number], "it beats every plainer candidate by enough, walking forward"
    return trials[0], "no richer candidate beats all plainer ones by enough, walking forward"


def calibrating_slope(found: Trial, samples: Samples) -> float:
    """The slope of the log odds that fits the walked scores best, to a hundredth, at most 1.

    A model may be told that it was too sure of itself, never that it was too modest.
    """
    rows = np.concatenate(found.folds)
    score, up = found.score[rows], samples.change[rows] > 0
    slopes = np.arange(20, 101) / 100
    losses = [log_loss(calibrated(score, slope), up) for slope in slopes.tolist()]
    return float(slopes[int(np.argmin(losses))])


def expected_factor(found: Trial, slope: float, samples: Samples, horizon: float) -> float:
    """The factor of `edge.expected_move` that fits all walked rows best, moved or not."""
    rows = np.flatnonzero(np.isfinite(found.score))
    score = calibrated(found.score[rows], slope)
    volatility = samples.features[rows][:, column_numbers(("vol60",))[0]]
    unit = expected_move(score, volatility, horizon, 1.0)
    return float((unit @ samples.change[rows]) / (unit @ unit))


def _is_worth_it(rival: Trial, other: Trial, samples: Samples) -> bool:
    rows = np.concatenate(rival.folds)
    better = compared(rival.score[rows], other.score[rows], samples.take(rows), SEED)["log_loss"]
    won = sum(
        log_loss(rival.score[fold], samples.change[fold] > 0)
        < log_loss(other.score[fold], samples.change[fold] > 0)
        for fold in rival.folds
    )
    is_clear = better["gain"] >= LEAST_GAIN and better["interval"][0] > 0
    return bool(is_clear and won >= len(rival.folds) - 1)
