"""What explains an account, and what is booked of it: afterwards both have the same."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.adoption import (
    AccountRecord,
    Adoption,
    ListedFill,
    Owned,
    adoption,
    adoption_of_ours,
    in_words,
)
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, OtherOrder, Settlement, Unreadable
from bot.core.account.set_aside import AtRest
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from tests.support.strategies import NOON, fill, scaled, trades

EMPTY = Portfolio.of_cash(Decimal(10_000))


def listed(fills):
    """Fills as the exchange lists them, one order for every two, a second apart."""
    return [
        ListedFill(
            f"o{number // 2}",
            replace(one, fill_id=f"f{number}", at=NOON + timedelta(seconds=number)),
        )
        for number, one in enumerate(fills)
    ]


def folded(fills, portfolio=EMPTY):
    for one in fills:
        portfolio = portfolio.after(one.fill)
    return portfolio


def told(portfolio):
    """What an exchange tells of an account that is this portfolio."""
    held = portfolio.positions.values()
    sizes = {one.ticker: one.size for one in held}
    return AccountNow(portfolio.cash, sizes), {one.ticker: one.cost for one in held}


def applied(portfolio, found, at=NOON):
    for execution in found.executions:
        for one in execution.fills:
            portfolio = portfolio.after(one)
    for ticker, payout in found.payouts.items():
        portfolio = portfolio.settle(ticker, payout)
    for one in found.adjustments:
        portfolio = portfolio.adjusted(one.ticker, one.size, one.cost, at)
    return portfolio.moved(found.cash)


@given(trades(), st.sets(st.integers(0, 20)))
def test_trades_that_were_not_booked_explain_all_to_the_last_digit(fills, ours):
    every = listed(fills)
    booked = [one for number, one in enumerate(every) if number in ours]
    now, costs = told(folded(every))
    known = frozenset(one.fill.fill_id for one in booked)

    found = adoption(folded(booked), known, AccountRecord(now, costs, every))

    assert found.adjustments == ()
    assert found.cash == 0
    after = applied(folded(booked), found)
    assert (after.cash, told(after)[0].positions) == (now.cash, now.positions)


@given(trades(), trades(), scaled(-500, 500, 2))
def test_whatever_nothing_explains_is_taken_over_as_it_is(ours, theirs, moved):
    mine = folded(listed(ours))
    there = folded(listed(theirs)).moved(moved)
    now, costs = told(there)

    found = adoption(mine, frozenset(), AccountRecord(now, costs))
    after = applied(mine, found)

    assert told(after)[0].positions == now.positions
    assert abs(after.cash - now.cash) <= Decimal("0.01")
    # Nothing was earned by it, and the accounts still balance.
    assert (after.realised, after.fees) == (mine.realised, mine.fees)
    assert after.cash + after.exposure == after.start + after.realised - after.fees
    again = adoption(after, frozenset(), AccountRecord(now, costs))
    assert not again


@given(trades(), st.sets(st.integers(0, 20)), st.sampled_from(["A", "B", "C"]))
def test_a_market_that_cannot_be_read_waits_alone_and_nothing_is_lost_by_it(fills, ours, odd):
    every = listed(fills)
    booked = folded([one for number, one in enumerate(every) if number in ours])
    known = frozenset(one.fill.fill_id for number, one in enumerate(every) if number in ours)
    now, costs = told(folded(every))
    blind = replace(now, unreadable=Unreadable({odd: "odd"}, (), frozenset(now.positions)))
    readable = [one for one in every if one.fill.ticker != odd]

    found = adoption(booked, known, AccountRecord(blind, costs, readable))
    between = applied(booked, found)

    assert found.cash == 0
    assert any(odd in said for said in in_words(found))
    assert between.size(odd) == booked.size(odd)
    assert {**told(between)[0].positions, odd: 0} == {**now.positions, odd: 0}
    # Once it can be read again, the rest is explained to the last digit.
    since = known | {one.fill_id for each in found.executions for one in each.fills}
    after = applied(between, adoption(between, since, AccountRecord(now, costs, every)))
    assert (after.cash, told(after)[0].positions) == (now.cash, now.positions)


def test_nothing_is_adopted_where_all_agrees():
    every = listed([fill(Side.BUY, 10, "0.40", fee="0.17")])
    portfolio = folded(every)
    now, costs = told(portfolio)

    found = adoption(portfolio, frozenset({"f0"}), AccountRecord(now, costs, every))

    assert found == Adoption(is_cash_whole=True)
    assert not found


def test_a_fill_that_is_listed_twice_is_booked_once():
    every = listed([fill(Side.BUY, 10, "0.40", fee="0.17")])
    now, costs = told(folded(every))

    found = adoption(EMPTY, frozenset(), AccountRecord(now, costs, [*every, *every]))

    assert applied(EMPTY, found) == folded([*every])


def test_a_strangers_position_that_settled_is_paid_as_it_was():
    every = listed([fill(Side.BUY, 10, "0.40", fee="0.17")])
    now = AccountNow(Decimal("10005.83"), {})
    record = AccountRecord(now, {}, every, {"A": Settlement(Decimal(10), Decimal(1))})

    found = adoption(EMPTY, frozenset(), record)

    assert found.payouts == {"A": 1}
    assert applied(EMPTY, found).cash == now.cash
    assert "A: settled at $1 a YES contract" in in_words(found)


def test_a_settlement_of_another_size_explains_nothing():
    held = folded(listed([fill(Side.BUY, 10, "0.40")]))
    record = AccountRecord(
        AccountNow(held.cash, {}), settlements={"A": Settlement(Decimal(4), Decimal(1))}
    )

    found = adoption(held, frozenset({"f0"}), record)

    assert found.payouts == {}
    assert [(one.size, one.cost) for one in found.adjustments] == [(ZERO, ZERO)]


def test_what_is_said_names_order_size_price_and_what_is_left():
    every = listed([fill(Side.SELL, 5, "0.30", fee="0.11"), fill(Side.SELL, 5, "0.40", fee=0)])
    now = AccountNow(Decimal(9_000), {"B": Decimal(-3)})

    said = in_words(adoption(EMPTY, frozenset(), AccountRecord(now, {"B": Decimal(2)}, every)))

    assert said[0] == ("A: order o0, which this bot did not book, sold 10 YES at $0.35, fees $0.11")
    assert said[1].startswith("A: no trade explains it; the exchange holds 0 contracts")
    assert said[2].startswith("B: no trade explains it; the exchange holds -3 contracts")
    assert said[3].startswith("cash: nothing explains $-")


@pytest.mark.parametrize(("size", "cost"), [(5, "5.01"), (5, "-0.01"), (0, "0.01"), (5, "NaN")])
def test_a_position_that_cannot_cost_that_is_refused(size, cost):
    with pytest.raises(ValueError, match="cannot have cost"):
        EMPTY.adjusted("A", Decimal(size), Decimal(cost), NOON)


def test_what_is_left_of_a_position_keeps_what_it_earned_and_forgets_its_entry():
    held = folded(listed([fill(Side.BUY, 10, "0.40", fee="0.20"), fill(Side.SELL, 4, "0.50")]))

    after = held.adjusted("A", Decimal(2), Decimal("0.80"), NOON)
    turned = held.adjusted("A", Decimal(-2), Decimal("0.80"), NOON)

    one, other = after.positions["A"], turned.positions["A"]
    assert (one.size, one.cost, one.realised, one.fees) == (
        2, Decimal("0.80"), Decimal("0.40"), Decimal("0.20"),
    )  # fmt: skip
    assert (one.entered, one.paid) == (None, None)
    assert (other.realised, other.fees, other.opened_at) == (ZERO, ZERO, NOON)
    assert after.cash == turned.cash == held.cash


@pytest.mark.parametrize(("missing", "adopted"), [(0, 0), (4, 0), (5, Decimal("-0.825"))])
def test_cash_that_an_order_at_rest_may_have_set_aside_is_not_adopted(missing, adopted):
    rests = OtherOrder("A", "rests", AtRest("A", Side.BUY, Decimal(10), Decimal("0.40")))
    now = AccountNow(EMPTY.cash - missing, {}, resting=(rests,))

    assert adoption(EMPTY, frozenset(), AccountRecord(now)).cash == adopted


def test_of_an_account_that_is_shared_the_trades_of_our_own_orders_alone_are_adopted():
    fills = listed([fill(Side.BUY, Decimal(1), Decimal("0.40"))] * 6)
    record = AccountRecord(told(folded(fills))[0], fills=fills)

    found = adoption_of_ours(fills, Owned(frozenset({"o1"}), frozenset({"o0"})), record)

    assert [one.order_id for one in found.executions] == ["o1"]
    assert [one.fill_id for one in found.executions[0].fills] == ["f2", "f3"]
    assert not any((found.adjustments, found.payouts, found.cash, found.is_cash_whole))
    (left_out,) = found.left_out
    assert "whose order o2 is cannot be read" in left_out
