"""What operators want closed is closed whatever anybody else says, and not opened again at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.events import (
    Action,
    OrderRefused,
    OrderSubmitted,
    PositionClosed,
    PositionOpened,
    SignalMade,
)
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.money import ONE
from bot.core.risk.close_requests import CloseRequests
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from tests.support.trading import Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5
ALL_LIMITS_SHUT = RiskLimits(
    max_positions=0, max_order_cost=ONE * 0, max_total_exposure=ONE * 0, max_orders_per_minute=0
)


async def _holding(score=BUY, *tickers) -> Desk:
    backend = Desk(*tickers)
    await backend.run(score)
    assert all(abs(backend.position(ticker)) == 100 for ticker in backend.markets)
    return backend


def _asked(backend, *tickers) -> CloseRequests:
    return CloseRequests(dict.fromkeys(tickers or ("A",), backend.at))


@pytest.mark.parametrize("score", [None, BUY, LEAVE])
@pytest.mark.parametrize("side", [BUY, SELL])
async def test_a_position_is_closed_whatever_the_model_says_of_it(side, score):
    backend = await _holding(side)
    backend.requests = _asked(backend)

    events = await backend.run(score)

    (signal,) = only(events, SignalMade)
    assert (signal.action, signal.reason) == (Action.EXIT, "exit: closed by hand")
    assert only(events, OrderSubmitted)[0].reason == "closed by hand"
    assert only(events, PositionClosed)[0].how == "by_hand"
    assert backend.position() == 0
    assert not backend.trader.unclosed


@pytest.mark.parametrize("fees", [None, FeeSchedule(FeeKind.FLAT, ONE)])
async def test_neither_unknown_fees_nor_limits_nor_a_kill_keep_one_in(fees):
    backend = await _holding()
    backend.markets["A"] = replace(backend.markets["A"], fees=fees)
    backend.killed, backend.requests = "lunch", _asked(backend)
    backend.limits = ALL_LIMITS_SHUT
    backend.restart()

    events = await backend.run(None)

    assert not only(events, OrderRefused)
    assert backend.position() == 0


async def test_nothing_but_what_was_asked_for_is_touched():
    backend = await _holding(BUY, "A", "B")
    backend.requests = _asked(backend, "A")
    predictions = backend.predictions({"A": LEAVE, "B": LEAVE})

    events = await backend.trader.act(backend.at, predictions, backend.markets, by_hand=True)

    assert {event.ticker for event in only(events, SignalMade)} == {"A"}
    assert backend.position("A") == 0
    assert backend.position("B") == 100


async def test_a_position_opened_after_the_request_is_not_meant():
    backend = Desk()
    backend.requests = _asked(backend)
    await backend.run(BUY)

    await backend.run(BUY)

    assert backend.position() == 100
    assert backend.trader.to_close() == ()


async def test_flatten_means_everything_whenever_it_was_opened():
    backend = Desk("A", "B")
    asked_at = backend.at
    await backend.run(BUY)
    backend.requests = CloseRequests(flatten=asked_at)

    await backend.run(BUY)

    assert not backend.trader.held()


async def test_what_cannot_be_closed_says_why_and_is_tried_again():
    backend = await _holding()
    backend.requests = _asked(backend)
    book = backend.books["A"]
    backend.books["A"] = replace(book, bids=())
    await backend.run(BUY)
    assert backend.trader.unclosed == {"A": "there is nobody in the book to trade with"}
    backend.trader.missed({"A": "the market is inactive", "B": "no matter"})
    assert backend.trader.unclosed == {"A": "the market is inactive"}
    backend.books["A"] = book

    await backend.run(BUY)

    assert backend.position() == 0
    assert not backend.trader.unclosed


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_market_is_not_entered_again_until_its_score_left_the_entry_zone(restarts):
    backend = await _holding()
    backend.requests = _asked(backend)
    await backend.run(BUY)
    backend.requests = CloseRequests()
    if restarts:
        backend.restart()

    for score in (BUY, None, BUY):
        (signal,) = only(await backend.run(score), SignalMade)
        assert signal.action is Action.HOLD
    assert signal.stop.rule == "reentry"
    assert signal.reason.startswith("closed by hand: no new long position until")
    await backend.run(LEAVE)
    events = await backend.run(BUY)

    assert only(events, PositionOpened)


async def test_the_other_side_may_be_entered_after_a_forced_exit():
    backend = await _holding()
    backend.requests = _asked(backend)
    await backend.run(BUY)

    await backend.run(SELL)

    assert backend.position() == -100


async def test_a_rule_that_ends_a_position_keeps_it_out_as_well():
    backend = Desk(exits=ExitRules(before_close=60.0), limits=RiskLimits(min_seconds_to_close=0))
    await backend.run(BUY)
    backend.close_in(40)
    await backend.act(BUY)
    assert backend.position() == 0
    backend.close_in(600)

    (signal,) = only(await backend.act(BUY), SignalMade)

    assert (signal.action, signal.stop.rule) == (Action.HOLD, "reentry")
    assert signal.reason.startswith("closed before the close")


async def test_why_a_market_was_left_is_forgotten_after_a_day():
    backend = await _holding()
    backend.requests = _asked(backend)
    await backend.run(BUY)
    await backend.run(BUY, seconds=timedelta(days=1).total_seconds())

    await backend.run(BUY)

    assert backend.position() == 100
