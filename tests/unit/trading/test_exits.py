"""Exits without an opinion go the way of every order, also while nothing is entered."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.events import Action, Event, OrderRefused, OrderSubmitted, PositionClosed, SignalMade
from bot.core.market.market import MarketStatus
from bot.core.market.orderbook import OrderBook
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from bot.ports.persistence import CommitBatch
from tests.support.strategies import ladder
from tests.support.trading import BOOK, Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5
CLOSING = ExitRules(before_close=60.0)
STOPPING = ExitRules(stop_loss=Decimal(6))
FALLEN = OrderBook(bids=ladder(("0.46", 300)), asks=ladder(("0.47", 300)))
RISEN = OrderBook(bids=ladder(("0.58", 300)), asks=ladder(("0.60", 300)))


async def _holding(exits, score=BUY, **limits) -> Desk:
    backend = Desk(exits=exits, limits=RiskLimits(**limits))
    await backend.run(score)
    assert abs(backend.position()) == 100
    return backend


@pytest.mark.parametrize("score", [None, BUY, LEAVE])
async def test_before_the_close_a_position_is_exited_whatever_the_opinion(score):
    backend = await _holding(CLOSING)
    backend.close_in(40)

    events = await backend.act(score)

    (signal,) = only(events, SignalMade)
    assert (signal.action, signal.reason) == (Action.EXIT, "exit: the market closes in 40 s")
    assert (signal.position_before, signal.position_after) == (100, 0)
    assert only(events, OrderSubmitted)
    assert only(events, PositionClosed)
    assert backend.position() == 0
    assert [order.client_order_id for order in backend.venue.sent] == list(backend.store.intended)


@pytest.mark.parametrize(("side", "book"), [(BUY, FALLEN), (SELL, RISEN)])
@pytest.mark.parametrize("agrees", [True, False])
async def test_a_stop_loss_closes_both_sides_whatever_the_opinion(side, book, agrees):
    backend = await _holding(STOPPING, side)
    backend.books["A"] = book

    events = await backend.act(side if agrees else None)

    (signal,) = only(events, SignalMade)
    assert signal.action is Action.EXIT
    assert signal.reason.startswith("exit: stop loss, ")
    assert signal.reason.endswith(" c below entry")
    assert backend.position() == 0


async def test_exits_pass_while_entries_are_stopped():
    backend = await _holding(CLOSING)
    backend.killed = "killed: lunch"
    backend.close_in(40)

    events = await backend.act()

    assert backend.trader.entries_stopped is not None
    assert not only(events, OrderRefused)
    assert backend.position() == 0


async def test_an_exit_waits_like_any_order_for_the_fate_of_another():
    backend = await _holding(CLOSING)
    backend.venue.silent["A"] = 9
    await backend.run(LEAVE)
    backend.close_in(40)

    (refused,) = only(await backend.act(), OrderRefused)

    assert refused.rule == "unresolved"
    assert backend.position() == 100


async def test_what_no_rule_ends_is_held_without_an_opinion():
    backend = await _holding(ExitRules(60.0, Decimal(6)))

    events = await backend.run()

    (signal,) = only(events, SignalMade)
    assert signal.action is Action.HOLD
    assert signal.reason.startswith("held without a prediction")
    assert not only(events, OrderSubmitted)
    assert backend.position() == 100


async def test_without_rules_a_position_without_an_opinion_is_never_closed():
    backend = await _holding(ExitRules())
    backend.books["A"] = FALLEN
    backend.close_in(1)

    await backend.act()

    assert backend.position() == 100


@pytest.mark.parametrize("gone", ["bids", "asks"])
async def test_a_book_of_one_side_stops_nothing_out(gone):
    backend = await _holding(STOPPING)
    backend.books["A"] = replace(FALLEN, **{gone: ()})

    events = await backend.act()

    assert not only(events, OrderSubmitted)
    assert backend.position() == 100


@pytest.mark.parametrize(
    ("exits", "rule"),
    [(CLOSING, "exit_before_close"), (ExitRules(stop_loss=Decimal(1)), "stop_loss")],
)
async def test_nothing_is_entered_only_to_be_exited(exits, rule):
    backend = Desk(exits=exits, limits=RiskLimits(min_seconds_to_close=0))
    backend.close_in(40)
    # One cent wide.
    assert (BOOK.bids[0].price, BOOK.asks[0].price) == (Decimal("0.52"), Decimal("0.53"))

    (signal,) = only(await backend.act(BUY), SignalMade)

    assert (signal.action, signal.stop.rule) == (Action.HOLD, rule)
    assert backend.venue.sent == []


@pytest.mark.parametrize(
    ("exits", "happens", "score", "how"),
    [
        (ExitRules(), lambda backend: None, LEAVE, "signal"),
        (CLOSING, lambda backend: backend.close_in(40), BUY, "before_close"),
        (STOPPING, lambda backend: backend.books.update(A=FALLEN), BUY, "stop_loss"),
    ],
    ids=["signal", "before the close", "stop loss"],
)
@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "after a restart"])
async def test_how_a_position_ended_is_the_rule_that_ended_it(exits, happens, score, how, restarts):
    backend = await _holding(exits)
    happens(backend)
    if restarts:
        backend.venue.silent = {"A": 1}
        await _kept(backend, score)
        backend.restart()

    events = await _kept(backend, score)

    (closed,) = only(events, PositionClosed)
    assert closed.how == how
    assert closed.trip is not None
    assert closed.trip.net == closed.realised
    assert (closed.title, closed.event_ticker) == ("Will A happen?", "EVENT-A")


async def _kept(backend: Desk, score: float) -> list[Event]:
    """A pass at the same moment, kept at its end."""
    events = await backend.trader.resolve_in_doubt(backend.at)
    events += await backend.act(score)
    await backend.store.commit(CommitBatch(events, backend.trader.state_records()))
    return events


async def test_a_settlement_ends_a_position_whatever_was_tried_before():
    backend = await _holding(ExitRules())
    backend.books["A"] = OrderBook(bids=ladder(("0.52", 40)), asks=ladder(("0.53", 300)))
    await backend.run(LEAVE)
    market = replace(
        backend.markets["A"], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
    )

    events = backend.trader.settle(backend.at, {"A": market})

    (closed,) = only(events, PositionClosed)
    assert closed.how == "settlement"
