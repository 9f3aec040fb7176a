"""Flattened estimators score what scikit-learn's score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bot.model.flat import Trees, TreeShape, TreesShape, estimator
from bot.research.flatten import CLOSE, flattened, main

COLUMNS = 5


def samples(seed, rows=600, holes=0.0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, COLUMNS)).round(2)
    up = (features[:, 0] + features[:, 1] * features[:, 2] + rng.normal(size=rows)) > 0
    features[rng.random(features.shape) < holes] = np.nan
    return features, up.astype(int)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    leaves=st.one_of(st.integers(2, 40), st.just(64)),
    stages=st.integers(1, 12),
    holes=st.sampled_from([0.0, 0.2]),
)
def test_trees_score_the_same_on_any_row(seed, leaves, stages, holes):
    features, up = samples(seed, holes=holes)
    fitted = HistGradientBoostingClassifier(
        max_iter=stages, max_leaf_nodes=leaves, min_samples_leaf=2, random_state=seed
    ).fit(features, up)
    flat = estimator(flattened(fitted))
    # On the thresholds themselves, too, and far outside of what was learned from.
    strange = np.array([np.nan, np.inf, -np.inf, 0.0, 1e300])
    others = np.random.default_rng(seed + 1).choice(
        np.concatenate([features.ravel(), strange]), (700, COLUMNS)
    )

    assert np.abs(flat.predict_proba(others) - fitted.predict_proba(others)).max() <= CLOSE


def test_a_line_scores_the_same():
    features, up = samples(3)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, up)
    flat = estimator(flattened(fitted))
    others, _ = samples(4)

    assert np.abs(flat.predict_proba(others) - fitted.predict_proba(others)).max() <= CLOSE


def test_trees_without_a_split_score_their_leaf():
    features, up = samples(5)
    fitted = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=600).fit(features, up)
    flat = estimator(flattened(fitted))

    assert np.allclose(flat.predict_proba(features), fitted.predict_proba(features))
    assert flat.predict_proba(np.empty((0, COLUMNS))).shape == (0, 2)


def test_what_cannot_be_flattened_is_refused():
    features, up = samples(6)
    forest = RandomForestClassifier(2).fit(features, up)
    wide = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=None, min_samples_leaf=1).fit(
        features, up
    )
    named = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(
        np.abs(features).round(), up
    )

    with pytest.raises(ValueError, match="RandomForestClassifier is not flattened"):
        flattened(forest)
    with pytest.raises(ValueError, match="leaves, and 64 fit"):
        flattened(wide)
    with pytest.raises(ValueError, match="by category"):
        flattened(named)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"thresholds": []}, "different lengths"),
        ({"values": [0.1]}, "different lengths"),
        ({"leaves": [0]}, "no leaf"),
    ],
    ids=["thresholds", "values", "leaves"],
)
def test_trees_that_no_row_gets_through_are_refused(change, why):
    sound = {"features": [0], "thresholds": [0.5], "nan_left": [False], "leaves": [2]}
    tree = TreeShape(**{**sound, "values": [0.1, 0.2], **change})

    with pytest.raises(ValueError, match=why):
        Trees(TreesShape(0.0, [tree]))


def test_a_folder_without_models_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 1
    assert "there is no model (*.pkl) in it" in capsys.readouterr().err
