from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.signals.features import FEATURE_NAMES
from bot.research.dataset import Samples, joined
from bot.research.gain import gains, outcomes, taker_fee


def moment(bid: float, ask: float, later_bid: float, later_ask: float) -> Samples:
    """One moment of one market, in cents."""
    return Samples(
        features=np.zeros((1, len(FEATURE_NAMES))),
        at=np.zeros(1),
        market=np.zeros(1, dtype=np.intp),
        bid=np.array([bid / 100]),
        ask=np.array([ask / 100]),
        later_bid=np.array([later_bid / 100]),
        later_ask=np.array([later_ask / 100]),
        change=np.array([(later_bid + later_ask - bid - ask) / 2]),
        nearby=np.empty((1, 0)),
        markets=("M",),
        dropped={},
    )


def earned(score: float, seen: Samples) -> dict[str, float]:
    return {name: cents[0] for name, cents in outcomes(np.array([score]), seen).items()}


def test_the_fee_is_that_of_the_exchange() -> None:
    schedule = FeeSchedule(FeeKind.QUADRATIC, Decimal(1))

    fees = taker_fee(np.array([[0.5, 0.07]]))

    exact = [
        float(schedule.model_fee(Decimal(1), Decimal(p), is_taker=True)) * 100
        for p in ("0.5", "0.07")
    ]
    assert fees.shape == (1, 2)
    assert fees[0] == pytest.approx(exact, abs=1e-4)


def test_a_round_trip_at_an_unmoved_book_costs_spread_and_two_fees() -> None:
    found = earned(0.9, moment(49, 51, 49, 51))

    fees = float(taker_fee(np.array([0.51]))[0] + taker_fee(np.array([0.49]))[0])
    assert found["taker_round_trip"] == pytest.approx(-2 - fees)
    assert found["move"] == 0.0
    assert found["half_spread_and_fee"] == pytest.approx(1 + fees / 2)


def test_a_rise_pays_who_bought() -> None:
    found = earned(0.9, moment(49, 51, 59, 61))

    fee = float(taker_fee(np.array([0.51]))[0])
    assert found["taker_marked_at_mid"] == pytest.approx(60 - 51 - fee)
    assert found["resting_always_filled"] == pytest.approx(60 - 49)
    assert np.isnan(found["resting_filled_if_passed"])


def test_a_resting_order_that_was_passed_lost_what_the_market_moved() -> None:
    found = earned(0.9, moment(49, 51, 45, 47))

    assert found["resting_filled_if_passed"] == pytest.approx(46 - 49)


@pytest.mark.parametrize("score", [0.2, 0.8])
def test_selling_earns_what_buying_earns_in_the_mirror(score: float) -> None:
    seen = moment(30, 32, 25, 28)
    mirror = replace(
        seen,
        bid=1 - seen.ask,
        ask=1 - seen.bid,
        later_bid=1 - seen.later_ask,
        later_ask=1 - seen.later_bid,
        change=-seen.change,
    )

    assert earned(score, seen) == pytest.approx(earned(1 - score, mirror), nan_ok=True)


def test_the_most_decided_rows_come_first() -> None:
    rows = [moment(49, 51, 49 + step, 51 + step) for step in range(48)]
    seen = joined([replace(row, markets=(f"M-{number}",)) for number, row in enumerate(rows)])

    found = gains(np.linspace(0.5, 0.99, 48), seen, seed=1)

    assert found["top 1%"]["move"]["cents"] == 47.0
    assert found["top 5%"]["rows"] == 2
    assert found["top 20%"]["move"]["cents"] == pytest.approx(np.arange(39, 48).mean())
    assert found["top 20%"]["resting_filled_if_passed"] is None
