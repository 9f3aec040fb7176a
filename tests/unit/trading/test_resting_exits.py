"""Exits that rest: they wait at the other side of the spread, and take when they must."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.events import (
    Action,
    OrderEnded,
    OrderFilled,
    OrderRested,
    OrderSubmitted,
    PositionClosed,
    SignalMade,
)
from bot.core.market.market import MarketStatus, Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Life, OrderStatus
from bot.core.market.queue import TakerTrade
from bot.core.risk.close_requests import CloseRequests
from bot.core.risk.exit_rules import ExitRules
from bot.trading.paper_venue import SeenBook, no_update
from tests.support.strategies import ladder
from tests.support.trading import BOOK, Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5
PATIENCE = 30.0
BETTER = OrderBook(BOOK.bids, ladder(("0.525", 50), ("0.53", 300)))


def _bought(backend: Desk, size: int, price: str = "0.53") -> TakerTrade:
    """A taker buys a little after the pass that is over."""
    return TakerTrade(backend.at.timestamp() + 0.1, Side.BUY, Decimal(size), Decimal(price))


async def _resting(score=BUY, **options):
    """A position whose exit rests, in the queue of the very book that it was decided on."""
    backend = Desk(patience=PATIENCE, **options)
    await backend.run(score, seconds=1)
    events = await backend.run(LEAVE, seconds=1)
    assert len(only(events, OrderRested)) == 1
    assert abs(backend.position()) == 100
    return backend


@pytest.mark.parametrize(
    ("score", "side", "price"), [(BUY, Side.SELL, "0.53"), (SELL, Side.BUY, "0.52")]
)
async def test_an_exit_rests_at_the_other_side_of_the_spread(score, side, price):
    backend = await _resting(score)

    working = backend.trader.working["A"]
    order = working.order
    assert (order.side, order.limit, order.size) == (side, Decimal(price), 100)
    assert (order.aim, order.life) == (Aim.LEAVE, Life.REST)
    assert working.last.front == 300, "all that is shown there is ahead"
    assert order.client_order_id in backend.store.intended


async def test_while_it_rests_nothing_else_is_sent_and_the_signal_says_so():
    backend = await _resting()

    events = await backend.run(LEAVE, seconds=1)

    (signal,) = only(events, SignalMade)
    assert signal.reason == "the exit rests at 53 c, 300 contracts ahead"
    assert (signal.position_before, signal.position_after) == (100, 100)
    assert not only(events, OrderSubmitted)


async def test_trades_through_the_queue_fill_it_for_the_maker_fee_and_are_booked_once():
    backend = await _resting()
    paid = backend.trader.portfolio.fees
    backend.trades.found = [_bought(backend, 340)]

    events = await backend.run(LEAVE, seconds=1)

    (filled,) = only(events, OrderFilled)
    assert (filled.left, [fill.size for fill in filled.fills]) == (60, [40])
    assert backend.position() == 60
    backend.trades.found = [_bought(backend, 60)]

    events = await backend.run(LEAVE, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert (ended.execution.status, ended.execution.filled) == (OrderStatus.FILLED, 60)
    (closed,) = only(events, PositionClosed)
    assert (closed.how, closed.trip.exit_price) == ("signal", Decimal("0.53"))
    assert backend.trader.portfolio.fees == paid, "makers pay nothing in a usual series"
    assert backend.store.portfolio == backend.trader.portfolio
    assert not backend.trader.working


async def test_it_follows_a_better_price_and_stays_where_nobody_undercuts_it():
    backend = await _resting()
    backend.books["A"] = BETTER
    events = await backend.run(LEAVE, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: re-priced to 52.5 c"
    assert backend.trader.working["A"].order.limit == Decimal("0.525")

    backend.books["A"] = BOOK
    assert not only(await backend.run(LEAVE, seconds=1), OrderEnded)


async def test_once_its_patience_is_over_it_takes_what_is_left():
    backend = await _resting()
    backend.trades.found = [_bought(backend, 310)]
    await backend.run(LEAVE, seconds=PATIENCE - 1)
    assert backend.position() == 90

    events = await backend.run(LEAVE, seconds=1)

    withdrawn, taken = [event.execution for event in only(events, OrderEnded)]
    assert withdrawn.error == "withdrawn: not filled within 30 s; 10 of 100 filled"
    assert (taken.order.life, taken.filled, taken.average_price) == (Life.TAKE, 90, Decimal("0.52"))
    assert backend.position() == 0


async def test_an_exit_that_has_begun_goes_on_while_no_score_wants_the_position_again():
    backend = await _resting()
    holds = 0.57
    for seconds in (1, PATIENCE - 2):
        assert not only(await backend.run(holds, seconds=seconds), OrderEnded)

    await backend.run(holds, seconds=1)

    assert backend.position() == 0, "its patience is that of the exit, not of the last score"


async def test_an_entry_that_is_wanted_again_begins_the_patience_anew():
    backend = await _resting()
    await backend.run(BUY, seconds=PATIENCE)

    assert only(await backend.run(LEAVE, seconds=1), OrderRested)


async def test_following_the_price_does_not_renew_its_patience():
    backend = await _resting()
    backend.books["A"] = BETTER
    await backend.run(LEAVE, seconds=PATIENCE - 1)
    await backend.run(LEAVE, seconds=1)
    assert backend.position() == 0


def _kill(backend: Desk) -> None:
    backend.killed = "by hand"


def _close(backend: Desk) -> None:
    backend.requests = CloseRequests({"A": backend.at + timedelta(hours=1)})


def _flatten(backend: Desk) -> None:
    backend.requests = CloseRequests(flatten=backend.at)


def _fall(backend: Desk) -> None:
    backend.books["A"] = OrderBook(bids=ladder(("0.40", 300)), asks=ladder(("0.54", 300)))


@pytest.mark.parametrize("happens", [_kill, _close, _flatten, _fall])
async def test_what_cannot_wait_takes(happens):
    backend = await _resting(exits=ExitRules(stop_loss=Decimal(6)))
    happens(backend)

    events = await backend.run(LEAVE, seconds=1)

    withdrawn, taken = [event.execution for event in only(events, OrderEnded)]
    assert withdrawn.order.life is Life.REST
    assert taken.order.life is Life.TAKE
    assert backend.position() == 0


async def test_in_the_last_minute_before_the_close_it_takes():
    backend = await _resting()
    backend.at += timedelta(seconds=1)
    backend.close_in(60)

    await backend.act(LEAVE)

    assert backend.position() == 0


@pytest.mark.parametrize(
    ("score", "why"),
    [(BUY, "the score asks for the position again"), (None, "there is no prediction")],
)
async def test_nothing_rests_that_no_score_asks_for(score, why):
    backend = await _resting()

    events = await backend.run(score, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == f"withdrawn: {why}"
    assert (backend.position(), backend.trader.working) == (100, {})


async def test_fills_until_the_next_book_count_and_no_more_is_taken_than_is_left():
    backend = await _resting()
    backend.at += timedelta(seconds=PATIENCE)
    backend.close_in(86_400)
    backend.trades.found = [_bought(backend, 370)]

    events = await backend.act(LEAVE)

    withdrawn, taken = [event.execution for event in only(events, OrderEnded)]
    assert (withdrawn.status, withdrawn.filled) == (OrderStatus.PARTIALLY_FILLED, 70)
    assert (taken.order.size, taken.filled) == (30, 30)
    assert backend.position() == 0


async def test_without_a_book_it_is_withdrawn_and_ends_with_the_next_one():
    backend = await _resting()
    book = backend.books.pop("A")
    events = await backend.trader.withdraw_unseen(backend.at, {"A": "timeout"}, backend.markets)
    assert events == []
    assert backend.trader.working["A"].leaving == "no book of it: timeout"

    backend.books["A"] = book
    events = await backend.run(None, seconds=1)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: no book of it: timeout"


async def test_it_ends_with_its_market():
    backend = await _resting()
    backend.markets["A"] = replace(backend.markets["A"], status=MarketStatus.CLOSED)

    events = await backend.trader.withdraw_unseen(
        backend.at, {"A": "the market is closed"}, backend.markets
    )

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: the market is closed"
    assert not backend.trader.working


async def test_a_stop_takes_it_out_beside_the_loop():
    backend = await _resting()
    backend.stopping = True
    backend.pass_by(1)

    events = await backend.trader.resolve_in_doubt(backend.at)

    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "withdrawn: the bot is being stopped"
    assert backend.position() == 100


async def test_what_has_to_go_does_not_wait_for_what_others_came_to():
    backend = await _resting()
    backend.stopping = True
    asked = []

    async def news(working):
        asked.extend(working)
        return ()

    backend.venue.paper.news = news
    backend.pass_by(1)

    assert only(await backend.trader.resolve_in_doubt(backend.at), OrderEnded)
    assert asked == []


async def test_a_restart_inherits_no_resting_order_and_books_what_had_traded():
    backend = await _resting()
    backend.trades.found = [_bought(backend, 340)]
    await backend.run(LEAVE, seconds=1)

    backend.restart()

    assert not backend.trader.working
    events = await backend.trader.resolve_in_doubt(backend.at)
    (ended,) = only(events, OrderEnded)
    assert ended.execution.status is OrderStatus.CANCELED
    assert "the service ended while it rested" in ended.execution.error
    assert backend.position() == 60


async def test_without_patience_every_exit_takes():
    backend = Desk()
    await backend.run(BUY)
    events = await backend.run(LEAVE)
    assert not only(events, OrderRested)
    assert backend.position() == 0


async def test_a_post_only_exit_that_would_cross_is_cancelled_and_tried_again():
    backend = Desk(patience=PATIENCE)
    await backend.run(BUY)
    moved = OrderBook(bids=ladder(("0.53", 300)), asks=ladder(("0.54", 300)))

    async def next_book(approved):
        return SeenBook(approved.book_seen_at + 0.5, moved)

    backend.venue.paper._next_book = next_book
    events = await backend.run(LEAVE)
    (ended,) = only(events, OrderEnded)
    assert ended.execution.error == "post-only at 53 c would have traded at once: cancelled"

    backend.books["A"] = moved
    assert only(await backend.run(LEAVE, seconds=1), OrderRested)


@pytest.mark.parametrize("score", [0.57, LEAVE, SELL])
async def test_once_it_is_filled_a_score_is_about_a_flat_market_again(score):
    backend = await _resting()
    backend.trades.found = [_bought(backend, 500)]

    events = await backend.run(score, seconds=1)

    (signal,) = only(events, SignalMade)
    assert signal.position_before == 0
    entered = score == SELL
    assert signal.action == (Action.ENTER_SHORT if entered else Action.HOLD)
    assert (backend.position() < 0) is entered


async def test_a_position_to_be_closed_by_hand_says_that_it_waits_for_a_withdrawal():
    backend = await _resting()
    _flatten(backend)
    backend.venue.paper._next_update = no_update

    events = await backend.run(LEAVE, seconds=1)

    assert not only(events, OrderEnded)
    assert backend.trader.unclosed == {"A": "the order that rests is being withdrawn"}


async def test_what_ended_amid_a_pass_is_found_until_somebody_takes_it():
    backend = await _resting()
    backend.stopping = True
    backend.pass_by(1)

    assert await backend.trader.poll_in_doubt(backend.at)
    assert await backend.trader.poll_in_doubt(backend.at), "the pass took nothing any more"
    assert only(backend.trader.take_pending(backend.at), OrderEnded)
    assert not await backend.trader.poll_in_doubt(backend.at)
