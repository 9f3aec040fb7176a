"""Fitting: every row also as seen from the NO side, so that no model learns a lean to YES."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY
from bot.model.estimator import Estimator
from bot.model.scorer import calibrated
from bot.research.dataset import Samples
from bot.research.metrics import Bools

SEED: Final = 7

#: What the book looks like now, as far as five levels show it: known from the first observation.
BOOK: Final = (
    "imb1",
    "imb5",
    "imb5c",
    "near_imb",
    "micro_off",
    "touch_ratio",
    "depth_ratio",
    "slope",
    "step",
    "max_level",
    "touch_share",
    "spread",
    "pq",
)
#: Few, each with its own meaning, and again over the movement of the market: what carries over
#: between calm and lively hours and between narrow and wide spreads.
FEW: Final = (
    *("imb1", "near_imb", "touch_ratio", "slope", "step", "touch_share"),
    *("ofi2", "ofi10", "imb_change"),
)
CALM: Final = tuple(f"{name}_calm" for name in FEW)
#: What happened before. The time to close stays out, for it tells one market from another, and so
#: does the ten-cent window, which is deeper than half the tapes.
HISTORY: Final = ("mom2", "mom10", "mom60", "ofi2", "ofi10", "imb_change", "vol60")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A candidate: its columns, and how to make an estimator of them that is not yet fitted."""

    name: str
    uses: tuple[str, ...]
    build: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Fitted:
    """An estimator with the columns it reads and the slope that calibrates its log odds."""

    recipe: str
    estimator: Estimator
    uses: tuple[str, ...]
    slope: float = 1.0

    def score(self, features: Floats) -> Floats:
        """P(up) given a move, (N,): the mean of the book's score and its mirror's remainder."""
        columns = features[:, column_numbers(self.uses)]
        signs = PARITY[column_numbers(self.uses)]
        book = self.estimator.predict_proba(columns)[:, 1]
        mirror = self.estimator.predict_proba(columns * signs)[:, 1]
        score: Floats = (calibrated(book, self.slope) + 1 - calibrated(mirror, self.slope)) / 2
        return score

    def pickled(self) -> bytes:
        """The bytes of the model file; the same fit gives the same bytes."""
        bundle = {"estimator": self.estimator, "uses": list(self.uses), "slope": self.slope}
        return pickle.dumps(bundle, protocol=5)


def fitted(recipe: Recipe, features: Floats, up: Bools) -> Fitted:
    """A candidate fitted to rows and their mirrors."""
    columns = features[:, column_numbers(recipe.uses)]
    both = np.concatenate([columns, columns * PARITY[column_numbers(recipe.uses)]])
    estimator = recipe.build().fit(both, np.concatenate([up, ~up]).astype(np.int64))
    return Fitted(recipe.name, estimator, recipe.uses)


def known(samples: Samples) -> Samples:
    """The moments at which every column that a candidate may read is known."""
    columns = samples.features[:, column_numbers((*BOOK, *HISTORY, *CALM))]
    return samples.take(np.flatnonzero(np.isfinite(columns).all(axis=1)))


def column_numbers(names: Sequence[str]) -> list[int]:
    """Where these features stand in a row."""
    return [FEATURE_NAMES.index(name) for name in names]


def _logistic(strength: float) -> Callable[[], Any]:
    return lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, fit_intercept=False, max_iter=1000)
    )


def _boosting(trees: int, depth: int, leaf: int) -> Callable[[], Any]:
    return lambda: GradientBoostingClassifier(
        n_estimators=trees,
        max_depth=depth,
        learning_rate=0.08,
        subsample=0.5,
        min_samples_leaf=leaf,
        max_features=0.5,
        random_state=SEED,
    )


#: What a model has to beat: one feature each, then all of them in a straight line.
BASELINES: Final[Mapping[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe("touch_imbalance", ("imb1",), _logistic(1.0)),
        Recipe("microprice", ("micro_off",), _logistic(1.0)),
        Recipe("logistic", (*BOOK, *HISTORY), _logistic(0.1)),
    )
}
#: What may be shipped, the plainest first. Histogram boosting is no better on this much data, and
#: its thread pool at times takes longer than a cycle may (`bench.score`).
CANDIDATES: Final = (
    Recipe("touch imbalance", ("imb1",), _logistic(1.0)),
    Recipe("logistic on the book", BOOK, _logistic(0.001)),
    Recipe("logistic over volatility", (*FEW, *CALM), _logistic(0.001)),
    Recipe("boosting on the book", BOOK, _boosting(100, 2, 200)),
    Recipe("boosting on book and history", (*BOOK, *HISTORY), _boosting(100, 2, 200)),
)


def weights(line: Fitted) -> dict[str, float]:
    """A logistic model as log odds per unit of each feature; the even ones cancel in the mirror."""
    scaler, model = line.estimator[0], line.estimator[1]  # type: ignore[index]  # a pipeline is one
    per_unit = model.coef_[0] / scaler.scale_ * line.slope
    odd = PARITY[column_numbers(line.uses)] < 0
    return {
        name: float(weight)
        for name, weight, is_odd in zip(line.uses, per_unit, odd, strict=True)
        if is_odd
    }


def straight(per_unit: Mapping[str, float], features: Floats) -> Floats:
    """The scores of such weights, (N,); NaN where a feature is not known."""
    odds = features[:, column_numbers(tuple(per_unit))] @ np.array(list(per_unit.values()))
    score: Floats = 1 / (1 + np.exp(-odds))
    return score
