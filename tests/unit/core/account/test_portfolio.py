from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import (
    Portfolio,
    Position,
    earned,
    implied_payout,
    own_price,
    split,
)
from bot.core.market.fees import DIRECT_PRECISION, OrderFees
from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO
from bot.core.market.orders import Fill
from tests.support.strategies import (
    NOON,
    TAKER,
    fill,
    payouts,
    prices,
    scaled,
    sides,
    sizes,
    trades,
    two_sided_books,
)

START = Decimal(10_000)
EMPTY = Portfolio.of_cash(START)
several_payouts = st.fixed_dictionaries(dict.fromkeys("ABC", payouts))


def _booked(fills, portfolio=EMPTY) -> Portfolio:
    for trade in fills:
        portfolio = portfolio.after(trade)
    return cast(Portfolio, portfolio)


def _settled(portfolio, payout) -> Portfolio:
    for ticker in portfolio.positions:
        portfolio = portfolio.settle(ticker, payout[ticker])
    return cast(Portfolio, portfolio)


def _mirrored(trade) -> Fill:
    return fill(
        trade.side.opposite, trade.size, ONE - trade.price, fee=trade.fee, ticker=trade.ticker
    )


def _spent(fills) -> Decimal:
    return sum((f.signed_size * f.price for f in fills), ZERO)


def _paid(fills) -> Decimal:
    return sum((f.fee for f in fills), ZERO)


def _sizes(fills) -> dict[str, Decimal]:
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    for trade in fills:
        sizes[trade.ticker] += trade.signed_size
    return {ticker: size for ticker, size in sizes.items() if size}


def test_a_bought_contract_costs_its_price_and_a_sold_one_the_rest_of_a_dollar():
    bought = EMPTY.after(fill(Side.BUY, 100, "0.30", fee="1.47"))
    sold = EMPTY.after(fill(Side.SELL, 100, "0.30", fee="1.47"))

    assert (bought.cash, bought.exposure) == (Decimal("9968.53"), Decimal(30))
    assert (sold.cash, sold.exposure) == (Decimal("9928.53"), Decimal(70))


def test_a_position_averages_its_cost_and_earns_by_what_it_closes():
    portfolio = _booked(
        [
            fill(Side.BUY, 100, "0.30", fee="1.47"),
            fill(Side.BUY, 100, "0.40", fee="1.68"),
            fill(Side.SELL, 50, "0.50", fee="0.88"),
        ]
    )

    assert portfolio.positions["A"] == Position(
        ticker="A",
        size=Decimal(150),
        cost=Decimal("52.5"),
        realised=Decimal("7.5"),
        fees=Decimal("4.03"),
        opened_at=NOON,
        entered=Decimal(200),
        paid=Decimal(70),
    )
    assert portfolio.positions["A"].average_price == Decimal("0.35")
    assert portfolio.net == portfolio.positions["A"].net == Decimal("3.47")


def test_a_trade_through_zero_ends_one_position_and_opens_another():
    long = EMPTY.after(fill(Side.BUY, 10, "0.40", fee="0.20"))
    later = NOON + timedelta(minutes=1)

    short = long.after(fill(Side.SELL, 30, "0.50", fee="0.60", at=later))

    assert short.positions["A"] == Position(
        ticker="A",
        size=Decimal(-20),
        cost=Decimal(10),
        realised=ZERO,
        fees=Decimal("0.40"),
        opened_at=later,
        entered=Decimal(20),
        paid=Decimal(10),
    )
    assert short.positions["A"].average_price == Decimal("0.50")
    assert earned(long, short, "A") == Decimal("0.60")  # 1.00 before fees of 0.20 and 0.20


def test_the_last_contracts_take_all_the_cost_that_is_left():
    thirds = _booked([fill(Side.BUY, 1, "0.50"), fill(Side.BUY, 2, "0.49")])

    none = _booked([fill(Side.SELL, 1, "0.49")] * 3, thirds)

    assert not none.positions
    assert none.exposure == 0
    assert none.realised == Decimal("-0.01")


def test_a_settled_market_pays_and_is_gone():
    portfolio = _booked([fill(Side.SELL, 10, "0.30", fee="0.15")])

    won, lost = portfolio.settle("A", ZERO), portfolio.settle("A", ONE)

    assert not won.positions
    assert not lost.positions
    assert (won.cash, won.realised) == (Decimal("10002.85"), Decimal(3))
    assert (lost.cash, lost.realised) == (Decimal("9992.85"), Decimal(-7))
    assert earned(portfolio, won, "A") == Decimal("2.85")


