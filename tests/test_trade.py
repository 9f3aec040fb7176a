"""The trader writes before it sends, sends nothing twice, and knows the fate of every order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.events import (
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    OrderUnresolved,
    PositionOpened,
    SignalMade,
)
from bot.core.market.market import MarketStatus
from bot.core.market.orders import OrderStatus
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Sizing
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import Checkpoint, LeaseLostError
from bot.trading.decision import TradeRules
from tests.trading import BOOK, CASH, THRESHOLDS, Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5


async def test_an_order_is_written_down_before_it_is_sent():
    desk = Desk()
    written = []
    desk.venue.before = lambda order: written.append(order.client_order_id in desk.store.intended)

    await desk.run(BUY)

    assert written == [True]
    assert desk.position() == 100


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_what_cannot_be_written_down_is_not_sent_and_ends_without_a_fill(opinion):
    desk = Desk()
    if opinion == LEAVE:
        await desk.run(BUY)
    before = desk.position()
    desk.store.fails = "the disk is full: make room"

    events = await desk.run(opinion)

    (refused,) = only(events, OrderRefused)
    (ended,) = only(events, OrderEnded)
    assert refused.rule == "database"
    assert "the disk is full: make room" in refused.reason
    # The answer may have been lost, not the order: it needs an end, whatever the disk says.
    assert ended.execution.order == refused.order
    assert ended.execution.status is OrderStatus.CANCELED
    assert ended.execution.error.startswith("never sent: ")
    assert not only(events, OrderSubmitted)
    assert desk.position() == before
    assert desk.trader.unresolved == ()


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_a_known_fault_of_the_database_keeps_every_order_back_without_trying(opinion):
    desk = Desk()
    if opinion == LEAVE:
        await desk.run(BUY)
    sent = len(desk.venue.sent)
    desk.fault = "the disk is full: make room"

    events = await desk.run(opinion)

    assert len(desk.store.intended) == len(desk.venue.sent) == sent
    assert not only(events, OrderEnded)
    assert {one.rule for one in only(events, OrderRefused)} <= {"database"}


async def test_who_leads_no_more_hears_of_it_and_sends_nothing():
    desk = Desk()
    desk.store.lost = True

    with pytest.raises(LeaseLostError):
        await desk.act(BUY)

    assert desk.venue.sent == []


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_who_is_not_sure_to_lead_does_not_even_write(opinion):
    desk = Desk()
    await desk.run(BUY if opinion == LEAVE else None)
    written = len(desk.store.intended)
    desk.sure = False

    events = await desk.run(opinion)

    assert len(desk.store.intended) == len(desk.venue.sent) == written
    assert {one.rule for one in only(events, OrderRefused)} <= {"lease"}
    assert not only(events, OrderEnded)


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_a_process_that_was_paused_while_it_wrote_sends_nothing(opinion):
    desk = Desk()
    await desk.run(BUY if opinion == LEAVE else None)
    sent, before = len(desk.venue.sent), desk.position()
    desk.store.meanwhile = lambda: setattr(desk, "sure", False)

    events = await desk.run(opinion)

    (refused,) = only(events, OrderRefused)
    (ended,) = only(events, OrderEnded)
    assert refused.rule == "lease"
    assert ended.execution.order == refused.order
    assert (ended.execution.status, ended.execution.fills) == (OrderStatus.CANCELED, ())
    assert ended.execution.error == f"never sent: {refused.reason}"
    assert len(desk.venue.sent) == sent
    assert desk.position() == before
    assert desk.store.kept().unresolved == ()


async def test_an_order_of_unknown_fate_is_said_once_and_asked_for_at_every_pass():
    desk = Desk()
    desk.venue.silent["A"] = 3

    first = await desk.run(BUY)
    second = await desk.run()
    third = await desk.run()

    (order,) = desk.venue.sent
    (doubt,) = only(first, OrderUnresolved)
    assert (doubt.order, doubt.reason) == (order, "no answer")
    assert only(first, OrderSubmitted)
    assert not only(second + third, OrderUnresolved)
    assert desk.trader.unresolved == (order,)
    assert desk.store.kept().unresolved == (order,)


async def test_fills_found_late_are_booked_like_any():
    desk, straight = Desk(), Desk()
    desk.venue.silent["A"] = 1
    await desk.run(BUY)
    await straight.run(BUY)
    assert desk.position() == 0

    events = await desk.trader.settle_fates(desk.at)

    (ended,) = only(events, OrderEnded)
    (opened,) = only(events, PositionOpened)
    assert ended.execution.filled == 100
    assert opened.price == Decimal("0.53")
    assert desk.trader.portfolio == straight.trader.portfolio
    assert desk.trader.unresolved == ()
    # No book was at hand: until one is, the position is worth its cost, and says so.
    assert desk.trader.marks["A"].stale
    assert desk.trader.marks["A"].value == desk.trader.portfolio.exposure


async def test_an_exit_found_late_closes_the_position_it_was_for():
    desk = Desk()
    await desk.run(BUY)
    desk.venue.silent["A"] = 1

    await desk.run(LEAVE)
    assert desk.position() == 100
    await desk.run()

    assert desk.position() == 0
    assert desk.trader.marks == {}


async def test_while_a_fate_is_open_nothing_else_is_sent_for_that_market():
    desk = Desk("A", "B")
    desk.venue.silent["A"] = 9
    await desk.run({"A": BUY})

    events = await desk.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.rule, refused.order.ticker) == ("unresolved", "A")
    assert "what became of order o1 is not known" in refused.reason
    assert desk.position("B") == 100
    assert [order.ticker for order in desk.venue.sent] == ["A", "B"]


async def test_what_an_order_of_unknown_fate_may_have_cost_counts_against_the_limits():
    desk = Desk("A", "B", limits=RiskLimits(max_total_exposure=Decimal(100)))
    desk.venue.silent["A"] = 9
    await desk.run({"A": BUY})

    (refused,) = only(await desk.run({"B": BUY}), OrderRefused)

    # 100 at a limit of 54 c each.
    assert (refused.rule, refused.value) == ("total_exposure", 108)


async def test_an_exit_of_unknown_fate_frees_nothing():
    desk = Desk("A", "B", limits=RiskLimits(max_positions=1))
    await desk.run({"A": BUY})
    desk.venue.silent["A"] = 9
    await desk.run({"A": LEAVE})

    (refused,) = only(await desk.run({"B": BUY}), OrderRefused)

    assert refused.rule == "max_positions"


async def test_a_venue_that_breaks_off_loses_neither_its_order_nor_what_happened_before():
    desk = Desk("A", "B")
    desk.venue.before = lambda order: setattr(desk.venue, "breaks", order.ticker == "B" and "gone")

    with pytest.raises(ExchangeError):
        await desk.act(BUY)
    assert [order.ticker for order in desk.trader.unresolved] == ["B"]
    events = await desk.run()

    ended = [event.execution.order.ticker for event in only(events, OrderEnded)]
    assert ended == ["A", "B"]
    assert desk.store.portfolio == desk.trader.portfolio
    assert desk.position("A") == desk.position("B") == 100


async def test_fills_of_a_market_that_settled_meanwhile_are_paid_out_as_well():
    desk = Desk()
    desk.venue.silent["A"] = 1
    await desk.run(BUY)
    desk.markets["A"] = replace(
        desk.markets["A"], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
    )

    await desk.run()

    fees = desk.trader.portfolio.fees
    assert desk.trader.portfolio.cash == CASH + 47 - fees == desk.store.portfolio.cash


async def test_a_market_that_nobody_describes_keeps_its_position():
    desk = Desk("A", "B")
    await desk.run({"A": BUY})
    del desk.markets["A"]

    await desk.run()

    assert desk.position("A") == 100


async def test_a_refusal_says_rule_value_and_limit():
    desk = Desk(limits=RiskLimits(max_order_cost=Decimal(10)))

    (refused,) = only(await desk.run(BUY), OrderRefused)

    assert (refused.rule, refused.value, refused.limit) == ("max_order_cost", 54, 10)


def test_the_rules_of_a_replay_leave_out_what_a_tape_cannot_tell():
    limits = RiskLimits(max_orders_per_minute=10, max_total_exposure=Decimal(7))
    rules = TradeRules(THRESHOLDS, Sizing(Decimal(1), Decimal(0)), limits, min_edge=2.0)

    assert rules.on_tape() == replace(rules, limits=RiskLimits(max_total_exposure=Decimal(7)))


async def test_a_category_is_limited_over_its_events_also_after_a_restart():
    desk = Desk("A", "B", "C", limits=RiskLimits(max_category_exposure=Decimal(60)))
    for ticker, category in (("A", "Crypto"), ("B", "Crypto"), ("C", "Sports")):
        desk.markets[ticker] = replace(desk.markets[ticker], category=category)
    await desk.run({"A": BUY})
    desk.restart()

    events = await desk.run({"B": BUY, "C": BUY})

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "category_exposure")
    assert desk.position("C") == 100


async def test_where_a_market_belongs_is_forgotten_with_its_position():
    desk = Desk()
    await desk.run(BUY)
    assert desk.store.memos["place"].keys() == {"A"}

    await desk.run(LEAVE)

    assert desk.store.memos["place"] == desk.store.memos["mark"] == {}


async def test_only_what_changed_is_remembered_again():
    desk = Desk("A", "B")
    await desk.run({"A": BUY})

    assert desk.trader.memos() == []
    await desk.act({"B": BUY})
    assert {(memo.kind, memo.key) for memo in desk.trader.memos()} == {
        ("mark", "B"),
        ("place", "B"),
    }


async def test_no_more_entries_than_allowed_in_a_minute_whatever_the_market():
    desk = Desk("A", "B", "C", limits=RiskLimits(max_orders_per_minute=2))

    events = await desk.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("C", "max_orders_per_minute")
    assert (refused.value, refused.limit) == (2, 2)
    assert not only(await desk.run({"A": LEAVE}), OrderRefused)
    await desk.run({"C": BUY}, seconds=50)
    assert desk.position("C") == 100


async def test_an_entry_that_was_written_down_but_not_kept_counts_after_a_restart():
    desk = Desk("A", "B", limits=RiskLimits(max_orders_per_minute=1))
    await desk.run()
    desk.pass_by(1)
    await desk.act({"A": BUY})
    desk.restart()

    (refused,) = only(await desk.act({"B": BUY}), OrderRefused)

    assert refused.rule == "max_orders_per_minute"


async def test_an_entry_is_not_counted_twice_because_its_fate_was_open():
    desk = Desk("A", "B", limits=RiskLimits(max_orders_per_minute=2))
    desk.venue.silent["A"] = 9
    await desk.run({"A": BUY})
    desk.restart()

    await desk.act({"B": BUY})

    assert desk.position("B") == 100


async def test_a_new_book_begins_with_its_cash():
    desk = Desk()

    desk.restart()

    assert desk.trader.equity == desk.trader.portfolio.cash == CASH
    assert desk.trader.daily_pnl == 0
    assert desk.trader.entries_stopped is None


async def test_a_position_whose_mark_was_not_kept_is_worth_its_cost_and_says_so():
    desk = Desk()
    await desk.run(BUY)
    kept = desk.store.kept()

    desk.trader.restore(Checkpoint(kept.commit, kept.portfolio))

    assert desk.trader.marks["A"].stale
    assert desk.trader.equity == kept.portfolio.cash + kept.portfolio.exposure


async def test_an_old_book_is_refused_when_it_is_traded_on_too_late():
    desk = Desk()
    judged = desk.judged({"A": BUY})

    (refused,) = only(
        await desk.trader.act(desk.at + timedelta(seconds=61), judged, desk.markets), OrderRefused
    )

    assert (refused.rule, refused.value, refused.limit) == ("stale_book", 61, 60)


async def test_a_book_without_the_side_that_is_needed_makes_no_order():
    desk = Desk()
    desk.books["A"] = replace(BOOK, asks=())

    events = await desk.run(BUY)

    assert [type(event) for event in events[:1]] == [SignalMade]
    assert desk.store.intended == {}
