"""Positions and limits as people see them: to the cent, and never before they are kept."""

from decimal import Decimal

import pytest

from bot.app.term.committed_view import CommittedView
from bot.core.market.market import MarketStatus
from bot.core.market.money import whole_cents
from bot.core.market.orderbook import OrderBook
from bot.core.risk.limits import RiskLimits
from bot.dashboard.account_panel import AccountPanel
from bot.engine.unit_of_work import PassState
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord, StoreError
from tests.support.panels import Paneled
from tests.support.strategies import ladder


async def test_a_long_is_worth_what_closing_it_now_would_fetch():
    bench = Paneled()

    await bench.run(0.8)

    position = bench.position
    assert (position.side, position.size) == ("YES", 100)
    assert (position.entry_price, position.mark_price) == (53.0, 52.0)
    assert (position.cost, position.value, position.pnl_unrealized) == (53.0, 52.0, -1.0)
    assert position.pnl == whole_cents(Decimal(-1) - bench.trader.portfolio.fees)
    assert position.hold_reason == "entered in this cycle at a score of 0.80"
    assert not position.stale


async def test_a_short_is_no_contracts_at_yes_prices():
    bench = Paneled()

    await bench.run(0.2)

    position = bench.position
    assert (position.side, position.size) == ("NO", 100)
    assert (position.entry_price, position.mark_price) == (52.0, 53.0)
    assert (position.cost, position.value) == (48.0, 47.0)


@pytest.mark.parametrize(
    ("entry", "later", "reason"),
    [
        (0.8, 0.61, "score 0.61, a long ends at 0.55 or below"),
        (0.2, 0.39, "score 0.39, a short ends at 0.45 or above"),
        (0.8, None, "held without a prediction"),
    ],
)
async def test_why_it_is_still_held(entry, later, reason):
    bench = Paneled()

    await bench.run(entry)
    await bench.run(later)

    assert bench.position.hold_reason.startswith(reason)


async def test_an_exit_that_is_not_all_taken_says_so():
    bench = Paneled()

    await bench.run(0.8)
    bench.exchange.shown["A"] = OrderBook(ladder(("0.52", 40)), ladder(("0.53", 300)))
    await bench.run(0.5)

    position = bench.position
    assert position.size == 60
    assert position.hold_reason == (
        "an exit is due and did not end it: no more bids within 51 c (they begin at 52 c)"
    )


async def test_where_nobody_would_take_it_the_last_mark_stands_as_stale():
    bench = Paneled()

    await bench.run(0.8)
    bench.exchange.shown["A"] = OrderBook((), ladder(("0.53", 300)))
    await bench.run(0.5)

    position = bench.position
    assert (position.mark_price, position.stale) == (52.0, True)
    assert position.stale_reason == "no book shows a price to close at now: the last one stands"


async def test_without_a_book_the_reason_is_that_of_the_book():
    bench = Paneled()

    await bench.run(0.8)
    bench.exchange.fails = "GET /markets/orderbooks: 503"
    await bench.run(0.5)

    assert bench.position.hold_reason == "no sound book: GET /markets/orderbooks: 503"


async def test_a_closed_market_is_held_until_it_settles():
    bench = Paneled()

    await bench.run(0.8)
    bench.exchange.change("A", status=MarketStatus.CLOSED)
    await bench.run(0.5)

    assert bench.position.hold_reason == (
        "the market takes no orders (closed): held until it settles"
    )


async def test_the_totals_are_those_of_the_ledger():
    bench = Paneled("A", "B", size="7.77")

    await bench.run(0.8)
    await bench.run(0.5)
    await bench.run(0.2)

    totals, trader = bench.panel.view.totals, bench.trader
    assert totals is not None
    assert totals.equity == whole_cents(trader.equity)
    assert totals.cash == whole_cents(trader.portfolio.cash)
    assert totals.realized == whole_cents(trader.portfolio.net)
    assert totals.fees == whole_cents(trader.portfolio.fees)
    assert totals.exposure == whole_cents(trader.portfolio.exposure)
    open_pnl = trader.equity - trader.portfolio.cash - trader.portfolio.exposure
    assert totals.unrealized == whole_cents(open_pnl)


