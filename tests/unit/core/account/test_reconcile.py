from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import (
    CASH_TOLERANCE,
    AccountNow,
    cash_differences,
    differences,
    position_differences,
    unreserved,
)
from bot.core.market.market import Side
from tests.support.strategies import fill, scaled, trades

CASH = Decimal(1000)


def booked(*fills) -> Portfolio:
    portfolio = Portfolio.of_cash(CASH)
    for one in fills:
        portfolio = portfolio.after(one)
    return portfolio


def as_told(portfolio: Portfolio) -> AccountNow:
    """The account of an exchange that agrees."""
    sizes = {ticker: held.size for ticker, held in portfolio.positions.items()}
    return AccountNow(portfolio.cash, sizes)


def changed(reported: AccountNow, **sizes: str) -> AccountNow:
    """The same with other sizes; 0 takes a position away."""
    other = {ticker: Decimal(size) for ticker, size in sizes.items()}
    positions = {**reported.positions, **other}
    return AccountNow(reported.cash, {ticker: size for ticker, size in positions.items() if size})


@given(fills=trades())
def test_an_account_that_agrees_has_no_differences(fills):
    portfolio = booked(*fills)

    assert differences(portfolio, as_told(portfolio)) == []


@given(
    fills=trades(),
    reported=st.dictionaries(
        st.sampled_from("ABCD"), scaled(-300, 300, 2).filter(bool), max_size=4
    ),
)
def test_there_is_one_sentence_for_each_market_that_differs(fills, reported):
    portfolio = booked(*fills)

    found = position_differences(portfolio, AccountNow(portfolio.cash, reported))

    differing = [t for t in "ABCD" if portfolio.size(t) != reported.get(t, 0)]
    assert [sentence.split(":")[0] for sentence in found] == differing


def test_a_difference_is_told_with_both_numbers():
    portfolio = booked(fill(Side.BUY, "12.50", "0.40", ticker="B"), fill(Side.SELL, 4, "0.60"))
    reported = changed(as_told(portfolio), A="-3", B="0", C="100")

    assert differences(portfolio, reported) == [
        "A: -4 contracts booked, -3 at the exchange",
        "B: 12.5 contracts booked, 0 at the exchange",
        "C: 0 contracts booked, 100 at the exchange",
    ]


@given(off=scaled(-300, 300, 4))
def test_cash_may_differ_by_what_a_balance_is_cut_off(off):
    reported = AccountNow(CASH + off, {})

    assert bool(cash_differences(booked(), reported)) is (abs(off) > CASH_TOLERANCE)


def test_cash_that_differs_is_told_in_dollars():
    portfolio = Portfolio.of_cash(CASH)

    assert differences(portfolio, AccountNow(Decimal("1100.5000"), {})) == [
        "cash: $1000 booked, $1100.5 at the exchange (+100.5)"
    ]
    assert cash_differences(portfolio, AccountNow(Decimal("998"), {}), Decimal(1)) == [
        "cash: $1000 booked, $998 at the exchange (-2)"
    ]
    assert cash_differences(portfolio, AccountNow(Decimal("998"), {}), Decimal(2)) == []


@given(missing=scaled(-2_000, 2_000, 2), reserved=scaled(0, 1_000, 2))
def test_cash_may_be_missing_by_what_orders_at_rest_would_cost_and_by_no_more(missing, reserved):
    portfolio = booked()
    account = AccountNow(CASH - missing, {})

    found = cash_differences(portfolio, unreserved(portfolio, account, reserved), Decimal(0))

    assert (found == []) is (0 <= missing <= reserved)
