import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.model.drift import LEAST_ROWS, Drift, counted, psi, verdict

EDGES = np.array([[-1.0, 0.0, 1.0]])


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_every_known_row_falls_into_one_bin() -> None:
    counts = counted(column(-5.0, -0.5, 0.5, 5.0, np.nan, np.nan), EDGES)

    assert counts.tolist() == [[1, 1, 1, 1]]


def test_counts_of_batches_add_up() -> None:
    rows = np.random.default_rng(1).normal(size=(100, 1))

    parts = counted(rows[:30], EDGES) + counted(rows[30:], EDGES)

    np.testing.assert_array_equal(parts, counted(rows, EDGES))


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.integers(1, 9))
@settings(max_examples=40)
def test_the_same_shares_have_no_drift_and_others_some(counts: list[int], factor: int) -> None:
    trained = np.array([[*counts, 1000]])

    assert psi(trained, trained * factor)[0] == pytest.approx(0.0)
    assert psi(trained, trained[:, ::-1])[0] >= 0.0


def test_an_index_is_what_the_formula_says() -> None:
    index = psi(np.array([[800, 200]]), np.array([[400, 600]]))

    by_hand = (0.4 - 0.8) * np.log(0.4 / 0.8) + (0.6 - 0.2) * np.log(0.6 / 0.2)
    assert index[0] == pytest.approx(by_hand)


def test_a_bin_that_was_empty_in_training_does_not_make_it_endless() -> None:
    assert np.isfinite(psi(np.array([[1000, 0]]), np.array([[0, 1000]]))).all()


def test_too_few_rows_say_nothing() -> None:
    few = np.array([[LEAST_ROWS - 1, 0]])

    assert np.isnan(psi(np.array([[1000, 1000]]), few))[0]
    assert np.isnan(psi(np.array([[1000, 1000]]), few * 0))[0]


@pytest.mark.parametrize(
    ("index", "word"),
    [
        (np.nan, Drift.UNKNOWN),
        (0.0, Drift.STEADY),
        (0.10, Drift.WATCH),
        (0.25, Drift.DRIFTED),
    ],
)
def test_the_verdict_follows_the_convention(index: float, word: Drift) -> None:
    assert verdict(index) is word
