"""The trader writes before it sends, sends nothing twice, and knows the fate of every order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.events import (
    MarketSettled,
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
from tests.support.fakes import HandClock
from tests.support.trading import BOOK, CASH, THRESHOLDS, Desk, only

BUY, SELL, LEAVE = 0.8, 0.2, 0.5


async def test_an_order_is_written_down_before_it_is_sent():
    backend = Desk()
    written = []
    backend.venue.before = lambda order: written.append(
        order.client_order_id in backend.store.intended
    )

    await backend.run(BUY)

    assert written == [True]
    assert backend.position() == 100


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_what_cannot_be_written_down_is_not_sent_and_ends_without_a_fill(opinion):
    backend = Desk()
    if opinion == LEAVE:
        await backend.run(BUY)
    before = backend.position()
    backend.store.fails = "the disk is full: make room"

    events = await backend.run(opinion)

    (refused,) = only(events, OrderRefused)
    (ended,) = only(events, OrderEnded)
    assert refused.rule == "database"
    assert "the disk is full: make room" in refused.reason
    # The answer may have been lost, not the order: it needs an end, whatever the disk says.
    assert ended.execution.order == refused.order
    assert ended.execution.status is OrderStatus.CANCELED
    assert ended.execution.error.startswith("never sent: ")
    assert not only(events, OrderSubmitted)
    assert backend.position() == before
    assert backend.trader.unresolved == ()


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_a_known_fault_of_the_database_keeps_every_order_back_without_trying(opinion):
    backend = Desk()
    if opinion == LEAVE:
        await backend.run(BUY)
    sent = len(backend.venue.sent)
    backend.fault = "the disk is full: make room"

    events = await backend.run(opinion)

    assert len(backend.store.intended) == len(backend.venue.sent) == sent
    assert not only(events, OrderEnded)
    assert {one.rule for one in only(events, OrderRefused)} <= {"database"}


async def test_who_leads_no_more_hears_of_it_and_sends_nothing():
    backend = Desk()
    backend.store.lost = True

    with pytest.raises(LeaseLostError):
        await backend.act(BUY)

    assert backend.venue.sent == []


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_who_is_not_sure_to_lead_does_not_even_write(opinion):
    backend = Desk()
    await backend.run(BUY if opinion == LEAVE else None)
    written = len(backend.store.intended)
    backend.sure = False

    events = await backend.run(opinion)

    assert len(backend.store.intended) == len(backend.venue.sent) == written
    assert {one.rule for one in only(events, OrderRefused)} <= {"lease"}
    assert not only(events, OrderEnded)


@pytest.mark.parametrize("opinion", [BUY, LEAVE])
async def test_a_process_that_was_paused_while_it_wrote_sends_nothing(opinion):
    backend = Desk()
    await backend.run(BUY if opinion == LEAVE else None)
    sent, before = len(backend.venue.sent), backend.position()
    backend.store.meanwhile = lambda: setattr(backend, "sure", False)

    events = await backend.run(opinion)

    (refused,) = only(events, OrderRefused)
    (ended,) = only(events, OrderEnded)
    assert refused.rule == "lease"
    assert ended.execution.order == refused.order
    assert (ended.execution.status, ended.execution.fills) == (OrderStatus.CANCELED, ())
    assert ended.execution.error == f"never sent: {refused.reason}"
    assert len(backend.venue.sent) == sent
    assert backend.position() == before
    assert backend.store.checkpoint().unresolved == ()


async def test_an_order_of_unknown_fate_is_said_once_and_asked_for_at_every_pass():
    backend = Desk()
    backend.venue.silent["A"] = 3

    first = await backend.run(BUY)
    second = await backend.run()
    third = await backend.run()

    (order,) = backend.venue.sent
    (mismatch,) = only(first, OrderUnresolved)
    assert (mismatch.order, mismatch.reason) == (order, "no answer")
    assert only(first, OrderSubmitted)
    assert not only(second + third, OrderUnresolved)
    assert backend.trader.unresolved == (order,)
    assert backend.store.checkpoint().unresolved == (order,)


async def test_fills_found_late_are_booked_like_any():
    backend, straight = Desk(), Desk()
    backend.venue.silent["A"] = 1
    await backend.run(BUY)
    await straight.run(BUY)
    assert backend.position() == 0

    events = await backend.trader.resolve_in_doubt(backend.at)

    (ended,) = only(events, OrderEnded)
    (opened,) = only(events, PositionOpened)
    assert ended.execution.filled == 100
    assert opened.price == Decimal("0.53")
    assert backend.trader.portfolio == straight.trader.portfolio
    assert backend.trader.unresolved == ()
    # No book was at hand: until one is, the position is worth its cost, and says so.
    assert backend.trader.marks["A"].stale
    assert backend.trader.marks["A"].value == backend.trader.portfolio.exposure


async def test_an_exit_found_late_closes_the_position_it_was_for():
    backend = Desk()
    await backend.run(BUY)
    backend.venue.silent["A"] = 1

    await backend.run(LEAVE)
    assert backend.position() == 100
    await backend.run()

    assert backend.position() == 0
    assert backend.trader.marks == {}


async def test_while_a_fate_is_open_nothing_else_is_sent_for_that_market():
    backend = Desk("A", "B")
    backend.venue.silent["A"] = 9
    await backend.run({"A": BUY})

    events = await backend.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.rule, refused.order.ticker) == ("unresolved", "A")
    assert "what became of order o1 is not known" in refused.reason
    assert backend.position("B") == 100
    assert [order.ticker for order in backend.venue.sent] == ["A", "B"]


async def test_what_an_order_of_unknown_fate_may_have_cost_counts_against_the_limits():
    backend = Desk("A", "B", limits=RiskLimits(max_total_exposure=Decimal(100)))
    backend.venue.silent["A"] = 9
    await backend.run({"A": BUY})

    (refused,) = only(await backend.run({"B": BUY}), OrderRefused)

    # 100 at a limit of 54 c each.
    assert (refused.rule, refused.value) == ("total_exposure", 108)


async def test_an_exit_of_unknown_fate_frees_nothing():
    backend = Desk("A", "B", limits=RiskLimits(max_positions=1))
    await backend.run({"A": BUY})
    backend.venue.silent["A"] = 9
    await backend.run({"A": LEAVE})

    (refused,) = only(await backend.run({"B": BUY}), OrderRefused)

    assert refused.rule == "max_positions"


async def test_a_venue_that_breaks_off_loses_neither_its_order_nor_what_happened_before():
    backend = Desk("A", "B")
    backend.venue.before = lambda order: setattr(
        backend.venue, "breaks", order.ticker == "B" and "gone"
    )

    with pytest.raises(ExchangeError):
        await backend.act(BUY)
    assert [order.ticker for order in backend.trader.unresolved] == ["B"]
    events = await backend.run()

    ended = [event.execution.order.ticker for event in only(events, OrderEnded)]
    assert ended == ["A", "B"]
    assert backend.store.portfolio == backend.trader.portfolio
    assert backend.position("A") == backend.position("B") == 100


@pytest.mark.parametrize("market", ["watched", "listed no more"])
async def test_what_the_account_was_paid_counts_while_no_market_says_so(market):
    backend = Desk()
    await backend.run(BUY)
    if market != "watched":
        backend.markets.pop("A")
    backend.trader.paid("A", Decimal("0.37"))

    await backend.run()

    (settled,) = only(backend.store.events, MarketSettled)
    assert (settled.ticker, settled.payout) == ("A", Decimal("0.37"))
    assert backend.position() == 0


async def test_fills_of_a_market_that_settled_meanwhile_are_paid_out_as_well():
    backend = Desk()
    backend.venue.silent["A"] = 1
    await backend.run(BUY)
    backend.markets["A"] = replace(
        backend.markets["A"], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
    )

    await backend.run()

    fees = backend.trader.portfolio.fees
    assert backend.trader.portfolio.cash == CASH + 47 - fees == backend.store.portfolio.cash


async def test_a_market_that_nobody_describes_keeps_its_position():
    backend = Desk("A", "B")
    await backend.run({"A": BUY})
    del backend.markets["A"]

    await backend.run()

    assert backend.position("A") == 100


async def test_a_refusal_says_rule_value_and_limit():
    backend = Desk(limits=RiskLimits(max_order_cost=Decimal(10)))

    (refused,) = only(await backend.run(BUY), OrderRefused)

    assert (refused.rule, refused.value, refused.limit) == ("max_order_cost", 54, 10)


def test_the_rules_of_a_replay_leave_out_what_a_tape_cannot_tell():
    limits = RiskLimits(max_orders_per_minute=10, max_total_exposure=Decimal(7))
    rules = TradeRules(THRESHOLDS, Sizing(Decimal(1), Decimal(0)), limits, min_edge=2.0)

    assert rules.on_tape() == replace(rules, limits=RiskLimits(max_total_exposure=Decimal(7)))


async def test_a_category_is_limited_over_its_events_also_after_a_restart():
    backend = Desk("A", "B", "C", limits=RiskLimits(max_category_exposure=Decimal(60)))
    for ticker, category in (("A", "Crypto"), ("B", "Crypto"), ("C", "Sports")):
        backend.markets[ticker] = replace(backend.markets[ticker], category=category)
    await backend.run({"A": BUY})
    backend.restart()

    events = await backend.run({"B": BUY, "C": BUY})

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "category_exposure")
    assert backend.position("C") == 100


async def test_where_a_market_belongs_is_forgotten_with_its_position():
    backend = Desk()
    await backend.run(BUY)
    assert backend.store.state_records["place"].keys() == {"A"}

    await backend.run(LEAVE)

    assert backend.store.state_records["place"] == backend.store.state_records["mark"] == {}


async def test_only_what_changed_is_remembered_again():
    backend = Desk("A", "B")
    await backend.run({"A": BUY})

    assert backend.trader.state_records() == []
    await backend.act({"B": BUY})
    assert {
        (state_record.kind, state_record.key) for state_record in backend.trader.state_records()
    } == {
        ("mark", "B"),
        ("place", "B"),
    }


async def test_no_more_entries_than_allowed_in_a_minute_whatever_the_market():
    backend = Desk("A", "B", "C", limits=RiskLimits(max_orders_per_minute=2))

    events = await backend.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("C", "max_orders_per_minute")
    assert (refused.value, refused.limit) == (2, 2)
    assert not only(await backend.run({"A": LEAVE}), OrderRefused)
    await backend.run({"C": BUY}, seconds=50)
    assert backend.position("C") == 100


async def test_an_entry_that_was_written_down_but_not_kept_counts_after_a_restart():
    backend = Desk("A", "B", limits=RiskLimits(max_orders_per_minute=1))
    await backend.run()
    backend.pass_by(1)
    await backend.act({"A": BUY})
    backend.restart()

    (refused,) = only(await backend.act({"B": BUY}), OrderRefused)

    assert refused.rule == "max_orders_per_minute"


async def test_an_entry_is_not_counted_twice_because_its_fate_was_open():
    backend = Desk("A", "B", limits=RiskLimits(max_orders_per_minute=2))
    backend.venue.silent["A"] = 9
    await backend.run({"A": BUY})
    backend.restart()

    await backend.act({"B": BUY})

    assert backend.position("B") == 100


async def test_a_new_book_begins_with_its_cash():
    backend = Desk()

    backend.restart()

    assert backend.trader.equity == backend.trader.portfolio.cash == CASH
    assert backend.trader.daily_pnl == 0
    assert backend.trader.entries_stopped is None


async def test_a_position_whose_mark_was_not_kept_is_worth_its_cost_and_says_so():
    backend = Desk()
    await backend.run(BUY)
    checkpoint = backend.store.checkpoint()

    backend.trader.restore(Checkpoint(checkpoint.commit, checkpoint.portfolio))

    assert backend.trader.marks["A"].stale
    assert backend.trader.equity == checkpoint.portfolio.cash + checkpoint.portfolio.exposure


async def test_an_old_book_is_refused_when_it_is_traded_on_too_late():
    backend = Desk()
    predictions = backend.predictions({"A": BUY})

    (refused,) = only(
        await backend.trader.act(backend.at + timedelta(seconds=61), predictions, backend.markets),
        OrderRefused,
    )

    assert (refused.rule, refused.value, refused.limit) == ("stale_book", 61, 60)


async def test_a_book_without_the_side_that_is_needed_makes_no_order():
    backend = Desk()
    backend.books["A"] = replace(BOOK, asks=())

    events = await backend.run(BUY)

    assert [type(event) for event in events[:1]] == [SignalMade]
    assert backend.store.intended == {}


async def test_no_exit_waits_for_an_entry():
    backend = Desk("A", "B", "C")
    await backend.run({"B": 0.9})

    await backend.run({"A": 0.9, "B": 0.5, "C": 0.9})

    assert [(o.ticker, o.aim.value) for o in backend.venue.sent[1:]] == [
        ("B", "leave"),
        ("A", "enter"),
        ("C", "enter"),
    ]


async def test_each_order_of_a_pass_is_of_its_own_moment():
    backend = Desk("A", "B")
    clock = HandClock()
    backend.trader._now = clock.now
    backend.venue.before = lambda _: clock.pass_by(3)

    await backend.act(0.9)

    first, second = backend.venue.sent
    assert (second.at - first.at).total_seconds() == 3
