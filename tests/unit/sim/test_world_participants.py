from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.market.market import CENT_GRID, Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec, grid_ticks
from bot.sim.engine.units import CENT, CONTRACT
from bot.sim.world.experiment import START
from bot.sim.world.habits import NOBODY_LARGE, Large, Maker
from bot.sim.world.large_traders import LargeTraders
from bot.sim.world.listings import TAPERED
from bot.sim.world.makers import MarketMakers
from bot.sim.world.market_adapter import MarketAdapter, rungs, whole
from bot.sim.world.noise_flow import NoiseFlow
from bot.sim.world.presets import SLOW_DAY
from bot.sim.world.rng_stream import RngStream
from bot.sim.world.truth import ActionKind, How, Truth

BOTH = dict.fromkeys(Side, 1.0)


class Floor:
    """One open market and a house account."""

    def __init__(self) -> None:
        self.exchange = Exchange(1, START)
        self.exchange.add_series(SeriesSpec("KX", "KX", "Test"))
        self.exchange.add_event(EventSpec("KX-E", "KX", "E"))
        self.exchange.add_market(
            MarketSpec("KX-E-1", "KX-E", "?", START, START + timedelta(days=1))
        )
        self.account = self.open("house")
        self.adapter = MarketAdapter(self.exchange, "KX-E-1", CENT_GRID)

    def open(self, name: str) -> MemberAccount:
        return self.exchange.open_account(name, house=True)

    def quote(self, bid: int, ask: int, contracts: float = 100) -> None:
        """Best prices in cents by somebody else."""
        others = self.open(f"others {bid} {ask}")
        self.adapter.rest(others, Side.BUY, bid * CENT, contracts)
        self.adapter.rest(others, Side.SELL, ask * CENT, contracts)

    def cents(self, side: Side) -> list[int]:
        return [price // CENT for price, _ in self.adapter.book.levels(side)]

    def contracts(self, side: Side, cents: int) -> float:
        return self.adapter.book.size_at(side, cents * CENT) / CONTRACT


@pytest.fixture
def floor() -> Floor:
    return Floor()


def backend(floor: Floor, **habits: Any) -> MarketMakers:
    usual = Maker(0.5, 2, 100, 0.0, lag=0.0, follow=1.0, flee=1.0)
    return MarketMakers(
        replace(usual, **habits), floor.adapter, floor.account, RngStream(1, "maker")
    )


def test_a_maker_hangs_its_ladder_around_what_it_believes(floor):
    maker = backend(floor)
    maker.believe(5050.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)

    assert floor.cents(Side.BUY) == [50, 49]
    assert floor.cents(Side.SELL) == [51, 52]


def test_a_maker_that_follows_leaves_nothing_behind(floor):
    maker = backend(floor)
    for belief in (5050.0, 5350.0, 4850.0):
        maker.believe(belief, 1.0)
        maker.follow(0.0, 1.0, BOTH)

    assert floor.cents(Side.BUY) == [48, 47]
    assert floor.cents(Side.SELL) == [49, 50]


def test_a_maker_may_leave_its_far_quotes_where_they_are(floor):
    maker = backend(floor, resting_beyond=3)
    for belief in (5050.0, 5250.0):
        maker.believe(belief, 1.0)
        maker.follow(0.0, 1.0, BOTH)

    assert floor.cents(Side.BUY) == [52, 51, 50, 49]


def test_quotes_in_danger_shrink_to_a_token_and_the_other_side_stays(floor):
    maker = backend(floor, token=10.0)
    maker.believe(5050.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)

    maker.believe(5160.0, 1.0)
    maker.flee(0.0, 1.0, BOTH)

    assert floor.contracts(Side.SELL, 51) < 60
    assert floor.contracts(Side.SELL, 52) < 60
    assert floor.contracts(Side.BUY, 50) == 100


def test_a_maker_that_redraws_has_new_quotes_further_out_at_once(floor):
    maker = backend(floor, redraws=True)
    maker.believe(5050.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)

    maker.believe(5250.0, 1.0)
    maker.flee(0.0, 1.0, BOTH)

    assert floor.cents(Side.SELL) == [53, 54]
    assert floor.cents(Side.BUY) == [50, 49]


def test_news_that_alarms_is_acted_on_at_once_by_the_slowest_maker(floor):
    maker = backend(floor, lag=1e9, follow=0.0, flee=0.0, alarm=3.0)
    maker.believe(5050.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)
    maker.believe(5250.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)
    assert floor.cents(Side.BUY) == [50, 49]

    maker.believe(6050.0, 1.0)
    maker.flee(0.0, 1.0, BOTH)
    maker.follow(0.0, 1.0, BOTH)

    assert floor.cents(Side.BUY) == [60, 59]


def test_near_the_end_of_the_grid_a_side_runs_out_of_prices(floor):
    maker = backend(floor)
    maker.believe(9990.0, 1.0)
    maker.follow(0.0, 1.0, BOTH)
    maker.believe(10_000.0, 1.0)
    maker.flee(0.0, 1.0, BOTH)
    maker.follow(0.0, 1.0, BOTH)

    assert floor.cents(Side.SELL) == []
    assert floor.cents(Side.BUY) == [99, 98]


def test_a_side_without_depth_is_not_quoted(floor):
    maker = backend(floor)
    maker.believe(5050.0, 1.0)
    maker.follow(0.0, 1.0, {Side.BUY: 1.0, Side.SELL: 0.0})

    assert floor.cents(Side.BUY) == [50, 49]
    assert floor.cents(Side.SELL) == []


def test_a_refusal_is_an_expected_no(floor):
    order = floor.adapter.rest(floor.account, Side.BUY, 5000, 10)
    assert order is not None
    floor.exchange.pause_exchange(paused=True)

    assert floor.adapter.rest(floor.account, Side.BUY, 4900, 10) is None
    assert floor.adapter.take(floor.account, Side.SELL, 5000, CONTRACT) == 0
    floor.adapter.cancel(floor.account, order)
    assert order.remaining == 10 * CONTRACT

    floor.exchange.pause_exchange(paused=False)
    floor.adapter.cancel(floor.account, order)
    floor.adapter.cancel(floor.account, order)
    assert floor.cents(Side.BUY) == []


def test_prices_are_found_along_the_grid(floor):
    adapter = floor.adapter

    assert adapter.inside(Side.BUY, 5099.0) == 5000
    assert adapter.inside(Side.SELL, 5001.0) == 5100
    assert adapter.inside(Side.BUY, 50.0) is None
    assert adapter.inside(Side.SELL, 9950.0) is None
    assert adapter.away(Side.BUY, 5000, 2) == 4800
    assert adapter.away(Side.SELL, 5000, -1) == 4900
    assert adapter.away(Side.BUY, 100, 5) is None


def test_makers_quote_half_cents_near_the_ends_of_a_fine_grid_and_cents_between():
    quoted = rungs(sorted(grid_ticks(TAPERED)))

    assert quoted[:4] == [10, 50, 100, 150]
    assert 5000 in quoted
    assert 5050 not in quoted
    assert rungs([100]) == [100]
    assert whole(0.2) == CONTRACT


def test_those_who_know_trade_up_to_what_it_is_worth_and_not_beyond(floor):
    floor.quote(50, 51)
    floor.quote(45, 54)
    habits = replace(SLOW_DAY.flow, informed=50.0, takers=0.0, limits=0.0, informed_size=1e6)
    agents = NoiseFlow(habits, floor.adapter, floor.account, RngStream(1, "flow"))

    agents.step(5350.0, 1.0, 1.0)

    assert floor.cents(Side.SELL) == [54]
    assert floor.account.position("KX-E-1") == 100 * CONTRACT


def test_limit_orders_come_and_go(floor):
    floor.quote(50, 53)
    habits = replace(SLOW_DAY.flow, informed=0.0, takers=0.0, limits=3.0, limit_life=5.0)
    agents = NoiseFlow(habits, floor.adapter, floor.account, RngStream(1, "flow"))
    for _ in range(20):
        agents.step(5100.0, 1.0, 1.0)
    assert floor.account.open_orders

    agents.step(5100.0, 10_000.0, 0.0)

    assert not floor.account.open_orders
    assert floor.adapter.book.best_bid < floor.adapter.book.best_ask


def test_large_quotes_of_market_making_are_gone_within_seconds(floor):
    floor.quote(50, 53)
    still = replace(SLOW_DAY.flow, informed=0.0, takers=0.0, limits=0.0, flickers=0.0)
    agents = NoiseFlow(
        replace(still, flickers=2.0), floor.adapter, floor.account, RngStream(1, "flow")
    )
    agents.step(5100.0, 2.0, 1.0)
    orders = list(floor.account.open_orders.values())
    assert max(order.remaining for order in orders) > 1000 * CONTRACT

    agents.step(5100.0, 60.0, 0.0)

    assert not floor.account.open_orders


def test_in_an_empty_book_the_crowd_does_nothing(floor):
    habits = replace(SLOW_DAY.flow, informed=5.0, takers=5.0, limits=5.0, flickers=5.0)
    NoiseFlow(habits, floor.adapter, floor.account, RngStream(1, "flow")).step(5000.0, 1.0, 1.0)

    assert not floor.account.open_orders
    assert floor.adapter.state.volume == 0


def large_traders(floor: Floor, habits: Large) -> tuple[LargeTraders, Truth]:
    truth = Truth()
    accounts = {kind: floor.open(kind) for kind in ActionKind}
    return LargeTraders(habits, floor.adapter, accounts, RngStream(2, "giants"), truth), truth


OFTEN = 1e9


def test_an_iceberg_shows_its_tip_only_and_refills_it(floor):
    floor.quote(50, 60)
    habits = replace(NOBODY_LARGE, whales=OFTEN, icebergs=1.0, right=1.0, whale_ticks=0)
    agents, truth = large_traders(floor, habits)
    while not truth.actions:
        agents.step(9000.0, 1.0)
    (action,) = truth
    taker = floor.open("taker")
    tip = floor.contracts(Side.BUY, 50) - 100
    assert action.kind is ActionKind.ICEBERG
    assert tip == pytest.approx(action.shown)
    assert action.size > 3 * action.shown

    floor.adapter.take(taker, Side.SELL, 5000, int((100 + tip) * CONTRACT))
    agents.step(9000.0, 0.0)

    assert floor.contracts(Side.BUY, 50) == pytest.approx(tip)


def test_a_spoofer_takes_its_order_down_when_the_price_comes_near(floor):
    floor.quote(50, 60)
    agents, truth = large_traders(floor, replace(NOBODY_LARGE, spoofs=OFTEN, spoof_life=1e6))
    while not truth.actions:
        agents.step(5500.0, 1e-6)
    action = truth.actions[0]
    best = floor.adapter.best(action.side)
    assert abs(round(action.price * 10_000) - best) >= 2 * CENT

    floor.exchange.cancel_all(floor.exchange.state.accounts["others 50 60"])
    agents.step(5500.0, 60.0)

    assert action.how is How.CANCELLED
    assert action.filled == 0.0


def test_a_sweep_takes_several_prices_at_once(floor):
    for step in range(5):
        floor.quote(50 - step, 55 + step)
    agents, truth = large_traders(floor, replace(NOBODY_LARGE, sweeps=OFTEN))
    while not truth.actions:
        agents.step(5200.0, 1.0)
    action = truth.actions[0]

    assert action.kind is ActionKind.SWEEP
    assert action.filled == 500.0
    assert action.how is How.FILLED


def test_large_orders_still_standing_end_with_the_market(floor):
    floor.quote(40, 60)
    agents, truth = large_traders(floor, replace(NOBODY_LARGE, whales=OFTEN, icebergs=0.0))
    while not truth.actions:
        agents.step(5000.0, 1e-6)

    agents.close()

    assert truth.actions[0].how is How.CLOSED


def test_in_an_empty_book_nobody_is_large(floor):
    agents, truth = large_traders(
        floor, replace(NOBODY_LARGE, whales=OFTEN, spoofs=OFTEN, sweeps=OFTEN)
    )
    for _ in range(20):
        agents.step(5000.0, 1.0)

    assert not truth.actions
