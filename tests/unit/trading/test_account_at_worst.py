"""What orders in doubt may cost: their price, and the most that their market charges for it."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio, own_price
from bot.core.market.fees import FeeKind, FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.orders import Fill, Life, Order
from bot.trading.account import TradingAccount
from tests.support.strategies import NOON, open_market, sides
from tests.support.trading import Desk

CASH = Decimal(10_000)
KINDS = (FeeKind.QUADRATIC, FeeKind.WITH_MAKER_FEES, FeeKind.WITH_COMBO_MAKER_FEES)
schedules = st.builds(
    FeeSchedule, st.sampled_from(KINDS), st.sampled_from(["0.5", "1", "2"]).map(Decimal)
)
# What an order trades in turn: whole contracts, and how much better than its limit, in cents.
pieces = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 98)), min_size=1, max_size=12)


@st.composite
def orders(draw):
    """An order, and what it trades in if it trades whole."""
    parts = draw(pieces)
    size = Decimal(sum(count for count, _ in parts))
    limit, life = Decimal(draw(st.integers(1, 99))) / 100, draw(st.sampled_from(Life))
    return Order("c-1", "A", draw(sides), size, limit, NOON, life=life), parts


@given(schedules, orders(), st.integers(0, 12))
def test_however_an_order_trades_it_costs_no_more_than_at_worst(schedule, wish, traded):
    order, parts = wish
    side, size, is_taker = order.side, order.size, order.life is Life.TAKE
    account = TradingAccount(CASH)
    account.belongs(replace(open_market("A"), fees=schedule))

    worst = account.at_worst([order])

    portfolio, fees = Portfolio.of_cash(CASH), OrderFees(schedule)
    for number, (count, better) in enumerate(parts[:traded]):
        price = _better(order, better)
        fee, fees = fees.charge(Decimal(count), price, is_taker=is_taker, is_buy=side is Side.BUY)
        fill = Fill(f"f-{number}", "c-1", "A", side, Decimal(count), price, fee, NOON)
        portfolio = portfolio.after(fill)
    assert worst.cash <= portfolio.cash
    # And it is no more than needed: a hundredth of a cent a contract.
    most = size * own_price(order.limit, side)
    most += schedule.model_fee(size, order.limit, is_taker=is_taker)
    assert CASH - worst.cash <= most + size * Decimal("0.00011")


def _better(order, cents):
    """A price that much better than the limit, if there is one."""
    price = order.limit - order.side.sign * Decimal(cents) / 100
    return price if 0 < price < 1 else order.limit


async def test_the_fee_of_an_order_in_doubt_is_reserved_until_its_end_is_known():
    desk = Desk()
    desk.venue.silent["A"] = 1

    await desk.run(0.9)
    (order,) = desk.trader.unresolved
    cost = order.size * order.limit
    fee = Decimal("0.07") * cost * (1 - order.limit)
    assert cost + fee < desk.trader.reserved < cost + fee + Decimal("0.02")

    await desk.trader.resolve_in_doubt(desk.at)
    await desk.trader.resolve_in_doubt(desk.at)
    assert desk.trader.unresolved == ()
    assert desk.trader.reserved == 0
