import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.fees import (
    BROKER_PRECISION,
    DIRECT_PRECISION,
    MAX_MULTIPLIER,
    FeeKind,
    FeeSchedule,
    OrderFees,
)
from bot.core.market.money import ONE
from tests.support.strategies import TAKER, prices, schedules, sizes

VECTORS = Path(__file__).parents[4].parent / "shared" / "kalshi" / "fixtures" / "fee_vectors.json"
precisions = st.sampled_from([DIRECT_PRECISION, BROKER_PRECISION])
parts = st.lists(st.tuples(sizes, prices, st.booleans(), st.booleans()), max_size=8)

#: precision, then fills of one buying taker: (count, price, fee). The first two were observed on
#: the exchange; the others follow from its documented rounding rule, worked out by hand.
KNOWN = [
    ("0.0001", [("1", "0.52", "0.0175")]),
    ("0.0001", [("1", "0.99", "0.0007")]),
    ("0.0001", [("1", "0.50", "0.0175")]),
    ("0.0001", [("10", "0.37", "0.1632")]),
    ("0.0001", [("100", "0.50", "1.75")]),
    ("0.0001", [("1", "0.055", "0.0037"), ("1", "0.055", "0.0036"), ("1", "0.055", "0.0037")]),
    ("0.01", [("1", "0.52", "0.02")] * 3 + [("1", "0.52", "0.01")]),
    ("0.01", [("1", "0.055", "0.005")]),
]


def _charged(fees, fills) -> tuple[list[Decimal], OrderFees]:
    charged = []
    for count, price, is_taker, is_buy in fills:
        fee, fees = fees.charge(count, price, is_taker=is_taker, is_buy=is_buy)
        charged.append(fee)
    return charged, fees


@pytest.mark.parametrize(("precision", "fills"), KNOWN)
def test_fees_are_those_of_the_exchange(precision, fills):
    bought = [(Decimal(count), Decimal(price), True, True) for count, price, _ in fills]

    charged, _ = _charged(OrderFees(TAKER, Decimal(precision)), bought)

    assert charged == [Decimal(fee) for *_, fee in fills]


def _vectors() -> list[Any]:
    if not VECTORS.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{VECTORS} is not there"))]
    cases = json.loads(VECTORS.read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", _vectors())
def test_the_shared_fee_vectors_hold_to_the_last_digit(case):
    fees = OrderFees(_schedule(case), Decimal(case["precision"]))
    for expected in case["fills"]:
        count, price = Decimal(expected["count"]), Decimal(expected["price"])

        fee, fees = fees.charge(count, price, is_taker=_is_taker(case), is_buy=True)

        assert fee == Decimal(expected["net_fee"])
        assert -count * price - fee == Decimal(expected["balance_change"])
        assert fees.accumulated == Decimal(expected["accumulator_after"])


def _is_taker(case) -> bool:
    return "maker on" not in case["name"]


def _schedule(case) -> FeeSchedule:
    # The vectors name kind and multiplier in words only.
    kind = FeeKind.QUADRATIC if _is_taker(case) else FeeKind.WITH_MAKER_FEES
    return FeeSchedule(kind, Decimal("0.5" if "fee_multiplier 0.5" in case["name"] else 1))


@given(schedules, precisions, parts)
def test_no_fill_earns_a_fee_and_the_order_pays_at_least_its_trade_fees(schedule, precision, fills):
    charged, after = _charged(OrderFees(schedule, precision), fills)

    model = sum(schedule.model_fee(c, p, is_taker=taker) for c, p, taker, _ in fills)
    assert all(fee >= 0 for fee in charged)
    assert after.accumulated >= 0
    assert sum(charged) >= model


@given(schedules, precisions, parts)
def test_every_fill_leaves_the_balance_on_the_precision_of_the_member(schedule, precision, fills):
    charged, _ = _charged(OrderFees(schedule, precision), fills)

    for (count, price, _, is_buy), fee in zip(fills, charged, strict=True):
        assert ((-count if is_buy else count) * price - fee) % precision == 0


@given(schedules, sizes, prices, st.booleans())
def test_the_model_fee_is_the_same_at_p_and_at_one_minus_p(schedule, count, price, is_taker):
    here = schedule.model_fee(count, price, is_taker=is_taker)

    assert here == schedule.model_fee(count, ONE - price, is_taker=is_taker)


@given(schedules, precisions, parts)
def test_selling_yes_costs_the_fee_of_buying_no(schedule, precision, fills):
    mirrored = [(count, ONE - price, taker, not is_buy) for count, price, taker, is_buy in fills]

    here, _ = _charged(OrderFees(schedule, precision), fills)
    there, _ = _charged(OrderFees(schedule, precision), mirrored)

    assert here == there


@given(schedules, sizes, prices)
def test_makers_never_pay_more_than_takers(schedule, count, price):
    maker = schedule.model_fee(count, price, is_taker=False)

    assert maker <= schedule.model_fee(count, price, is_taker=True)


@given(schedules, st.lists(st.tuples(sizes, prices), min_size=1, max_size=6), st.booleans())
def test_cost_and_fee_stay_within_what_was_reckoned_for_the_worst_price(schedule, fills, is_buy):
    own = [(count, price if is_buy else ONE - price) for count, price in fills]
    worst, total = max(price for _, price in own), sum(count for count, _ in own)
    bound = total * worst + schedule.most(total, worst, fills=len(fills))

    charged, _ = _charged(OrderFees(schedule), [(c, p, True, is_buy) for c, p in fills])

    assert sum(c * p for c, p in own) + sum(charged) <= bound


@pytest.mark.parametrize(
    "schedule",
    [
        FeeSchedule(FeeKind("an invention"), ONE),
        FeeSchedule(FeeKind.FLAT, ONE),
        FeeSchedule(FeeKind.QUADRATIC, Decimal(-1)),
        FeeSchedule(FeeKind.QUADRATIC, Decimal("NaN")),
        FeeSchedule(FeeKind.QUADRATIC, Decimal("Infinity")),
        FeeSchedule(FeeKind.QUADRATIC, MAX_MULTIPLIER + 1),
    ],
)
def test_a_fee_that_makes_no_sense_is_not_reckoned(schedule):
    assert not schedule.is_known
    with pytest.raises(ValueError, match=r"fee '.+' times .+ is not known"):
        schedule.model_fee(ONE, Decimal("0.5"), is_taker=True)