def test_a_market_not_held_cannot_settle():
    with pytest.raises(ValueError, match="nothing of A is held"):
        EMPTY.settle("A", ONE)


@pytest.mark.parametrize("payout", ["-0.01", "1.01", "NaN"])
def test_a_payout_outside_zero_to_one_is_refused(payout):
    with pytest.raises(ValueError, match=f"A cannot pay {payout}"):
        EMPTY.after(fill(Side.BUY, 1, "0.5")).settle("A", Decimal(payout))


def test_nothing_is_earned_by_a_position_that_stays_or_never_was():
    one = EMPTY.after(fill(Side.BUY, 10, "0.40"))

    assert earned(EMPTY, one, "A") is None
    assert earned(one, one.after(fill(Side.SELL, 4, "0.50")), "A") is None
    assert earned(one, one.after(fill(Side.BUY, 4, "0.50")), "A") is None
    assert earned(one, one.after(fill(Side.SELL, 10, "0.50")), "A") == 1


def test_exposure_is_counted_by_market_and_by_event():
    portfolio = _booked([fill(Side.BUY, 10, "0.4", ticker=t) for t in "ABC"])

    assert portfolio.size("A") == 10
    assert portfolio.size("Z") == 0
    assert portfolio.cost(["A", "C", "Z"]) == 8
    assert portfolio.exposure == 12


@given(trades())
def test_cash_and_cost_are_start_and_realised_less_fees_exactly(fills):
    for count in range(len(fills) + 1):
        portfolio = _booked(fills[:count])

        assert portfolio.cash + portfolio.exposure == START + portfolio.realised - portfolio.fees


@given(trades(), several_payouts)
def test_the_accounts_still_balance_once_all_is_settled(fills, payout):
    portfolio = _settled(_booked(fills), payout)

    assert not portfolio.positions
    assert portfolio.cash == START + portfolio.realised - portfolio.fees


@given(trades())
def test_cash_and_a_dollar_for_each_short_contract_are_what_trading_left(fills):
    portfolio = _booked(fills)

    pledged = sum(max(-position.size, ZERO) for position in portfolio.positions.values())
    assert portfolio.cash + pledged == START - _spent(fills) - _paid(fills)


@given(trades(), several_payouts)
def test_equity_at_any_mark_is_what_was_traded_and_is_held_at_that_mark(fills, mark):
    portfolio = _booked(fills)

    value = sum(
        abs(p.size) * own_price(mark[p.ticker], p.side) for p in portfolio.positions.values()
    )
    held = sum(size * mark[ticker] for ticker, size in _sizes(fills).items())
    assert portfolio.cash + value == START - _spent(fills) - _paid(fills) + held


@given(trades(), several_payouts)
def test_settlement_leaves_what_was_traded_and_what_was_paid_out(fills, payout):
    paid_out = sum(size * payout[ticker] for ticker, size in _sizes(fills).items())

    settled = _settled(_booked(fills), payout)

    expected = START - _spent(fills) - _paid(fills) + paid_out
    residual = expected - settled.cash
    # A balance holds no finer amounts: what is beyond stays at the exchange, as a fee.
    assert 0 <= residual < len(payout) * DIRECT_PRECISION
    assert residual == settled.fees - _paid(fills)


def test_a_scalar_settlement_is_floored_as_the_exchange_does():
    bought = Portfolio.of_cash(Decimal(10)).after(_fill("5.03", "0.30"))

    settled = bought.settle("A", Decimal("0.3333"))

    assert settled.cash == bought.cash + Decimal("1.6764")
    assert settled.fees == bought.fees + Decimal("0.000099")


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("payout", [0, 1])
@pytest.mark.parametrize("are_fees_in", [False, True])
def test_an_archived_result_is_known_by_what_it_came_to(side, payout, are_fees_in):
    fills = [_fill("10", "0.40", side), _fill("4", "0.60", side.opposite)]
    before = Portfolio.of_cash(Decimal(100)).after(fills[0]).after(fills[1])
    after = before.settle("A", Decimal(payout))
    came_to = after.realised - (after.fees if are_fees_in else 0)

    assert implied_payout(before.positions["A"], came_to) == payout
    assert implied_payout(before.positions["A"], came_to + 1) is None


def _fill(size: str, price: str, side: Side = Side.BUY) -> Fill:
    name = f"{side}-{size}"
    return Fill(name, name, "A", side, Decimal(size), Decimal(price), Decimal("0.0123"), NOON)


