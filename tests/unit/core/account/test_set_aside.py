"""What may be off a balance for orders that rest: one of the known ways, and nothing between."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, OtherOrder, cash_differences, unreserved
from bot.core.account.set_aside import HIGHEST_FEE, AtRest, Reserve, reserves
from bot.core.market.market import Side
from tests.support.strategies import scaled

CASH = Decimal(1_000)


def at_rest(ticker, side, left, price):
    return AtRest(ticker, side, Decimal(left), Decimal(price))


BID = at_rest("A", Side.BUY, 100, "0.40")
ASK = at_rest("B", Side.SELL, 50, "0.90")


def gap(missing, *resting, held=None, ours=0):
    """The cash that differs once what rests is taken into account; 0 for none."""
    others = tuple([OtherOrder(one.ticker, "rests", one) for one in resting])
    account = AccountNow(CASH - Decimal(missing), held or {}, resting=others)
    portfolio = Portfolio.of_cash(CASH)
    account = unreserved(portfolio, account, Decimal(ours))
    return account.cash - CASH if cash_differences(portfolio, account) else 0


@pytest.mark.parametrize("missing", [0, 40, "40.01", "41.75", 45, "47.62"])
def test_nothing_the_largest_commitment_or_all_with_fees_may_be_off(missing):
    assert gap(missing, BID, ASK) == 0


@pytest.mark.parametrize(
    ("missing", "left"),
    [("-3", "3"), ("20", "-20"), ("43", "-1.25"), ("44.9", "-3.15"), ("50", "-2.375")],
)
def test_cash_that_no_way_explains_differs_and_what_one_explains_does_not_count(missing, left):
    assert gap(missing, BID, ASK) == Decimal(left)


def test_of_an_order_that_cannot_be_read_nothing_is_set_aside():
    account = AccountNow(CASH - 5, {}, resting=(OtherOrder("", "an order that cannot be read"),))

    assert unreserved(Portfolio.of_cash(CASH), account) == account


def test_what_closes_a_position_commits_nothing():
    asks = [at_rest("A", Side.SELL, 60, "0.30"), at_rest("A", Side.SELL, 60, "0.80")]

    assert gap(0, *asks, held={"A": Decimal(120)}) == 0
    assert gap(54, *asks, held={"A": Decimal(120)}) == -54, "60 at 70 c and 60 at 20 c close"
    # Which 20 of these close nothing nobody knows: they cost 20 or 70 cents each.
    (_, largest, every) = reserves(asks, {"A": Decimal(100)})
    assert largest == every == Reserve(Decimal(4), Decimal(14) + 20 * HIGHEST_FEE)


def test_ours_come_and_go_so_any_part_of_them_may_be_off():
    assert [gap(missing, ours=25) for missing in (0, 12, 25)] == [0, 0, 0]
    assert [gap(missing, BID, ours=25) for missing in (25, 40, 52, 66)] == [0, 0, 0, 0]
    assert gap(30, BID, ours=25) == -5
    assert gap(70, BID, ours=25) == Decimal("-3.25")


@given(
    st.lists(
        st.builds(
            AtRest,
            st.sampled_from("AB"),
            st.sampled_from(Side),
            scaled(0, 50_000, 2),
            scaled(1, 99, 2),
        ),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from("AB"), scaled(-60_000, 60_000, 2)),
)
def test_the_sum_is_the_worst_and_each_way_has_its_least_before_its_most(resting, held):
    nothing, largest, every = reserves(resting, held)

    assert nothing == Reserve()
    assert all(0 <= way.least <= way.most for way in (largest, every))
    assert largest.most <= every.most <= sum(one.left * (1 + HIGHEST_FEE) for one in resting)
