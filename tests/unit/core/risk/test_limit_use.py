"""The use of a limit is what the review counts: an order that fits its rest passes, no larger."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.risk.checks import AccountRisk, Place, Shown
from bot.core.risk.circuit_breakers import CircuitBreakers
from bot.core.risk.limit_use import LimitInputs, limit_uses
from bot.core.risk.limits import RiskLimits
from bot.core.risk.review import Refused, review
from tests.support.strategies import NO_LIMITS, NOON, SEEN_AT, fill, ladder, open_market, order

CASH = Decimal(10_000)
BOOK = OrderBook(bids=ladder(("0.48", 5_000)), asks=ladder(("0.50", 5_000)))


def uses(portfolio, places=None, limits=None, breakers=None):
    now = LimitInputs(portfolio, places or {}, breakers or CircuitBreakers.of(CASH), NOON)
    return {one.rule: one for one in limit_uses(limits or RiskLimits(), now)}


@given(
    held=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 300)), max_size=6),
    more=st.integers(1, 600),
)
def test_what_is_left_of_the_total_is_what_the_review_lets_pass(held, more):
    portfolio = Portfolio.of_cash(CASH)
    for number, (ticker, size) in enumerate(held):
        trade = replace(fill(Side.BUY, size, "0.50"), ticker=ticker, fill_id=f"f{number}")
        portfolio = portfolio.after(trade)
    limits = replace(NO_LIMITS, max_total_exposure=Decimal(250))
    used = uses(portfolio, limits=limits)["total_exposure"]
    wish = replace(order(Side.BUY, more, "0.50"), ticker="D")

    verdict = review(wish, Shown(open_market("D"), BOOK, SEEN_AT), AccountRisk(portfolio), limits)

    fits = used.value + more * Decimal("0.50") <= used.limit
    assert isinstance(verdict, Refused) is not fits


def test_the_group_that_uses_most_is_named_and_ignorance_counts_everywhere():
    portfolio = Portfolio.of_cash(CASH)
    for number, (ticker, size) in enumerate((("A", 100), ("B", 60), ("C", 80))):
        trade = replace(fill(Side.BUY, size, "0.50"), ticker=ticker, fill_id=f"f{number}")
        portfolio = portfolio.after(trade)
    places = {"A": Place("E1", "Sports"), "B": Place("E2", "Crypto"), "C": Place("E2", None)}

    found = uses(portfolio, places)

    assert (found["market_exposure"].of, found["market_exposure"].value) == ("A", 50)
    assert (found["event_exposure"].of, found["event_exposure"].value) == ("E2", 70)
    # C may be of either: it counts in both.
    assert (found["category_exposure"].of, found["category_exposure"].value) == ("Sports", 90)


def test_a_loss_that_was_made_good_is_still_the_loss_of_the_day():
    breakers = CircuitBreakers.of(CASH).seen(NOON, CASH)
    breakers = breakers.seen(NOON, CASH - 120).seen(NOON, CASH + 5)

    found = uses(Portfolio.of_cash(CASH), breakers=breakers)

    assert (found["daily_loss_stop"].value, found["daily_loss_stop"].use) == (120, 0.6)
    assert found["drawdown_halt"].value == 120


@pytest.mark.parametrize("rule", ["category_exposure", "drawdown_halt", "max_orders_per_minute"])
def test_a_limit_that_is_off_has_a_value_and_no_use(rule):
    found = uses(Portfolio.of_cash(CASH))[rule]

    assert (found.limit, found.use, found.reason) == (None, None, "this limit is off")
    assert found.value == 0
