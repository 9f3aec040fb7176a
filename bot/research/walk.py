"""Out-of-sample scores, by fits that never saw the event: the basis of choice, slopes, thresholds.

A kind of market with enough events is walked forward in time; of one with few, each part of its
events is left out once; and each kind is left out whole, to see what holds on kinds never seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from tqdm import tqdm

from bot.core.market.orderbook import Floats
from bot.core.signals.expected_value import expected_move
from bot.model.by_kind import calibrated
from bot.research.dataset import LEAST_EVENTS, Label, Samples
from bot.research.fit import SEED, Recipe, column_numbers, evenly, learned
from bot.research.metrics import (
    Bools,
    Redraws,
    calibration_error,
    interval,
    log_loss,
    weighted_quantile,
)
from bot.research.report import compared
from bot.tape.reader import Rows

#: Folds scored; what comes before the first is only ever trained on.
FOLDS: Final = 5
_FIRST_SHARE: Final = 0.35
#: The slope for kinds never seen where there is only one kind, so that nothing says how it carries.
UNPROVEN: Final = 0.5
#: How far apart what is said and what happens may be, on average over kinds left out of training,
#: for scores of kinds never seen to be trusted with money.
MOST_OFF: Final = 0.03
#: Slopes tried on what has happened, those that stretch scores as well.
_AFTERWARDS: Final = np.arange(1, 61) / 20


def _events(samples: Samples, family: int) -> int:
    return len(np.unique(samples.event[samples.family == family]))


def folds(samples: Samples, horizon: float, count: int = FOLDS) -> Iterator[tuple[Rows, Rows]]:
    """Rows to fit and rows to score: no event, and no future of a scored row, is on both sides."""
    events = np.array([_events(samples, number) for number in range(len(samples.families))])
    is_long = (events >= LEAST_EVENTS)[samples.family] if len(events) else np.empty(0, bool)
    if is_long.any():
        yield from _forward(samples, is_long, horizon, count)
    for number in np.flatnonzero(events < LEAST_EVENTS):
        yield from _left_out(samples, samples.family == number, count)


def _forward(
    samples: Samples, scorable: Bools, horizon: float, count: int
) -> Iterator[tuple[Rows, Rows]]:
    """Walk forward over these events in order of their beginning.

    Rows whose future reaches into the scored events are purged, and one more horizon is kept away.
    """
    event, at = samples.event, samples.at
    begins = np.full(event.max() + 1, np.inf)
    np.minimum.at(begins, event, at)
    order = np.unique(begins[event[scorable]])
    edges = order[np.linspace(_FIRST_SHARE * len(order), len(order), count + 1).astype(int)[:-1]]
    for start, end in zip(edges, [*edges[1:], np.inf], strict=True):
        scored = scorable & (begins[event] >= start) & (begins[event] < end)
        past = (begins[event] < start) & (at + 2 * horizon < start)
        yield np.flatnonzero(past), np.flatnonzero(scored)


def _left_out(samples: Samples, scorable: Bools, count: int) -> Iterator[tuple[Rows, Rows]]:
    """Each part of these events once, with everything of other events to fit; none if one."""
    events = np.unique(samples.event[scorable])
    for part in np.array_split(events, min(count, len(events))) if len(events) > 1 else ():
        scored = np.isin(samples.event, part)
        yield np.flatnonzero(~scored), np.flatnonzero(scored)


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate on the folds: the score by row of fits that did not see its event, else NaN.

    `folds` are the rows scored by each fit after which the mid moved: those that can be judged.
    """

    recipe: Recipe
    score: Floats
    folds: tuple[Rows, ...]

    @property
    def scorable(self) -> Rows:
        """All rows that have a score, rising."""
        return np.sort(np.concatenate(self.folds)) if self.folds else np.empty(0, dtype=np.intp)

    def by_kind(self, samples: Samples) -> dict[str, Rows]:
        """The rows that have a score, by kind of market."""
        kind = samples.family[self.scorable]
        parts = {name: self.scorable[kind == n] for n, name in enumerate(samples.families)}
        return {name: rows for name, rows in parts.items() if len(rows)}


class Slopes(NamedTuple):
    """The slope of each kind of market, and that for any other."""

    general: float
    kinds: Mapping[str, float]


def trial(recipe: Recipe, samples: Samples, label: Label) -> Trial:
    """Try one candidate on the folds: fitted where the mid moved, scored everywhere."""
    parts = list(folds(samples, label.reach))
    return _tried(recipe, samples, label, parts)


def left_out(recipe: Recipe, samples: Samples, label: Label) -> Trial | None:
    """Try one candidate on each kind of market by a fit on all others; None if there is but one."""
    family = samples.family
    kinds = np.unique(family)
    if len(kinds) < 2:
        return None
    parts = [(np.flatnonzero(family != kind), np.flatnonzero(family == kind)) for kind in kinds]
    return _tried(recipe, samples, label, parts)


