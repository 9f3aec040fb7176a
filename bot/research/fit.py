"""Fitting: every row also as seen from the NO side, so that no model learns a lean to YES."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY
from bot.model.by_kind import ByKind, Calibrated
from bot.model.estimator import Estimator
from bot.research.dataset import Label, Samples
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
#: What happened before. The time to close stays out, for it identifies the market, and so
#: does the ten-cent window, which is deeper than half the tapes.
HISTORY: Final = ("mom2", "mom10", "mom60", "ofi2", "ofi10", "imb_change", "vol60")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A candidate: its columns, and how to build an unfitted estimator of them.

    Made for a kind of market, it gives that kind the share `own` of all weight: the plain ones do
    best on that kind alone. A `pooled` one also learns from the nearby horizons.
    """

    name: str
    uses: tuple[str, ...]
    build: Callable[[], Any]
    own: float = 1.0
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """An estimator with the columns it reads."""

    recipe: str
    estimator: Estimator
    uses: tuple[str, ...]

    def score(self, features: Floats, slope: float = 1.0) -> Floats:
        """P(up) given a move, (N,), the same from either side of the book."""
        columns = column_numbers(self.uses)
        return Calibrated(self.estimator, slope).score(features[:, columns], PARITY[columns])


@dataclass(frozen=True, slots=True)
class KindModels:
    """What goes into a model file: the estimators of one recipe by kind, with their slopes."""

    recipe: str
    uses: tuple[str, ...]
    models: ByKind

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """P(up) given a move, (N,), each market by its own kind."""
        columns = column_numbers(self.uses)
        return self.models.score(features[:, columns], PARITY[columns], tickers)

    def pickled(self) -> bytes:
        """The bytes of the model file; the same fits give the same bytes."""
        kinds = {name: (one.estimator, one.slope) for name, one in self.models.kinds.items()}
        general = self.models.general
        bundle = {
            "uses": list(self.uses),
            "general": (general.estimator, general.slope),
            "kinds": kinds,
        }
        return pickle.dumps(bundle, protocol=5)


def learned(recipe: Recipe, samples: Samples, label: Label, kind: str | None = None) -> Fitted:
    """A candidate fitted where the mid moved, for a kind of market, or for any if none is named."""
    weight = evenly(samples) if kind is None else _leaning(samples, kind, recipe.own)
    changes = [samples.change, *(samples.nearby.T if recipe.pooled else ())]
    moved = [np.flatnonzero((np.abs(change) >= label.size) & (weight > 0)) for change in changes]
    rows = np.concatenate(moved)
    up = np.concatenate([change[part] > 0 for change, part in zip(changes, moved, strict=True)])
    return fitted(recipe, samples.features[rows], up, weight[rows] / weight[rows].mean())


def _leaning(samples: Samples, kind: str, own: float) -> Floats:
    """Even weights, except that one kind has the share `own` of all; even ones without it."""
    weight = evenly(samples)
    is_own = np.array([one == kind for one in samples.families])[samples.family]
    if not is_own.any() or is_own.all():
        return weight
    weight[is_own] *= own / weight[is_own].sum()
    weight[~is_own] *= (1 - own) / weight[~is_own].sum()
    return weight


def fitted(recipe: Recipe, features: Floats, up: Bools, weight: Floats | None = None) -> Fitted:
    """A candidate fitted to rows and their NO-side mirrors."""
    columns = features[:, column_numbers(recipe.uses)]
    both = np.concatenate([columns, columns * PARITY[column_numbers(recipe.uses)]])
    labels = np.concatenate([up, ~up]).astype(np.int64)
    estimator = recipe.build()
    # One thread: several would add the same numbers in another order each time.
    with threadpool_limits(limits=1, user_api="openmp"):
        estimator.fit(both, labels, **_weights(estimator, weight))
    return Fitted(recipe.name, estimator, recipe.uses)


def _weights(estimator: Any, weight: Floats | None) -> dict[str, Floats]:  # noqa: ANN401  # untyped
    """The weights of rows and their mirrors, for the last step of a pipeline."""
    last = estimator.steps[-1][0] + "__" if hasattr(estimator, "steps") else ""
    return {} if weight is None else {f"{last}sample_weight": np.tile(weight, 2)}


def evenly(samples: Samples) -> Floats:
    """Weights (N,), 1 on average: kinds of markets, and events, count by the root of their rows.

    Rows of one event move together, and the kind that was recorded longest is not the only one.
    """
    weight = 1 / np.sqrt(np.bincount(samples.event)[samples.event])
    kinds = np.bincount(samples.family)
    sums = np.bincount(samples.family, weights=weight)
    weight *= (np.sqrt(kinds) / np.where(sums > 0, sums, 1))[samples.family]
    return np.asarray(weight / weight.mean(), dtype=np.float64)


def known(samples: Samples) -> Samples:
    """The rows in which every column that a candidate may read is known."""
    columns = samples.features[:, column_numbers((*BOOK, *HISTORY, *CALM, "thickness"))]
    return samples.take(np.flatnonzero(np.isfinite(columns).all(axis=1)))


def column_numbers(names: Sequence[str]) -> list[int]:
    """The columns of these features."""
    return [FEATURE_NAMES.index(name) for name in names]


def _logistic(strength: float) -> Callable[[], Any]:
    return lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, fit_intercept=False, max_iter=1000)
    )


def _boosting(uses: Sequence[str]) -> Callable[[], Any]:
    """Few small trees; a heavier bid never makes a rise less likely."""
    pushes = ("imb1", "near_imb", "touch_ratio")
    return lambda: HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=500,
        l2_regularization=10,
        max_features=0.5,
        monotonic_cst=[int(name.removesuffix("_calm") in pushes) for name in uses],
        early_stopping=False,
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
#: What the boosting reads: scale-free columns, and whether the touch is a quote or two only.
BOOSTED: Final = (*FEW, *CALM, "thickness")
BOOSTING: Final = Recipe("gradient boosting", BOOSTED, _boosting(BOOSTED), own=0.8, pooled=True)
#: The benchmarks; one of them ships if boosting is worse than it.
PLAIN: Final = (
    Recipe("touch imbalance", ("imb1",), _logistic(1.0)),
    Recipe("logistic on the book", BOOK, _logistic(0.001)),
    Recipe("logistic over volatility", (*FEW, *CALM), _logistic(0.001)),
)
CANDIDATES: Final = (*PLAIN, BOOSTING)


def weights(line: Fitted) -> dict[str, float]:
    """A logistic model as log odds per unit of each feature; the even ones cancel in the mirror."""
    scaler, model = line.estimator[0], line.estimator[1]  # type: ignore[index]  # a pipeline is one
    per_unit = model.coef_[0] / scaler.scale_
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
