"""Markets that went to the archive while nobody looked are paid for all the same."""

from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from bot import config
from bot.app.composition import first_snapshot, unkept
from bot.app.node_context import NodeContext
from bot.core.events import MarketSettled
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.market_data.universe import ARCHIVE_AGE, Universe
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import Checkpoint
from bot.sim.rest.server import create_exchange_app
from tests.support.fakes import FakeScorer, HandClock, ListJournal
from tests.support.faults import at_once
from tests.support.sim_exchanges import CLOSE, START, buy, exchange_with, sell
from tests.support.strategies import open_market

RESULTS = {"YES": ("yes", None), "NO": ("no", None), "PART": ("scalar", 3_700)}
PAYS = {"YES": Decimal(1), "NO": Decimal(0), "PART": Decimal("0.37")}


class Driver:
    """Keeps the exchange at the clock's time."""

    def __init__(self, exchange, clock):
        self._exchange = exchange
        self._clock = clock

    def catch_up(self):
        self._exchange.advance(self._clock.now())


class Stand:
    """An exchange in-process, and bots over it, one after the other."""

    def __init__(self, folder, exchange, clock, data):
        self.exchange = exchange
        self.clock = clock
        self.data = data
        self.model = FakeScorer()
        self.journal = ListJournal()
        self._settings = config.load(
            None, kalshi_env="sim", log_dir=folder, risk_max_event_exposure=Decimal(900)
        )

    def bot(self, checkpoint=None):
        snapshot_holder = first_snapshot(self._settings, self.model, self.clock.now())
        world = NodeContext(
            self._settings, self.model, self.data, self.journal, self.clock, snapshot_holder
        )
        bot = unkept(world)
        if checkpoint is not None:
            bot.restore(checkpoint)
        return bot

    def pay(self):
        """All markets close, are determined, pay, and go to the archive."""
        self.exchange.advance(CLOSE)
        for ticker, (result, ticks) in RESULTS.items():
            self.exchange.determine(ticker, result, ticks)
        self.clock.at = CLOSE + timedelta(days=2)
        self.exchange.advance(self.clock.at)


@pytest.fixture
async def stand(tmp_path):
    async with _stand(tmp_path) as ready:
        yield ready


@asynccontextmanager
async def _stand(folder):
    clock = HandClock(START)
    exchange = exchange_with(*RESULTS)
    makers = [exchange.open_account(name, {}, house=True) for name in ("bid", "ask")]
    for ticker in RESULTS:
        for step in range(1, 6):
            buy(exchange, makers[0], 300 * step, 50 - step, ticker=ticker)
            sell(exchange, makers[1], 300 * step, 50 + step, ticker=ticker)
    transport = httpx.ASGITransport(create_exchange_app(exchange, Driver(exchange, clock), clock))
    budget = TokenBudget(lambda: 0.0, 1e6, sleep=at_once)
    async with open_http("http://sim.invalid/trade-api/v2", transport) as http:
        yield Stand(folder, exchange, clock, KalshiClient(http, budget, clock))


async def _with_positions(stand):
    """A bot that holds all three markets."""
    bot = stand.bot()
    await bot.universe.scan()
    for opinion in (None, None, None, None, 0.9):
        stand.model.opinion = opinion
        stand.clock.pass_by(4)
        await bot.cycle.run()
        await bot.universe.learn()
    assert set(bot.trader.held()) == set(RESULTS), "the scene needs positions"
    stand.model.opinion = None
    return bot


async def test_what_was_archived_while_the_service_was_off_is_paid(stand):
    before = (await _with_positions(stand)).trader.portfolio
    stand.pay()
    bot = stand.bot(Checkpoint(1, before, (), (), {}))

    with pytest.raises(ExchangeError, match="no open market"):
        await bot.universe.scan()
    await bot.cycle.run()

    assert await stand.data.markets(list(RESULTS)) == {}
    assert not bot.trader.held()
    paid = {event.ticker: event.payout for event in stand.journal.of(MarketSettled)}
    assert paid == PAYS
    sizes = {t: position.size for t, position in before.positions.items()}
    assert bot.trader.portfolio.cash - before.cash == sum(sizes[t] * paid[t] for t in RESULTS)
    assert "held" not in (bot.universe.status.fault or "")


async def test_detections_in_an_archived_market_come_to_an_end(stand):
    found = await stand.data.anywhere(["YES", "GONE"])
    assert found["YES"].payout is None
    stand.pay()

    found = await stand.data.anywhere(["YES", "GONE", "PART"])

    assert {t: market.payout for t, market in found.items()} == {
        "YES": Decimal(1),
        "PART": Decimal("0.37"),
    }


class FakeArchive:
    def __init__(self):
        self.markets = {}
        self.asked = []
        self.fails = False

    async def __call__(self, tickers):
        self.asked.append(tuple(tickers))
        if self.fails:
            raise ExchangeError("the archive is down")
        return {t: self.markets[t] for t in tickers if t in self.markets}


async def test_the_archive_is_asked_about_lost_markets_now_and_then_and_may_fail(stand):
    clock, archive = HandClock(), FakeArchive()
    stand.pay()
    universe = Universe(stand.data, clock, 2, patience=0.01, archive=archive)
    universe.hold(["A"])
    archive.fails = True

    await universe.refresh()
    await universe.refresh()
    assert archive.asked == [("A",)]
    assert universe.status.fault == "held, but not known to the exchange: A"

    archive.fails = False
    archive.markets["A"] = open_market("A")
    clock.pass_by(ARCHIVE_AGE.total_seconds())
    await universe.refresh()
    assert list(universe.watched()) == ["A"]
