"""What the simulated exchange remembers is bounded, and right all the same."""

import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sim.engine import accounts
from bot.sim.engine.errors import Rejected
from bot.sim.engine.history import DAY_MINUTES, History
from bot.sim.engine.units import CONTRACT, DOLLAR
from tests.support.sim_exchanges import CLOSE, buy, exchange_with, sell


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 10_000)), min_size=1))
def test_the_volume_of_a_day_is_that_of_its_trades(trades):
    history, minute, seen = History(), 0, []
    for pause, size in trades:
        minute += pause
        history.traded(minute, 50, size, 0)
        seen.append((minute, size))

    for later in (minute, minute + DAY_MINUTES // 2, minute + DAY_MINUTES):
        recent = [size for at, size in seen if at > later - DAY_MINUTES]
        assert history.day_volume(later) == sum(recent)


def test_a_day_of_trades_takes_room_by_the_minute_not_by_the_trade():
    history = History()
    tracemalloc.start()
    try:
        for trade in range(50_000):
            history.traded(1_000_000 + trade // 5_000, 50, 1_000 + trade, 0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 50_000


def test_a_day_is_forgotten_though_nobody_asks_for_it():
    history = History()
    tracemalloc.start()
    try:
        for minute in range(20 * DAY_MINUTES):
            history.traded(minute, 50, 1_000 + minute, 0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 1_500_000


def test_of_a_member_the_newest_records_are_kept_and_all_that_rests(monkeypatch):
    monkeypatch.setattr(accounts, "MAX_RECORDS", 5)
    exchange = exchange_with("A", "B")
    ann, bob = (exchange.open_account(name, {0: 1_000 * DOLLAR}) for name in ("ann", "bob"))
    rests = buy(exchange, ann, 1, 10, ticker="B", client_order_id="rests")
    for number in range(20):
        sell(exchange, bob, 1, 40, ticker="A")
        buy(exchange, ann, 1, 40, ticker="A", client_order_id=f"c-{number}")

    assert len(ann.orders) == len(ann.client_order_ids) == 5
    assert rests.order_id in ann.orders
    assert {"rests", "c-19", "c-16"} <= ann.client_order_ids
    assert ann.position("A") == 20 * CONTRACT


def test_a_promise_about_a_market_that_was_archived_is_no_failure():
    exchange = exchange_with("A")
    exchange.set_close_time("A", CLOSE - timedelta(hours=20))
    exchange.advance(CLOSE - timedelta(hours=20))
    exchange.determine("A", "yes")
    exchange.archive.after = timedelta(hours=1)
    exchange.advance(CLOSE - timedelta(hours=18))
    gone = "A" not in exchange.state.markets

    exchange.advance(CLOSE + timedelta(hours=1))

    assert gone
    assert exchange.result("A") == "yes"


def test_the_result_of_a_market_is_known_after_it_was_archived():
    exchange = exchange_with("A", "B")
    bob, cat = (exchange.open_account(name, house=True) for name in ("bob", "cat"))
    sell(exchange, bob, 1, 40, ticker="A")
    buy(exchange, cat, 1, 40, ticker="A")
    before = exchange.result("A")
    exchange.advance(CLOSE)
    exchange.determine("A", "yes")
    exchange.advance(CLOSE + timedelta(days=2))

    assert before == ""
    assert "A" not in exchange.state.markets
    assert exchange.result("A") == "yes"
    with pytest.raises(Rejected):
        exchange.result("C")
