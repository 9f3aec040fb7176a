"""Orders on an exchange that fails, in small; `make orders` has ten thousand."""

from collections import Counter
from decimal import Decimal

import pytest

from bot.core.market.market import Side
from bot.sim.engine.events import Filled
from bot.sim.engine.units import CONTRACT
from tests.support.strategies import NOON
from trials.order_record import Line, Truth, apart, not_the_same, turned, twice
from trials.orders import PATIENCE, Rests, played


@pytest.mark.timeout(120)
async def test_whatever_fails_every_fill_is_booked_once_and_no_exit_opens():
    found = await played(120, seed=5)

    assert found.broken == ()
    assert found.fills > 50
    assert found.exits > 20
    # A trial in which nothing went wrong proves nothing.
    assert min(found.faults, found.in_doubt, found.foreign, found.takeovers) > 0


@pytest.mark.timeout(120)
async def test_exits_that_rest_lose_nothing_either_and_none_outlives_its_term():
    found = await played(80, seed=2, rests=Rests(PATIENCE))

    assert found.broken == ()
    assert found.rested > 15
    assert min(found.faults, found.in_doubt, found.foreign) > 0


@pytest.mark.timeout(120)
async def test_entries_that_rest_lose_nothing_either_and_none_outlives_its_term():
    found = await played(80, seed=5, rests=Rests(PATIENCE, entries=True))

    assert found.broken == ()
    assert found.rested > 30
    assert min(found.faults, found.in_doubt, found.foreign, found.fills) > 0


def _fill(name: str, ticker: str = "A", position: int = 0) -> Filled:
    return Filled(
        *(NOON, "ann", f"t-{name}", f"o-{name}", name, ticker, Side.SELL, 5_000),
        size=CONTRACT,
        is_taker=False,
        fee=0,
        position=position * CONTRACT,
    )


def test_only_an_exit_at_rest_whose_market_other_hands_traded_meanwhile_has_an_excuse():
    truth = Truth("ann")
    for event in (_fill("x-1"), _fill("s-1", "B"), _fill("x-2"), _fill("s-2"), _fill("x-2")):
        truth.on_event(event)

    assert not truth.was_overtaken("s-1")
    assert truth.was_overtaken("x-2")
    overtaken, opened = apart(truth, [_fill("x-2"), _fill("s-1", "B")], {"x-2", "s-1"})
    assert [one.client_order_id for one in overtaken] == ["x-2"]
    assert [one.client_order_id for one in opened] == ["s-1"]
    assert apart(truth, [_fill("x-2")], set())[0] == [], "an exit that takes has none"


def line(name="f-1") -> Line:
    return (name, "c-1", "A", Side.BUY, Decimal(5), Decimal("0.5"), Decimal("0.01"))


def test_a_fill_booked_twice_or_not_at_all_or_from_nowhere_is_found():
    assert not_the_same(Counter([line()]), Counter([line()])) == []
    for booked, there in (([line(), line()], [line()]), ([], [line()]), ([line("f-2")], [])):
        assert len(not_the_same(Counter(booked), Counter(there))) == 1


def test_an_order_that_was_taken_twice_is_found():
    assert twice(Counter({"c-1": 2, "c-2": 1}), ["c-1", "c-2"]) == ["order c-1 was taken 2 times"]


@pytest.mark.parametrize(
    ("before", "after", "is_wrong"),
    [(9, 4, False), (5, 0, False), (2, -3, True), (-2, -7, True), (0, -5, True)],
)
def test_an_exit_that_opens_turns_or_enlarges_is_found(before, after, is_wrong):
    size = (before - after) * CONTRACT
    fill = Filled(
        *(NOON, "ann", "t", "o", "c", "A", Side.SELL, 5_000),
        size=size,
        is_taker=True,
        fee=0,
        position=after * CONTRACT,
    )

    assert bool(turned({"c"}, [fill])) is is_wrong
    assert turned({"another"}, [fill]) == []
