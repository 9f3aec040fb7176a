"""The real client, universe and cycle over the simulated exchange, while it fails in every way.

A minute of cycles under each failure: no position changes, the failure is shown, and the first
cycle after it works again.
"""

from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
import stamina

from bot import config
from bot.app.composition import first_snapshot, unkept
from bot.app.node_context import NodeContext
from bot.core.market.money import ZERO
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.ports.exchange import ExchangeError
from bot.sim.rest.server import create_exchange_app
from logging_utils import CsvJournal
from tests.support.fakes import FakeScorer, HandClock
from tests.support.faults import BOOKS, STRANGE, TOTAL, FaultyTransport, at_once
from tests.support.sim_exchanges import START, buy, exchange_with, sell

CYCLE = 4.0
MINUTE = 15
TICKERS = tuple(f"KXRAIN-26NOV23-{town}" for town in ("NYC", "LAX", "CHI", "MIA"))


class Driver:
    """Keeps the exchange at the clock's time."""

    def __init__(self, exchange, clock):
        self._exchange = exchange
        self._clock = clock

    def catch_up(self):
        self._exchange.advance(self._clock.now())


def _exchange():
    """Four quiet markets with a book that two house members made and a trade between them."""
    exchange = exchange_with(*TICKERS)
    makers = [exchange.open_account(name, {}, house=True) for name in ("bid", "ask")]
    for ticker in TICKERS:
        for step in range(1, 6):
            buy(exchange, makers[0], 300 * step, 50 - step, ticker=ticker)
            sell(exchange, makers[1], 300 * step, 50 + step, ticker=ticker)
        buy(exchange, makers[0], 10, 51, ticker=ticker)
    return exchange


class Stand:
    """The assembled bot with time, opinions and failures by hand."""

    def __init__(self, bot, clock, model, transport, exchange):
        self.bot = bot
        self.exchange = exchange
        self.clock = clock
        self.model = model
        self.transport = transport

    async def cycles(self, count=1, opinion=None):
        self.model.opinion = opinion
        faults = []
        for _ in range(count):
            self.clock.pass_by(CYCLE)
            faults.append(await self.bot.cycle.run())
        return faults

    async def keep_scanning(self):
        for work in (self.bot.universe.scan, self.bot.universe.learn):
            try:
                await work()
            except ExchangeError:
                continue

    @property
    def portfolio(self):
        return self.bot.trader.portfolio

    @property
    def fresh(self):
        return [m for m in self.bot.snapshot_holder.snapshot.state.markets if not m.stale]


@pytest.fixture(scope="module")
def _no_waiting():
    stamina.set_testing(True, attempts=2)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def stand(tmp_path, _no_waiting):
    async with _stand(tmp_path) as ready:
        yield ready


@asynccontextmanager
async def _stand(folder):
    clock = HandClock(START)
    exchange = _exchange()
    app = create_exchange_app(exchange, Driver(exchange, clock), clock)
    transport = FaultyTransport(httpx.ASGITransport(app))
    settings = config.load(
        None, kalshi_env="sim", log_dir=folder, bot_markets=4, risk_max_event_exposure=Decimal(900)
    )
    model = FakeScorer()
    budget = TokenBudget(lambda: 0.0, 1e6, sleep=at_once)
    async with open_http(settings.base_url, transport) as http:
        with CsvJournal(folder) as journal:
            data = KalshiClient(http, budget, clock)
            snapshot_holder = first_snapshot(settings, model, clock.now())
            bot = unkept(NodeContext(settings, model, data, journal, clock, snapshot_holder))
            yield Stand(bot, clock, model, transport, exchange)


async def _with_positions(stand):
    await stand.keep_scanning()
    await stand.cycles(1)
    await stand.bot.universe.learn()
    await stand.cycles(3)
    await stand.cycles(2, opinion=0.9)
    assert stand.portfolio.positions, "the scene needs a position"
    return dict(stand.portfolio.positions)


@pytest.mark.parametrize("pause", ["pause_trading", "pause_exchange"])
async def test_in_a_pause_of_the_exchange_nothing_fills_and_that_is_shown(stand, pause):
    held = await _with_positions(stand)
    getattr(stand.exchange, pause)(True)

    await stand.cycles(MINUTE, opinion=0.5)
    status = stand.bot.snapshot_holder.status
    assert dict(stand.portfolio.positions) == held
    assert "is paused on shard 0" in status.trading_halted
    refusals = {view.refusal.rule for view in stand.bot.decisions.of(None, 4) if view.refusal}
    assert refusals == {"trading_pause"}

    getattr(stand.exchange, pause)(False)
    await stand.cycles(4, opinion=0.5)
    assert not stand.portfolio.positions
    assert stand.bot.snapshot_holder.status.trading_halted is None


@pytest.mark.parametrize("fault", TOTAL.values(), ids=TOTAL.keys())
async def test_a_minute_of_failure_loses_no_position_and_ends_by_itself(stand, fault):
    held = await _with_positions(stand)
    stand.transport.fault = fault

    faults = await stand.cycles(MINUTE, opinion=0.5)
    await stand.keep_scanning()

    assert all(faults), "every failing cycle says so"
    assert stand.portfolio.positions == held
    assert not stand.fresh

    stand.transport.fault = None
    assert await stand.cycles(1, opinion=None) == [None]
    assert stand.portfolio.positions == held
    assert stand.fresh


@pytest.mark.parametrize("fault", BOOKS.values(), ids=BOOKS.keys())
async def test_a_minute_of_broken_books_loses_no_position(stand, fault):
    held = await _with_positions(stand)
    stand.transport.fault = fault

    faults = await stand.cycles(MINUTE, opinion=0.5)

    assert all(faults)
    assert stand.portfolio.positions == held

    stand.transport.fault = None
    await stand.cycles(1, opinion=0.5)
    closed = [t for t in held if stand.portfolio.size(t) == ZERO]
    assert closed, "with good books an exit works again"


@pytest.mark.parametrize("fault", STRANGE.values(), ids=STRANGE.keys())
async def test_what_is_only_strange_is_no_failure(stand, fault):
    await _with_positions(stand)
    stand.transport.fault = fault

    faults = await stand.cycles(3, opinion=0.5)
    await stand.bot.universe.scan()

    assert faults == [None, None, None]
    assert stand.fresh


async def test_a_failure_from_the_first_moment_on_leaves_an_empty_page_and_recovers(stand):
    stand.transport.fault = TOTAL["no connection"]
    await stand.keep_scanning()

    assert all(await stand.cycles(2))
    assert stand.bot.snapshot_holder.snapshot.state.markets == ()
    assert stand.bot.snapshot_holder.status.universe_fault

    stand.transport.fault = None
    await stand.keep_scanning()

    assert await stand.cycles(1) == [None]
    assert stand.fresh
    assert stand.bot.snapshot_holder.status.universe_fault is None
