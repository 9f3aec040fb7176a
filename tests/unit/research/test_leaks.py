"""Canaries: what evaluation must look like where something leaks, and where nothing is to know."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES
from bot.research.dataset import Label, Samples, samples
from bot.research.fit import CANDIDATES, fitted, known
from bot.research.metrics import Bools, auc
from bot.research.runs import in_runs
from bot.research.walk import folds
from bot.tape.reader import read

TAPE = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "btc15m-top5.parquet"
needs_tape = pytest.mark.skipif(not TAPE.exists(), reason="the recorded books are not here")
HORIZON = 120.0


@pytest.fixture(scope="module")
def moments() -> Samples:
    return known(samples(in_runs(read(TAPE)).thinned(10.0), Label(HORIZON))).moved(1.0)


def trees(features: Floats, up: Bools) -> ExtraTreesClassifier:
    """A model that can learn a market by heart."""
    return ExtraTreesClassifier(30, min_samples_leaf=1, random_state=7).fit(features, up)


def columns(moments: Samples) -> Floats:
    return moments.features[:, [name != "imb10c" for name in FEATURE_NAMES]]


@needs_tape
def test_shuffled_rows_look_better_than_walking_forward(moments: Samples) -> None:
    features, up = columns(moments), moments.change > 0
    forward, shuffled = np.full(len(up), np.nan), np.full(len(up), np.nan)
    for past, scored in folds(moments, HORIZON):
        forward[scored] = trees(features[past], up[past]).predict_proba(features[scored])[:, 1]
    part = np.random.default_rng(1).integers(0, 5, len(up))
    for number in range(5):
        rows = part == number
        shuffled[rows] = trees(features[~rows], up[~rows]).predict_proba(features[rows])[:, 1]

    honest = np.isfinite(forward)
    assert auc(shuffled, up) > auc(forward[honest], up[honest]) + 0.03


@needs_tape
def test_permuted_labels_teach_nothing(moments: Samples) -> None:
    up = np.random.default_rng(2).permutation(moments.change > 0)
    score = np.full(len(up), np.nan)
    for past, scored in folds(moments, HORIZON):
        model = fitted(CANDIDATES[2], moments.features[past], up[past])
        score[scored] = model.score(moments.features[scored])

    predictions = np.isfinite(score)
    assert auc(score[predictions], up[predictions]) == pytest.approx(0.5, abs=0.03)