@given(trades(), several_payouts)
def test_trading_no_in_the_mirror_gives_the_same_money(fills, payout):
    here, there = _booked(fills), _booked([_mirrored(trade) for trade in fills])

    for portfolio, other in (
        (here, there),
        (_settled(here, payout), _mirror_settled(there, payout)),
    ):
        assert portfolio.cash == other.cash
        assert portfolio.exposure == other.exposure
        assert portfolio.realised == other.realised
        assert portfolio.fees == other.fees
    assert all(here.size(t) == -there.size(t) for t in "ABC")


def _mirror_settled(portfolio, payout) -> Portfolio:
    return _settled(portfolio, {ticker: ONE - value for ticker, value in payout.items()})


@given(trades())
def test_the_position_is_the_sum_of_what_was_traded(fills):
    portfolio = _booked(fills)

    assert {t: p.size for t, p in portfolio.positions.items()} == _sizes(fills)


@given(trades(), several_payouts)
def test_no_outcome_loses_more_than_the_exposure(fills, payout):
    portfolio = _booked(fills)

    lost = portfolio.cash + portfolio.exposure - _settled(portfolio, payout).cash
    assert lost <= portfolio.exposure


@given(trades())
def test_some_outcome_loses_the_whole_exposure(fills):
    portfolio = _booked(fills)
    worst = {t: ZERO if p.size > 0 else ONE for t, p in portfolio.positions.items()}

    assert _settled(portfolio, worst).cash == portfolio.cash


@given(trades())
def test_costs_and_average_prices_are_those_of_contracts(fills):
    for position in _booked(fills).positions.values():
        assert 0 < position.cost < abs(position.size)
        assert 0 < position.average_price < 1


@given(trades(), several_payouts)
def test_what_ended_positions_earned_is_all_that_was_earned(fills, payout):
    portfolio, total = EMPTY, ZERO
    for trade in fills:
        after = portfolio.after(trade)
        total += earned(portfolio, after, trade.ticker) or ZERO
        portfolio = after
    for ticker in list(portfolio.positions):
        after = portfolio.settle(ticker, payout[ticker])
        ended = earned(portfolio, after, ticker)
        assert ended is not None
        total, portfolio = total + ended, after

    assert total == portfolio.net == portfolio.cash - START


@given(trades(), trades())
def test_what_buyers_and_sellers_own_together_never_changes_but_for_fees(fills, more):
    everyone = [EMPTY, EMPTY, EMPTY]
    for number, trade in enumerate([*fills, *more]):
        taker, maker = number % 3, (number + 1) % 3
        everyone[taker] = everyone[taker].after(trade)
        other = fill(trade.side.opposite, trade.size, trade.price, ticker=trade.ticker)
        everyone[maker] = everyone[maker].after(other)

    for ticker in "ABC":
        held = [portfolio.size(ticker) for portfolio in everyone]
        assert sum(held) == 0
    pairs = sum(max(p.size(t), ZERO) for p in everyone for t in "ABC")
    fees = sum(portfolio.fees for portfolio in everyone)
    assert sum(portfolio.cash for portfolio in everyone) + pairs + fees == 3 * START


@given(two_sided_books(size=scaled(100, 10_000, 2)), scaled(1, 100, 2), sides)
def test_a_round_trip_costs_exactly_spread_and_fees(book, size, side):
    portfolio, fees = EMPTY, ZERO
    for step in (side, side.opposite):
        price = book.against(step)[0].price
        fee, _ = OrderFees(TAKER).charge(size, price, is_taker=True, is_buy=step is Side.BUY)
        portfolio = portfolio.after(fill(step, size, price, fee=fee))
        fees += fee

    spread = book.asks[0].price - book.bids[0].price
    assert not portfolio.positions
    assert portfolio.cash == START - spread * size - fees
    assert portfolio.net == -spread * size - fees


@given(scaled(-500, 500, 2), sides, sizes)
def test_a_trade_closes_first_and_opens_with_the_rest(held, side, size):
    closed, opened = split(held, side, size)

    assert closed + opened == size
    assert 0 <= closed <= abs(held)
    assert opened >= 0
    assert not (closed and held * side.sign > 0)
    assert abs(held + size * side.sign) == abs(held) - closed + opened


@given(prices)
def test_yes_and_no_cost_a_dollar_together(price):
    assert own_price(price, Side.BUY) + own_price(price, Side.SELL) == 1


@given(trades())
def test_booking_the_same_fills_again_gives_the_same_accounts(fills):
    assert _booked(fills) == _booked(fills)
    assert Portfolio.of_cash(START) == EMPTY
