"""Round trips add up to the account, whatever was traded in which order."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.account.round_trips import RoundTrip, round_trip
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from tests.support.strategies import NOON, fill, prices, trades

EMPTY = Portfolio.of_cash(Decimal(10_000))


def ended(before, after, ticker="A"):
    trip = round_trip(before, after, ticker)
    assert trip is not None
    return trip


@given(trades(), st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from([ZERO, Decimal(1)]))))
def test_what_all_round_trips_and_open_positions_earned_is_what_the_account_did(fills, payouts):
    portfolio, trips = EMPTY, []
    for trade in fills:
        after = portfolio.after(trade)
        trips += [trip] if (trip := round_trip(portfolio, after, trade.ticker)) else []
        portfolio = after
    for ticker, payout in payouts:
        if ticker in portfolio.positions:
            after = portfolio.settle(ticker, payout)
            trips.append(ended(portfolio, after, ticker))
            portfolio = after

    still_open = portfolio.positions.values()
    assert (
        sum((t.gross for t in trips), ZERO) + sum((p.realised for p in still_open), ZERO)
        == portfolio.realised
    )
    assert (
        sum((t.fees for t in trips), ZERO) + sum((p.fees for p in still_open), ZERO)
        == portfolio.fees
    )


@given(trades())
def test_contracts_of_a_round_trip_are_those_that_its_fills_opened(fills):
    portfolio, opened = EMPTY, defaultdict[str, Decimal](Decimal)
    for trade in fills:
        held = portfolio.size(trade.ticker)
        closes = min(trade.size, abs(held)) if held * trade.side.sign < 0 else ZERO
        after = portfolio.after(trade)
        if trip := round_trip(portfolio, after, trade.ticker):
            assert trip.size == opened.pop(trade.ticker)
        opened[trade.ticker] += trade.size - closes
        portfolio = after


@given(st.sampled_from(Side), prices, prices)
def test_prices_are_what_was_paid_and_what_was_got(side, entry, end):
    there = EMPTY.after(fill(side, 10, str(entry)))
    back = there.after(fill(side.opposite, 10, str(end), at=NOON + timedelta(minutes=1)))

    trip = ended(there, back)

    assert (trip.side, trip.size, trip.entry_price, trip.exit_price) == (side, 10, entry, end)
    assert trip.gross == 10 * (end - entry) * side.sign


def test_a_turn_through_zero_ends_one_with_its_share_of_the_fee():
    there = EMPTY.after(fill(Side.BUY, 10, "0.40", fee="0.20"))
    turned = there.after(fill(Side.SELL, 30, "0.50", fee="0.60"))

    assert ended(there, turned) == RoundTrip(
        opened_at=NOON,
        side=Side.BUY,
        size=Decimal(10),
        entry_price=Decimal("0.40"),
        exit_price=Decimal("0.50"),
        gross=Decimal(1),
        fees=Decimal("0.40"),
    )


def test_of_a_position_that_nobody_counted_the_size_is_unknown_and_the_money_is_not():
    there = EMPTY.after(fill(Side.BUY, 10, "0.40", fee="0.20"))
    (position,) = there.positions.values()
    older = replace(there, positions={"A": replace(position, entered=None, paid=None)})

    trip = ended(older, older.after(fill(Side.SELL, 10, "0.50", fee="0.20")))

    assert (trip.size, trip.entry_price, trip.exit_price) == (None, None, None)
    assert (trip.gross, trip.fees, trip.net) == (1, Decimal("0.40"), Decimal("0.60"))
