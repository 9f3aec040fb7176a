import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from bot.research.metrics import (
    METRICS,
    Redraws,
    auc,
    brier,
    calibration_error,
    calibration_noise,
    confidence_error,
    interval,
    log_loss,
    redraws,
    reliability,
    weighted_quantile,
)

scored = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans(), st.integers(1, 3)),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({up for _, up, _ in rows}) == 2)


@given(scored)
@settings(max_examples=50, deadline=None)  # the first call imports
def test_the_metrics_are_the_well_known_ones(rows: list[tuple[float, bool, int]]) -> None:
    score, up, weight = (np.array(column) for column in zip(*rows, strict=True))
    weight = weight.astype(float)

    assert auc(score, up, weight) == pytest.approx(roc_auc_score(up, score, sample_weight=weight))
    assert brier(score, up, weight) == pytest.approx(
        brier_score_loss(up, score, sample_weight=weight)
    )
    assert log_loss(score, up, weight) == pytest.approx(
        sklearn_log_loss(up, score, sample_weight=weight)
    )


def test_a_weight_counts_like_so_many_rows() -> None:
    score, up = np.array([0.2, 0.8, 0.6]), np.array([False, True, False])

    repeated = np.repeat(np.arange(3), [2, 1, 3])

    weight = np.array([2.0, 1.0, 3.0])
    assert auc(score, up, weight) == auc(score[repeated], up[repeated])
    assert log_loss(score, up, weight) == pytest.approx(log_loss(score[repeated], up[repeated]))


def test_where_nothing_fell_there_is_no_auc() -> None:
    assert np.isnan(auc(np.array([0.4, 0.6]), np.array([True, True])))
    assert np.isnan(log_loss(np.empty(0), np.empty(0, dtype=bool)))


def test_equal_scores_are_never_parted() -> None:
    up = np.arange(1000) < 500

    assert reliability(np.full(1000, 0.5), up) == [{"rows": 1000, "score": 0.5, "up": 0.5}]
    assert calibration_error(np.full(1000, 0.5), up) == 0
    two = reliability(np.repeat([0.4, 0.6], [300, 700]), up)
    assert [part["rows"] for part in two] == [300, 700]


def test_the_noise_is_what_a_calibrated_score_is_off_by_on_as_few_events() -> None:
    rng = np.random.default_rng(5)
    unit = np.repeat(np.arange(40), 50)
    read, off = [], []
    for _ in range(60):
        score = rng.uniform(0.2, 0.8, len(unit))
        # Half of the rows of an event share its luck.
        luck = np.where(rng.random(len(unit)) < 0.5, rng.random(40)[unit], rng.random(len(unit)))
        up = luck < score
        read.append(calibration_noise(score, up, unit, 1)["mean"])
        off.append(calibration_error(score, up))

    assert np.mean(read) == pytest.approx(np.mean(off), rel=0.2)
    shifted = np.clip(score + 0.15, 0, 1)
    assert calibration_error(shifted, up) > calibration_noise(shifted, up, unit, 1)["most"]


def test_more_events_leave_less_noise() -> None:
    rng = np.random.default_rng(6)
    score = rng.uniform(0.2, 0.8, 4000)
    up = rng.random(4000) < score

    many = calibration_noise(score, up, np.arange(4000), 1)

    assert many["mean"] < many["most"]
    alone = calibration_noise(score[:400], up[:400], np.arange(400), 1)
    assert alone["mean"] > many["mean"]


def test_reliability_bins_hold_every_row_once() -> None:
    score = np.linspace(0, 1, 25)

    bins = reliability(score, score > 0.5, bins=10)

    assert sum(part["rows"] for part in bins) == 25
    assert bins[0]["up"] == 0.0
    assert bins[-1]["up"] == 1.0


def test_fewer_rows_than_bins_make_fewer_bins() -> None:
    assert len(reliability(np.array([0.5, 0.6]), np.array([True, False]), bins=10)) == 2


def test_a_drift_is_no_overconfidence() -> None:
    rng = np.random.default_rng(5)
    score, luck = rng.uniform(0.2, 0.8, 40_000), rng.random(40_000)
    drifting, bold = luck < score + 0.1, luck < 0.5 + (score - 0.5) / 2

    assert confidence_error(score, drifting) == pytest.approx(0.0, abs=0.02)
    assert calibration_error(score, drifting) == pytest.approx(0.1, abs=0.02)
    assert confidence_error(score, bold) == pytest.approx(0.075, abs=0.02)


def test_values_are_cut_where_their_weight_is_reached() -> None:
    values, weight = np.array([3.0, 1.0, 2.0]), np.array([8.0, 1.0, 1.0])

    assert weighted_quantile(values, 0.1, weight) == 1.0
    assert weighted_quantile(values, 0.2, weight) == 2.0
    assert weighted_quantile(values, 0.9, weight) == 3.0
    assert np.isnan(weighted_quantile(np.empty(0), 0.9, np.empty(0)))


def test_scores_that_say_what_happens_have_no_calibration_error() -> None:
    score = np.repeat([0.0, 1.0], 50)

    assert calibration_error(score, score > 0.5) == 0.0
    assert calibration_error(score, score < 0.5) == 1.0


def test_redraws_take_whole_markets() -> None:
    market = np.array([4, 4, 4, 9, 9])

    weights = redraws(market, seed=1, draws=50)

    assert weights.shape == (50, 5)
    assert (weights[:, :3] == weights[:, :1]).all()
    assert (weights[:, 0] + weights[:, 3] == 2).all()
    np.testing.assert_array_equal(weights, redraws(market, seed=1, draws=50))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_redraws_is_that_of_each_of_them(name: str) -> None:
    rng = np.random.default_rng(4)
    score, up, unit = rng.random(60).round(1), rng.random(60) < 0.5, rng.integers(0, 12, 60)

    found = Redraws.of(unit, seed=1, draws=20).metric(name, score, up)

    each = [METRICS[name](score, up, weight) for weight in redraws(unit, seed=1, draws=20)]
    np.testing.assert_allclose(found, each)


def test_an_interval_leaves_out_the_tails() -> None:
    assert interval(np.arange(1001.0)) == (25.0, 975.0)
