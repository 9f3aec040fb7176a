from datetime import timedelta

import numpy as np
import pytest

from bot.sim.world.experiment import Experiment
from bot.sim.world.statistics import ahead, auc, central, imbalance, mid, moves, signal, summary


@pytest.fixture(scope="module")
def fast():
    return Experiment("fast15m", markets=8, seed=3).run(timedelta(seconds=700))


@pytest.fixture(scope="module")
def null():
    return Experiment("null", markets=12, seed=3).run(timedelta(seconds=900))


def test_on_fast_markets_the_imbalance_says_where_the_price_goes_but_not_for_long(fast):
    assert 0.70 < signal(fast, 1) < 0.85
    assert 0.58 < signal(fast, 5) < 0.72
    assert 0.52 <= signal(fast, 10) <= 0.68
    assert signal(fast, 1) > signal(fast, 5) > signal(fast, 10)


def test_fast_books_look_like_recorded_ones(fast):
    world_statistics = summary(fast, horizons=(10,))

    assert 1.0 <= world_statistics["spread, mean"] < 1.6
    assert 200 < world_statistics["level 1 size, p50"] < 1000
    assert 3.5 < world_statistics["10 s: sd of the mid"] < 7.5
    assert 0.03 < world_statistics["10 s: no move"] < 0.20


def test_on_slow_markets_the_imbalance_helps_for_a_minute():
    slow = Experiment("slow_day", markets=16, seed=5).run(timedelta(minutes=50), cadence=5)

    assert 0.52 <= signal(slow, 60) <= 0.72


@pytest.mark.parametrize("horizon", [1, 5])
def test_in_the_null_mode_nothing_tells_where_the_price_goes(null, horizon):
    change = moves(null, horizon)
    moved = np.abs(change) > 0.005
    before = mid(null) - np.roll(mid(null), 1)
    for score in (imbalance(null, 1), imbalance(null, 5), before):
        assert auc(score[moved], change[moved] > 0) == pytest.approx(0.5, abs=0.03)


def test_the_books_of_the_null_mode_are_whole(null):
    assert np.isfinite(mid(null)).all()
    assert np.allclose(null.ask_price[:, 0] - null.bid_price[:, 0], 0.01)


def test_no_frame_is_crossed(fast):
    both = np.isfinite(mid(fast))
    assert (fast.ask_price[both, 0] > fast.bid_price[both, 0]).all()


def test_looking_ahead_stays_in_its_market_and_segment(fast):
    later = ahead(fast, 10.0)
    found = later >= 0

    assert found.mean() > 0.9
    assert (fast.market[later[found]] == fast.market[found]).all()
    assert np.allclose(fast.at[later[found]] - fast.at[found], 10.0)
    assert not found[np.flatnonzero(np.diff(fast.market))].any()


def test_a_perfect_score_has_an_auc_of_one_and_ties_count_half():
    up = np.array([True, False, True, False])

    assert auc(np.array([2.0, 1.0, 2.0, 1.0]), up) == 1.0
    assert auc(np.ones(4), up) == 0.5
    assert auc(np.array([2.0, np.nan, 2.0, 1.0]), up) == 1.0
    assert np.isnan(auc(np.ones(4), np.ones(4, dtype=bool)))


def test_only_prices_between_ten_and_ninety_cents_are_measured(fast):
    rows = central(fast)

    assert (mid(fast)[rows] > 0.10).all()
    assert np.isnan(moves(fast, 1)[~rows]).all()