async def test_after_a_restart_without_prices_a_worth_is_unknown_not_the_cost():
    bench = Paneled()
    await bench.run(0.8)

    bench.trader.restore(Checkpoint(1, bench.trader.portfolio))
    bench.exchange.fails = "GET /markets/orderbooks: 503"
    await bench.run(0.5)

    position = bench.position
    assert (position.mark_price, position.value) == (None, None)
    assert (position.pnl_unrealized, position.pnl) == (None, None)
    assert position.stale_reason == "no price of it was seen yet: it is counted at what it cost"


class Refusing:
    """A store that keeps nothing, for it is away."""

    async def intend(self, order):
        """As ever."""

    async def commit(self, done):
        raise StoreError("the disk is gone")


async def test_money_that_is_not_kept_is_not_shown():
    bench = Paneled()
    await bench.run(None)
    before = bench.panel.view

    bench.commits._store = Refusing()
    await bench.run(0.8)

    assert bench.panel.view is before


async def test_a_standby_shows_what_the_leader_made():
    bench = Paneled()
    await bench.run(None)
    bench.scorer.opinion = 0.8
    bench.clock.pass_by(10)
    records: list[StateRecord] = []
    view = CommittedView(bench.publisher, bench.panel)
    bench.commit_with(PassState(view, (Taking(bench.panel, records),)))
    await bench.cycle.run()

    standby = AccountPanel(bench.trader)
    standby.catch_up(CommittedChanges(1, state_records=tuple(records)))
    restarted = AccountPanel(bench.trader)
    bodies = {one.kind: {one.key: one.body} for one in records if one.body is not None}
    restarted.restore(Checkpoint(1, bench.trader.portfolio, state_records=bodies))

    assert standby.view == restarted.view == bench.panel.view
    assert bench.panel.state_records() == []


class Taking:
    """Takes down what a view hands out to be kept."""

    def __init__(self, panel, records):
        self._panel, self._records = panel, records

    def state_records(self):
        found = self._panel.state_records()
        self._records += found
        return found


async def test_limits_say_what_is_used_of_them():
    bench = Paneled("A", "B")

    await bench.run(0.8)

    limits = {one.setting: one for one in bench.panel.view.limits}
    total = limits["RISK_MAX_TOTAL_EXPOSURE"]
    assert (total.value, total.limit, total.use) == (106.0, 2500.0, 0.0424)
    event = limits["RISK_MAX_EVENT_EXPOSURE"]
    assert (event.rule, event.value, event.of) == ("event_exposure", 53.0, "E-A")
    lost = limits["RISK_DAILY_LOSS_STOP"]
    assert lost.value == whole_cents(-bench.trader.daily_pnl)
    halt = limits["RISK_DRAWDOWN_HALT"]
    assert (halt.limit, halt.reason) == (None, "this limit is off")
    each = limits["RISK_MAX_ORDER_COST"]
    assert (each.value, each.use, each.reason) == (None, None, "checked for each order")


async def test_entries_of_the_last_minute_count_and_no_others():
    bench = Paneled("A", "B", limits=RiskLimits(max_orders_per_minute=10))

    await bench.run(0.8)
    used = {one.rule: one.value for one in bench.panel.view.limits}["max_orders_per_minute"]
    bench.clock.pass_by(60)
    await bench.run(0.8)

    assert used == 2
    assert {one.rule: one.value for one in bench.panel.view.limits}["max_orders_per_minute"] == 0


async def test_a_position_whose_exit_rests_says_where():
    bench = Paneled(patience=30.0)
    await bench.run(0.8)

    await bench.run(0.5)

    assert bench.position.hold_reason == "the exit rests at 53 c, 300 contracts ahead"
