"""Entries that rest: they wait at their own side of the spread, and never take."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.events import (
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    PositionOpened,
    SignalMade,
)
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Life
from bot.core.market.queue import TakerTrade
from bot.core.risk.limits import RiskLimits
from tests.support.strategies import ladder
from tests.support.trading import BOOK, Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5
BETTER = OrderBook(ladder(("0.525", 50), ("0.52", 300)), BOOK.asks)


def _sold(backend: Desk, size: int, price: str = "0.52") -> TakerTrade:
    """A taker sells a little after the pass that is over."""
    return TakerTrade(backend.at.timestamp() + 0.1, Side.SELL, Decimal(size), Decimal(price))


async def _resting(score=BUY, *tickers, **options):
    """An entry that rests behind the 300 that are shown at its price."""
    backend = Desk(*tickers, entries_rest=True, **options)
    events = await backend.run(score, seconds=1)
    assert only(events, OrderRested)
    assert backend.position() == 0
    return backend


@pytest.mark.parametrize(
    ("score", "side", "price"), [(BUY, Side.BUY, "0.52"), (SELL, Side.SELL, "0.53")]
)
async def test_an_entry_rests_beside_the_best_price_of_its_own_side(score, side, price):
    backend = await _resting(score)

    order = backend.trader.working["A"].order
    assert (order.side, order.limit, order.size) == (side, Decimal(price), 100)
    assert (order.aim, order.life) == (Aim.ENTER, Life.REST)


async def test_while_the_score_asks_for_it_nothing_else_is_sent_and_the_signal_says_so():
    backend = await _resting()

    events = await backend.run(BUY, seconds=1)

    (signal,) = only(events, SignalMade)
    assert signal.reason == "the entry rests at 52 c, 300 contracts ahead"
    assert not only(events, OrderSubmitted)


async def test_its_first_fill_opens_the_position_and_the_rest_waits_on():
    backend = await _resting()
    backend.trades.found = [_sold(backend, 340)]

    events = await backend.run(BUY, seconds=1)

    (filled,), (opened,) = only(events, OrderFilled), only(events, PositionOpened)
    assert (filled.left, opened.size, backend.position()) == (60, 40, 40)
    assert "A" in backend.trader.working
    backend.trades.found = [_sold(backend, 60)]

    events = await backend.run(BUY, seconds=1)

    assert not only(events, PositionOpened)
    assert (backend.position(), backend.trader.working) == (100, {})
    assert backend.trader.portfolio.fees == 0, "makers pay nothing in a usual series"
    assert not only(await backend.run(BUY, seconds=1), OrderSubmitted), "it is not added to"


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (0.57, "the score asks for no entry any more"),
        (None, "no prediction"),
        (SELL, "the score asks for the other side"),
    ],
)
async def test_it_is_withdrawn_once_the_score_does_not_ask_for_it(score, why):
    backend = await _resting()

    events = await backend.run(score, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error.startswith("withdrawn: ")
    assert score is None or ended.execution.error == f"withdrawn: {why}"
    assert bool(only(events, OrderRested)) is (score == SELL)


async def test_what_it_traded_is_kept_and_not_added_to_when_it_is_withdrawn():
    backend = await _resting()
    backend.trades.found = [_sold(backend, 340)]
    await backend.run(BUY, seconds=1)

    await backend.run(0.57, seconds=1)
    await backend.run(BUY, seconds=1)

    assert (backend.position(), backend.trader.working) == (40, {})


async def test_an_exit_takes_the_rest_of_the_entry_out_first():
    backend = await _resting()
    backend.trades.found = [_sold(backend, 340)]
    await backend.run(BUY, seconds=1)

    events = await backend.run(LEAVE, seconds=1)

    withdrawn, taken = [event.execution for event in only(events, OrderEnded)]
    assert (withdrawn.order.aim, taken.order.aim) == (Aim.ENTER, Aim.LEAVE)
    assert taken.order.size == 40
    assert backend.position() == 0


async def test_it_follows_a_better_price():
    backend = await _resting()
    backend.books["A"] = BETTER
    events = await backend.run(BUY, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: re-priced to 52.5 c"
    assert backend.trader.working["A"].order.limit == Decimal("0.525")


async def test_with_nobody_beside_it_or_near_the_close_no_entry_is_sent():
    backend = Desk(entries_rest=True)
    backend.books["A"] = OrderBook((), BOOK.asks)
    assert not only(await backend.run(BUY, seconds=1), OrderSubmitted)

    backend = await _resting()
    backend.pass_by(1)
    backend.close_in(59)
    events = await backend.act(BUY)
    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: the market closes in 59 s"


async def test_the_kill_switch_takes_it_out_beside_the_loop():
    backend = await _resting()
    backend.killed = "by hand"
    backend.pass_by(1)

    events = await backend.trader.resolve_in_doubt(backend.at)

    assert only(events, OrderEnded)
    assert not backend.trader.working


async def test_what_rests_counts_in_the_limits_as_if_it_had_traded():
    one = replace(RiskLimits(), max_total_exposure=Decimal(60))
    backend = Desk("A", "B", limits=one, entries_rest=True)

    events = await backend.run(BUY, seconds=1)

    (rested,), (refused,) = only(events, OrderRested), only(events, OrderRefused)
    assert (rested.order.ticker, refused.order.ticker) == ("A", "B")
    assert refused.rule == "total_exposure"
    used = {limit.rule: limit.value for limit in backend.trader.limit_uses(backend.at)}
    assert used["total_exposure"] == Decimal(52)


async def test_a_restart_inherits_no_entry_at_rest():
    backend = await _resting()
    backend.trades.found = [_sold(backend, 340)]
    await backend.run(BUY, seconds=1)

    backend.restart()
    events = await backend.trader.resolve_in_doubt(backend.at)

    assert only(events, OrderEnded)
    assert (backend.position(), backend.trader.working) == (40, {})