def _tried(
    recipe: Recipe, samples: Samples, label: Label, parts: Sequence[tuple[Rows, Rows]]
) -> Trial:
    moved = np.abs(samples.change) >= label.size
    score = np.full(len(samples), np.nan)
    for past, scored in tqdm(parts, desc=recipe.name, disable=None):
        kinds = samples.family[scored]
        for number in np.unique(kinds):
            rows = scored[kinds == number]
            model = learned(recipe, samples.take(past), label, samples.families[number])
            score[rows] = model.score(samples.features[rows])
    return Trial(recipe, score, tuple([scored[moved[scored]] for _, scored in parts]))


def chosen(trials: Sequence[Trial], samples: Samples) -> tuple[Trial, dict[str, Any]]:
    """The last trial, which is the boosting, unless it is shown worse than the best of the others.

    Shown is what an interval over events excludes, for any kind of market with enough of them.
    The second value gives the benchmark of each kind of market, and the result.
    """
    *plain, boosting = trials
    held = {}
    for name, rows in _comparable(boosting, samples).items():
        best = min(plain, key=lambda one: log_loss(one.score[rows], samples.change[rows] > 0))
        part = samples.take(rows)
        found = compared(boosting.score[rows], best.score[rows], part, SEED)["log_loss"]
        held[name] = {"against": best.recipe.name, **found, "events": len(np.unique(part.event))}
    worse = [name for name, one in held.items() if one["interval"][1] < 0]
    if not worse:
        return boosting, {
            "why": "no interval shows it worse than the best plain candidate",
            "held": held,
        }
    against = held[worse[0]]["against"]
    best = next(one for one in plain if one.recipe.name == against)
    return best, {"why": f"boosting is worse than it on {worse[0]}", "held": held}


def _comparable(found: Trial, samples: Samples) -> dict[str, Rows]:
    """The scorable rows of each kind with enough events for an interval; all if none has."""
    enough = {
        name: rows
        for name, rows in found.by_kind(samples).items()
        if len(np.unique(samples.event[rows])) >= LEAST_EVENTS
    }
    return enough or {"all": found.scorable}


def calibration(found: Trial, others: Trial | None, samples: Samples) -> Slopes:
    """The slopes: of each kind by its own held-out events, and a general one by held-out kinds."""
    kinds = {
        name: calibrating_slope(found.score[rows], samples.take(rows))
        for name, rows in found.by_kind(samples).items()
    }
    if others is None:
        return Slopes(min(UNPROVEN, *kinds.values()), kinds)
    return Slopes(general_slope(others, samples), kinds)


def general_slope(others: Trial | None, samples: Samples) -> float:
    """The slope for kinds never seen, by fits that saw all kinds but one."""
    if others is None:
        return UNPROVEN
    rows = others.scorable
    return calibrating_slope(others.score[rows], samples.take(rows))


def slope_afterwards(score: Floats, samples: Samples) -> dict[str, Any]:
    """The slope that fits these rows best, now that what happened is known, and its interval.

    No slope chosen beforehand can be expected to leave less `calibration_error` than that one.
    """
    up, drawn = samples.change > 0, Redraws.of(samples.unit, SEED)
    tried = [calibrated(score, slope) for slope in _AFTERWARDS.tolist()]
    best = int(np.argmin([log_loss(one, up) for one in tried]))
    redrawn = np.array([drawn.metric("log_loss", one, up) for one in tried])
    return {
        "slope": float(_AFTERWARDS[best]),
        "interval": list(interval(_AFTERWARDS[redrawn.argmin(axis=0)])),
        "calibration_error": calibration_error(tried[best], up),
    }


def calibrating_slope(score: Floats, samples: Samples) -> float:
    """The slope of the log odds that fits best, to a hundredth, at most 1; events weigh evenly.

    Scores may be shrunk towards .5, never stretched.
    """
    up, weight = samples.change > 0, evenly(samples)
    slopes = np.arange(10, 101) / 100
    losses = [log_loss(calibrated(score, slope), up, weight) for slope in slopes.tolist()]
    return float(slopes[int(np.argmin(losses))])


def calibrated_scores(found: Trial, slopes: Slopes, samples: Samples) -> Floats:
    """The scores of a trial as the model would have given them, (N,)."""
    each = np.array([slopes.kinds.get(name, slopes.general) for name in samples.families])
    return calibrated(found.score, each[samples.family])


def expected_factor(score: Floats, samples: Samples, horizon: float) -> float:
    """The factor of `edge.expected_move` that fits all scored rows best, moved or not."""
    rows = np.flatnonzero(np.isfinite(score))
    volatility = samples.features[rows][:, column_numbers(("vol60",))[0]]
    unit = expected_move(score[rows], volatility, horizon, 1.0)
    return float((unit @ samples.change[rows]) / (unit @ unit))


def strongest(score: Floats, samples: Samples, share: float) -> float:
    """The least distance from .5 of the strongest `share` of scores; events weigh evenly."""
    rows = np.flatnonzero(np.isfinite(score))
    part = samples.take(rows)
    return weighted_quantile(np.abs(score[rows] - 0.5), 1 - share, evenly(part))
