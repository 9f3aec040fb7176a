import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.whales.markouts import (
    HORIZONS,
    LEAST_MARKETS,
    BestQuotes,
    Group,
    MarkoutSample,
    MarkoutSums,
    band,
    cost,
    excess,
    verdict,
)
from tests.support.strategies import TAKER

TOUCH = BestQuotes(0.0, 0.42, 0.44)


def tally(*markets: list[float]) -> MarkoutSums:
    """The tally of these markets' moments, told in turns."""
    whole = MarkoutSums()
    reported = [(0, 0.0)] * len(markets)
    for turn in range(max(map(len, markets), default=0)):
        for number, nets in enumerate(markets):
            if turn < len(nets):
                whole = whole.plus(nets[turn], reported[number])
                n, s = reported[number]
                reported[number] = (n + 1, s + nets[turn])
    return whole


@pytest.mark.parametrize(("way", "paid"), [(1, 0.44), (-1, 0.42)])
def test_the_cost_is_half_the_spread_and_the_fee_at_the_price_paid(way: int, paid: float) -> None:
    assert cost(TOUCH, way, TAKER) == pytest.approx(1.0 + 7 * paid * (1 - paid))


@pytest.mark.parametrize(
    ("best_quotes", "fees"),
    [
        (TOUCH, None),
        (TOUCH, FeeSchedule(FeeKind.UNKNOWN, Decimal(1))),
        (BestQuotes(0.0, math.nan, 0.44), TAKER),
    ],
)
def test_a_cost_that_cannot_be_known_is_no_number(
    best_quotes: BestQuotes, fees: FeeSchedule | None
) -> None:
    assert math.isnan(cost(best_quotes, 1, fees))


def test_a_moment_is_due_at_each_horizon_and_then_never_again() -> None:
    def at(step: int) -> MarkoutSample:
        return MarkoutSample("A", Group("large_bid", "30-70", "x"), 1, TOUCH, 1.0, True, step)

    assert [at(step).due for step in range(4)] == [*HORIZONS, math.inf]
    assert [at(step).too_late for step in range(4)] == [90.0, 360.0, 4_320.0, math.inf]


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=5), min_size=10, max_size=15))
@settings(max_examples=60)
def test_sums_give_the_mean_and_the_cluster_robust_error(markets: list[list[float]]) -> None:
    whole = tally(*markets)

    nets = np.concatenate([np.array(each) for each in markets])
    of_market = np.array([sum(each) - len(each) * nets.mean() for each in markets])
    count = len(markets)
    error = math.sqrt((of_market**2).sum() * count / (count - 1)) / len(nets)
    assert (whole.count, whole.markets) == (len(nets), count)
    assert whole.mean == pytest.approx(nets.mean(), abs=1e-9)
    assert whole.error == pytest.approx(error, abs=1e-4)


def test_too_few_markets_say_nothing_about_how_sure_a_mean_is() -> None:
    few = tally(*[[1.0, 2.0]] * (LEAST_MARKETS - 1))

    assert (few.interval, verdict(few.interval)) == (None, "too_few")
    assert excess(few, few) == (0.0, None)


def test_an_interval_below_zero_loses_above_it_gains_and_across_it_is_open() -> None:
    loses = tally(*[[-3.0 + 0.1 * n] for n in range(12)])
    open_one = tally(*[[n - 5.5] for n in range(12)])

    assert verdict(loses.interval) == "loses"
    assert verdict((0.1, 0.2)) == "gains"
    assert verdict(open_one.interval) == "open"
    ahead, interval = excess(open_one, loses)
    assert ahead == pytest.approx(2.45)
    assert interval is not None
    assert interval[0] < ahead < interval[1]


def test_what_is_missing_is_counted_and_changes_no_mean() -> None:
    known = tally([1.0])

    assert (known.missed().mean, known.missed().missing, known.missed().count) == (1.0, 1, 1)
    assert math.isnan(MarkoutSums().missed().mean)


@pytest.mark.parametrize(
    ("mid", "name"),
    [
        (0.01, "0-10"),
        (0.1, "0-10"),
        (0.105, "10-30"),
        (0.5, "30-70"),
        (0.9, "70-90"),
        (0.99, "90-100"),
    ],
)
def test_every_mid_has_one_band(mid: float, name: str) -> None:
    assert band(mid) == name
