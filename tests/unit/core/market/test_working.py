"""The life of an order that rests: any answers, in any order, book every fill once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orders import Aim, Execution, Fill, Life, Order, OrderStatus, Unresolved
from bot.core.market.working import Answer, Resting, Step, WorkingOrder, unbooked
from tests.support.strategies import NOON

PRICE = Decimal("0.52")
ORDER = Order("o-1", "A", Side.SELL, Decimal(100), PRICE, NOON, Aim.LEAVE, Life.REST)


def _fill(number: int, size: Decimal | int) -> Fill:
    name = ORDER.client_order_id
    return Fill(f"f{number}", name, "A", Side.SELL, Decimal(size), PRICE, ZERO, NOON)


def _resting(*fills: Fill) -> Resting:
    return Resting(ORDER, "x-1", 0.0, ZERO, is_best=True, fills=fills)


def _ended(*fills: Fill, error: str = "its time was over") -> Execution:
    return Execution(ORDER, "x-1", OrderStatus.CANCELED, fills, error)


WORKING = WorkingOrder(_resting())


def test_each_answer_brings_only_what_is_new():
    step = WORKING.after(_resting(_fill(1, 40)))
    assert [fill.fill_id for fill in step.fills] == ["f1"]
    assert step.order is not None
    assert step.order.left == 60

    step = step.order.after(_resting(_fill(1, 40), _fill(2, 10)))
    assert [fill.fill_id for fill in step.fills] == ["f2"]


def test_an_older_answer_takes_nothing_back():
    late = WORKING.after(_resting(_fill(1, 40))).order
    assert late is not None
    step = late.after(_resting())
    assert step.order is not None
    assert (step.fills, step.order.left) == ((), late.left)


def test_without_an_answer_it_rests_on():
    assert WORKING.after(Unresolved(ORDER, "no answer")) == Step(WORKING)


@pytest.mark.parametrize(
    ("leaving", "fills", "status", "error"),
    [
        ("", (100,), OrderStatus.FILLED, ""),
        ("enough", (100,), OrderStatus.FILLED, ""),
        ("", (), OrderStatus.CANCELED, "its time was over"),
        ("enough", (), OrderStatus.CANCELED, "withdrawn: enough"),
        ("enough", (40,), OrderStatus.PARTIALLY_FILLED, "withdrawn: enough; 40 of 100 filled"),
    ],
)
def test_the_end_says_how_it_came(leaving, fills, status, error):
    told = _ended(*(_fill(number, size) for number, size in enumerate(fills)))
    end = WorkingOrder(_resting(), leaving=leaving).after(told).end
    assert end is not None
    assert (end.status, end.error) == (status, error)


def test_what_was_booked_before_is_not_in_the_end_but_in_its_words():
    working = WORKING.after(_resting(_fill(1, 40))).order
    assert working is not None
    end = working.withdrawn("enough").after(_ended(_fill(1, 40))).end
    assert end is not None
    assert (end.fills, end.error) == ((), "withdrawn: enough; 40 of 100 filled")


def test_the_first_reason_to_withdraw_stands():
    assert WORKING.withdrawn("stop loss").withdrawn("re-priced").leaving == "stop loss"


def test_a_fill_told_twice_in_one_answer_is_one():
    assert unbooked((_fill(1, 40), _fill(1, 40)), frozenset()) == (_fill(1, 40),)


sizes = st.lists(st.integers(1, 40), max_size=6).filter(lambda found: sum(found) <= 100)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Fill], list[Answer]]:
    """What truly traded, and answers about it: late, twice, out of order, and its end last."""
    fills = [_fill(number, size) for number, size in enumerate(draw(sizes))]
    known = st.lists(st.sampled_from(fills)) if fills else st.just([])
    resting = known.map(lambda some: _resting(*some))
    answers = draw(st.lists(resting | st.just(Unresolved(ORDER, "no answer")), max_size=12))
    return fills, [*answers, _ended(*draw(st.permutations(fills)))]


@given(lives(), st.integers(0, 12))
def test_every_fill_is_in_one_step_whatever_is_told_and_when(life, leaves):
    fills, answers = life
    working: WorkingOrder | None = WORKING
    booked: list[Fill] = []
    ends: list[Execution] = []
    for number, answer in enumerate(answers):
        assert working is not None, "it ends with its end alone"
        working = working.withdrawn("enough") if number == leaves else working
        working, some, end = working.after(answer)
        booked += some
        if end is not None:
            ends.append(end)
            booked += end.fills

    total = sum((fill.size for fill in fills), ZERO)
    assert sorted(booked, key=lambda fill: fill.fill_id) == fills
    assert len(ends) == 1
    assert (ends[0].status is OrderStatus.FILLED) is (total == ORDER.size)
    assert sum((fill.size for fill in booked), ZERO) <= ORDER.size
