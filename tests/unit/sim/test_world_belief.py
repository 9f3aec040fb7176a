from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import Floats
from bot.sim.world.belief import Coin, Interval, Latent, NewsProcess, normal_share, worth
from bot.sim.world.presets import PRESETS
from bot.sim.world.rng_stream import RngDrift, RngStream, stream

PARTITION = (Interval(high=-0.6), Interval(-0.6, 0.1), Interval(0.1, 0.8), Interval(0.8))


def lives(news: NewsProcess, runs: int, steps: int = 40) -> Floats:
    """P(YES) after a third of the life and at its end, shape (runs, 2)."""
    seen = []
    for run in range(runs):
        latent = Latent(RngStream(run, "test"), news, [Interval(0.3)], steps)
        for _ in range(steps // 3):
            latent.step(1.0)
        early = latent.values[0]
        for _ in range(steps - steps // 3):
            latent.step(1.0)
        seen.append((early, latent.values[0]))
    return np.array(seen)


@pytest.mark.parametrize("preset", ["fast15m", "slow_day"])
def test_a_belief_is_a_martingale_that_ends_at_zero_or_one(preset):
    seen = lives(PRESETS[preset].news, runs=3000)

    start = 1.0 - normal_share(0.3)
    for column in seen.T:
        error = column.std() / sqrt(len(column))
        assert abs(column.mean() - start) < 3 * error
    assert set(seen[:, 1]) == {0.0, 1.0}


def test_beliefs_come_true_as_often_as_they_say():
    seen = lives(PRESETS["fast15m"].news, runs=4000)

    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        early, outcome = seen[(seen[:, 0] >= low) & (seen[:, 0] < low + 0.2)].T
        error = sqrt(0.25 / len(outcome))
        assert abs(outcome.mean() - early.mean()) < 3 * error


@given(st.integers(0, 10_000), st.lists(st.floats(0.1, 30.0), max_size=30))
@settings(max_examples=40)
def test_the_outcomes_of_a_partition_always_sum_to_one(seed, waits):
    latent = Latent(RngStream(seed, "p"), NewsProcess(quiet=0.3, burst=1.0), PARTITION, life=200.0)

    for wait in waits:
        latent.step(wait)
        assert sum(latent.values) == pytest.approx(1.0)
        assert min(latent.values) >= 0.0


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_higher_strike_is_never_worth_more(seed):
    strikes = [Interval(low) for low in (-1.0, -0.2, 0.5, 1.5)]
    latent = Latent(RngStream(seed, "p"), NewsProcess(), strikes, life=50.0)

    for _ in range(60):
        latent.step(1.0)
        assert list(latent.values) == sorted(latent.values, reverse=True)


def test_an_event_that_has_lived_a_while_starts_where_chance_has_brought_it():
    late = [
        Latent(RngStream(n, "x"), NewsProcess(), [Interval(0.0)], 100.0, 90.0).values[0]
        for n in range(500)
    ]

    assert np.mean(late) == pytest.approx(0.5, abs=0.06)
    assert np.std(late) > 0.3


def test_a_settled_belief_stays_what_it_is():
    latent = Latent(RngStream(1, "x"), NewsProcess(), [Interval(0.0)], 10.0)
    latent.step(inf)
    before = tuple(latent.values)

    latent.step(5.0)

    assert tuple(latent.values) == before
    assert worth(Interval(0.0, 1.0), 0.5, 0.0) == 1.0


def test_the_coin_moves_by_whole_cents_and_is_fair():
    changes: list[float] = []
    for seed in range(60):
        coin = Coin(RngStream(seed, "coin"), life=1000.0, moves=0.5, start=0.495)
        path = [coin.values[0]]
        for _ in range(200):
            coin.step(1.0)
            path.append(coin.values[0])
        changes.extend(np.diff(path))
    cents = np.array(changes) * 100

    assert np.allclose(cents, np.round(cents), atol=1e-6)
    assert abs(cents.mean()) < 3 * cents.std() / sqrt(len(cents))


def test_the_coin_is_settled_as_often_as_its_price_says():
    outcomes = []
    for seed in range(1500):
        coin = Coin(RngStream(seed, "coin"), life=1.0, moves=0.0, start=0.3)
        coin.step(1.0)
        coin.step(1.0)
        outcomes.append(coin.values[0])

    assert np.mean(outcomes) == pytest.approx(0.3, abs=0.04)


def test_the_coin_stays_inside_the_grid():
    coin = Coin(RngStream(5, "coin"), life=1e9, moves=5.0, start=0.03)
    for _ in range(2000):
        coin.step(1.0)
        assert 0.0 < coin.values[0] < 1.0


def test_streams_of_different_names_are_independent_and_of_one_name_the_same():
    first, second = stream(1, "a").random(2000), stream(1, "b").random(2000)

    assert np.array_equal(first, stream(1, "a").random(2000))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.08
    assert not np.array_equal(first, stream(2, "a").random(2000))


def test_dice_have_the_means_they_promise():
    rng = RngStream(3, "dice")

    assert np.mean([rng.count(0.7) for _ in range(4000)]) == pytest.approx(0.7, abs=0.06)
    assert np.mean([rng.exponential(5.0) for _ in range(4000)]) == pytest.approx(5.0, abs=0.4)
    assert np.mean([rng.geometric(0.5) for _ in range(4000)]) == pytest.approx(1.0, abs=0.1)
    assert np.median([rng.lognormal(8.0, 1.0) for _ in range(4000)]) == pytest.approx(8.0, abs=0.6)


def test_a_drift_keeps_its_spread_whatever_the_step():
    for seconds in (1.0, 40.0):
        drift = RngDrift(RngStream(4, str(seconds)), spread=2.0, half_life=10.0)
        values = [drift.step(seconds) for _ in range(8000)]

        assert np.std(values) == pytest.approx(2.0, rel=0.15)
    assert RngDrift(RngStream(4, "none"), 0.0, 10.0).step(1.0) == 0.0
