"""The model at work: loads it if it matches its card, and scores all markets at once.

Whatever is wrong with the file, the service stays up: `load` then gives a scorer that never
predicts that says what is wrong and what to do. Leaves out training (`research`) and what follows
from a score (`core.strategy`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY
from bot.model.by_kind import ByKind, Calibrated
from bot.model.card import (
    RETRAIN,
    Card,
    CardError,
    farthest,
    read_card,
    suited,
    too_slow,
    unreadable,
)
from bot.model.flat import SUFFIX, FlatModel, estimator
from bot.ports.exchange import ModelOutput

#: The model that stands for all where no card can be read.
DEFAULT: Final = "gbm_label_up.pkl"
#: The only folder models are loaded from: a pickle from anywhere else could be anybody's.
MODELS: Final = Path(__file__).resolve().parents[2] / "models"
#: What writes the arrays beside a model.
MADE_BY: Final = "or make it anew with `python -m bot flat-model`"
#: Bytes beyond which a file is not read: a thousand times what training writes.
LARGEST_MODEL: Final = 100_000_000


class NoScorer:
    """No model to trust: every score is NaN, and the reason is the fault."""

    version = "none"
    card: Card | None = None

    def __init__(self, fault: str, card: Card | None = None) -> None:
        """`fault` names the file, the problem and the remedy; `card` is there if it is sound."""
        self._fault = fault
        self.card = card

    @property
    def fault(self) -> str | None:
        """Why there are no predictions, and what to do about it."""
        return self._fault

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """NaN for every row."""
        return self.predict(features, tickers).score

    def predict(self, features: Floats, tickers: Sequence[str]) -> ModelOutput:
        """No prediction for any row."""
        reasons = (f"no model: {self._fault}",) * len(tickers)
        return ModelOutput(np.full(len(features), np.nan), reasons)


class ModelScorer:
    """A model that is what its card says. Scores a book and its mirror to a sum of 1, exactly."""

    fault: str | None = None

    def __init__(self, models: ByKind, uses: Sequence[str], card: Card) -> None:
        """`uses` are the columns that the estimators of `models` read."""
        self.card = card
        self.version = card.version
        self.models = models
        self.uses = tuple(uses)
        self._uses = [FEATURE_NAMES.index(name) for name in uses]
        # What is read but has no range only has to be known.
        unbounded = {name: (-np.inf, np.inf) for name in uses if name not in card.ranges}
        ranges = {**card.ranges, **unbounded}
        self._gates = [FEATURE_NAMES.index(name) for name in ranges]
        self._low, self._high = np.array(list(ranges.values())).T
        self._bounds = [(name, f"{low:.4g} … {high:.4g}") for name, (low, high) in ranges.items()]

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """P(YES goes up) given that it moves, (N,); NaN outside the domain of the model."""
        return self._scored(features, tickers, np.all(self._inside(features), axis=1))

    def predict(self, features: Floats, tickers: Sequence[str]) -> ModelOutput:
        """Scores, and for every row without one the reason."""
        inside = self._inside(features)
        fit = np.all(inside, axis=1)
        reasons: list[str | None] = [None] * len(features)
        odd = np.flatnonzero(~fit)
        gates = np.argmin(inside[odd], axis=1)
        values = features[odd, np.array(self._gates)[gates]]
        for row, gate, value in zip(odd.tolist(), gates.tolist(), values.tolist(), strict=True):
            reasons[row] = self._reason(gate, value)
        return ModelOutput(self._scored(features, tickers, fit), tuple(reasons))

    def predicted(self, features: Floats, tickers: Sequence[str]) -> Floats:
        """Scores (N,) whatever the domain, for rows whose used columns are known."""
        return self.models.score(features[:, self._uses], PARITY[self._uses], tickers)

    def _inside(self, features: Floats) -> NDArray[np.bool_]:
        # A NaN compares false: what is not known is outside.
        gated = features[:, self._gates]
        inside: NDArray[np.bool_] = (gated >= self._low) & (gated <= self._high)
        return inside

    def _reason(self, gate: int, value: float) -> str:
        name, bounds = self._bounds[gate]
        if isnan(value):
            return f"not enough known: {name}"
        return f"out of domain: {name} {value:.4g} not in {bounds}"

    def _scored(self, features: Floats, tickers: Sequence[str], fit: NDArray[np.bool_]) -> Floats:
        scores = np.full(len(features), np.nan)
        rows = np.flatnonzero(fit)
        if len(rows):
            markets = [tickers[row] for row in rows.tolist()]
            scores[rows] = self.predicted(features[rows], markets)
        return scores


def chosen(path: Path | None, interval: float, folder: Path = MODELS) -> ModelScorer | NoScorer:
    """The model at `path`, or without one that of the folder that suits books every `interval` s.

    A model that looks less far ahead than the next book makes no predictions, and says so. Nor does
    any while a card in the folder cannot be read: which one fits is then unknown.
    """
    if path is None and (fault := unreadable(folder)):
        return NoScorer(fault)
    model = load(
        path or suited(folder, interval) or farthest(folder) or folder / DEFAULT, folder=folder
    )
    late = too_slow(model.card, interval) if model.card else None
    return NoScorer(late, model.card) if late else model


def load(
    path: Path, feature_names: Sequence[str] = FEATURE_NAMES, folder: Path = MODELS
) -> ModelScorer | NoScorer:
    """The model in a file, its card beside it; if there is none, a scorer that says why."""
    try:
        return _load(path, tuple(feature_names), folder)
    except CardError as error:
        return NoScorer(str(error))


def _load(path: Path, feature_names: tuple[str, ...], folder: Path) -> ModelScorer:
    path = path.resolve()
    if not path.is_relative_to(folder.resolve()):
        outside = f"{path} is not inside {folder}, where models are"
        raise CardError(f"{outside}; move it there or retrain")
    card = read_card(path.with_suffix(".json"))
    _check_versions(path, card, feature_names)
    scorer = _opened(path, card)
    _try_out(scorer, path)
    return scorer


def _check_versions(path: Path, card: Card, feature_names: tuple[str, ...]) -> None:
    installed, wanted = version("scikit-learn"), card.scikit_learn
    if wanted != installed:
        what = f"{path} was trained with scikit-learn {wanted}, this is {installed}"
        raise CardError(f"{what}; install the pinned version or {RETRAIN}")
    if card.features != feature_names or feature_names != FEATURE_NAMES:
        odd = sorted(set(card.features) ^ set(feature_names)) or ["another order"]
        raise CardError(f"{path} expects other features ({', '.join(odd)}); {RETRAIN}")
    strange = sorted(set(card.ranges) - set(FEATURE_NAMES))
    if strange:
        raise CardError(f"the card of {path} gives ranges of {', '.join(strange)}; {RETRAIN}")


def _opened(path: Path, card: Card) -> ModelScorer:
    content = _read(path)
    # A pickle runs code when opened, so it is not opened unless it is the one on the card.
    _refuse_another(path, content, card.sha256)
    flat = path.with_suffix(SUFFIX)
    if card.flat_sha256 is not None and flat.exists():
        return _of_arrays(flat, card, card.flat_sha256)
    return _of_pickle(path, content, card)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_MODEL:
            raise CardError(f"{path} is larger than {LARGEST_MODEL:,} bytes; {RETRAIN}")
        return path.read_bytes()
    except OSError as error:
        raise CardError(f"{path} cannot be read ({error.strerror}); {RETRAIN}") from error


def _refuse_another(path: Path, content: bytes, sha256: str) -> None:
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CardError(
            f"{path} has sha256 {found[:12]}…, its card says {sha256[:12]}…: one of them was "
            f"changed; restore both or {RETRAIN}"
        )


def _of_arrays(path: Path, card: Card, sha256: str) -> ModelScorer:
    """The same model without scikit-learn: a second sooner, and 70 MB smaller."""
    content = _read(path)
    _refuse_another(path, content, sha256)
    try:
        found = FlatModel.of(content, card.sha256)
        kinds = {name: (estimator(shape), slope) for name, (shape, slope) in found.kinds.items()}
        general = estimator(found.general[0]), found.general[1]
        return _scorer({"uses": found.uses, "general": general, "kinds": kinds}, card)
    except ValueError as error:
        raise CardError(f"{path} is not the model ({error}); delete it, {MADE_BY}") from error


def _of_pickle(path: Path, content: bytes, card: Card) -> ModelScorer:
    # It takes scikit-learn along: a second for nothing where there is no such file.
    from bot.model.pickled import NO_MODEL, unpickled  # noqa: PLC0415

    try:
        return _scorer(unpickled(content), card)
    except NO_MODEL as error:
        raise CardError(f"{path} does not hold a model ({error!r}); {RETRAIN}") from error


def _scorer(bundle: Mapping[str, Any], card: Card) -> ModelScorer:
    uses, general = bundle["uses"], Calibrated(*bundle["general"])
    kinds = {str(name): Calibrated(*one) for name, one in bundle["kinds"].items()}
    if len(set(uses)) != len(uses) or not uses:
        raise ValueError("its columns are none, or one stands twice")
    return ModelScorer(ByKind(general, kinds), uses, card)


def _try_out(scorer: ModelScorer, path: Path) -> None:
    middle = np.zeros((1, len(FEATURE_NAMES)))
    for name, (low, high) in scorer.card.ranges.items():
        middle[0, FEATURE_NAMES.index(name)] = (low + high) / 2
    try:
        score = float(scorer.score(middle, ("",))[0])
    except (ValueError, AttributeError, IndexError) as error:
        raise CardError(f"{path} cannot score a book ({error}); {RETRAIN}") from error
    if not 0.0 <= score <= 1.0:
        raise CardError(f"{path} gives no score to an ordinary book; {RETRAIN}")
