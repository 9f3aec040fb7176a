"""The whole service in-process, in a hurry, on an exchange behind a real port of this machine."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import config
from bot.app import execution_backends
from bot.app.bootstrap import Running
from bot.clock import SystemClock
from bot.cluster import leader_election
from bot.config import Settings
from bot.core.events import WhaleSeen
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.whales.detector import WhaleType
from bot.core.whales.markouts import BestQuotes, Group, MarkoutSample
from bot.market_data import universe
from bot.model import scorer
from bot.ports.persistence import CommitBatch, StateRecord
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import EventSpec, SeriesSpec
from bot.sim.engine.units import DOLLAR, ticks, units
from bot.sim.faults.active import Faults
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import PREFIX, create_exchange_app
from bot.store.database import opened
from bot.telemetry import loop_lag
from bot.whales.markout_stats import MarkoutStats
from tests.support.fakes import FakeScorer
from tests.support.sim_exchanges import market_spec, request
from tests.support.sim_streaming import served_over_tcp
from tests.support.strategies import ladder
from tests.support.whale_events import whale

TICKERS = ("KXA", "KXB", "KXC")
KEY, PEM = made_key("ann", KeyKind.ED25519)
#: What the account at the exchange begins with, dollars.
DEPOSIT = 1_000
BOOK = OrderBook(
    bids=ladder(("0.48", 400), ("0.47", 300)), asks=ladder(("0.50", 400), ("0.51", 300))
)
CHEAPER = OrderBook(
    bids=ladder(("0.44", 400), ("0.43", 300)), asks=ladder(("0.46", 400), ("0.47", 300))
)
#: What is bounded for people is bounded for good reasons; a test has no time for them.
HURRY = {"bot_interval": 0.1, "lease_seconds": 1.0}
#: What the settings of every service here have in common.
PLAIN = {
    "kalshi_env": "sim",
    "kalshi_max_reads_per_second": 1_000,
    "bot_markets": len(TICKERS),
    "bot_order_size": 10,
    "bot_min_edge": -100,
    "risk_max_orders_per_minute": 1_000,
    "risk_max_errors_per_minute": 1_000,
}


class Walled:
    """Keeps an exchange at the time on the wall."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._clock = SystemClock()

    def catch_up(self) -> None:
        self._exchange.advance(max(self._clock.now(), self._exchange.now))


@dataclass
class Place:
    """An exchange that is served, the folder of all services there, and the model they have."""

    folder: Path
    exchange: Exchange
    faults: Faults
    address: str
    scorer: FakeScorer = field(default_factory=lambda: FakeScorer(0.5))
    #: What services here would have sent to this very process, which runs the tests.
    signals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ann = self.exchange.state.accounts["ann"]
        self.maker = self.exchange.state.accounts["maker"]

    def put(self, book: OrderBook, *tickers: str) -> None:
        """Show this book, made of other people's orders."""
        for ticker in tickers or TICKERS:
            self.exchange.cancel_all(self.maker, ticker)
            for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
                for price, size in levels:
                    terms = request(side, ticker=ticker)
                    wish = replace(terms, size=units(size), price=ticks(price))
                    self.exchange.place(self.maker, wish)

    def settings(self, **changes: Any) -> Settings:
        """The settings of a service here, all over one file."""
        mine = {
            "kalshi_base_url": f"http://{self.address}{PREFIX}",
            "log_dir": self.folder / "logs",
            "kill_file": self.folder / "KILL",
        }
        hurry = {name: changes.pop(name, value) for name, value in HURRY.items()}
        found = config.load(None, **{**PLAIN, **mine, **changes})
        return found.model_copy(update=hurry)

    def live(self, **changes: Any) -> Settings:
        """The settings of a service that sends real orders here."""
        return self.settings(
            bot_mode="live",
            api_token="the-token-of-the-owner",
            kalshi_api_key=KEY.key_id,
            kalshi_secret=PEM,
            **changes,
        )


@asynccontextmanager
async def place(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """An exchange with three markets, and nothing that makes a service there wait for long."""
    now = SystemClock().now()
    exchange = Exchange(1, now - timedelta(hours=1))
    exchange.add_series(SeriesSpec("KX", "Rain", "Climate"))
    times = {"open_time": now - timedelta(hours=1), "close_time": now + timedelta(days=30)}
    for ticker in TICKERS:
        exchange.add_event(EventSpec(f"E-{ticker}", "KX", "Rain"))
        exchange.add_market(replace(market_spec(ticker, **times), event_ticker=f"E-{ticker}"))
    exchange.open_account("ann", {0: DEPOSIT * DOLLAR})
    exchange.open_account("maker", {}, house=True)
    exchange.advance(now)
    app = create_exchange_app(exchange, Walled(exchange), SystemClock(), KeyRing({KEY.key_id: KEY}))
    patch.setattr(universe, "TERMS_PAUSE", 0.05)
    patch.setattr(loop_lag, "EVERY", 0.05)
    patch.setattr(execution_backends, "SIGNED_READS", 1_000)
    patch.setattr(execution_backends, "SIGNED_WRITES", 1_000)
    patch.setattr(leader_election, "RETRY", 0.05)
    async with served_over_tcp(app) as address:
        ready = Place(folder, exchange, app.state.faults, address)
        patch.setattr(scorer, "chosen", lambda *_: ready.scorer)
        patch.setattr(signal, "raise_signal", ready.signals.append)
        ready.put(BOOK)
        yield ready


async def remember(settings: Settings, book: str, *more: StateRecord) -> None:
    """Write a book as an earlier process left it: two whales, what one came to, and more."""
    tallies, seen_at = MarkoutStats(), SystemClock().now() - timedelta(hours=2)
    group = Group(WhaleType.LARGE_BID.value, "30-70", "Climate")
    touch = BestQuotes(seen_at.timestamp(), 0.48, 0.50)
    tallies.note(MarkoutSample("KXA", group, 1, touch, 2.0, is_whale=True), 0, 1.5)
    whales = [WhaleSeen(seen_at, whale(ticker)) for ticker in ("KXA", "KXB")]
    async with opened(settings.database) as database:
        term = await database.take("an earlier process", 60, book)
        assert term is not None
        await database.open_book(term, book, settings.paper_cash, seen_at)
        await database.store(term, book).commit(
            CommitBatch(whales, [*tallies.state_records(), *more])
        )
        await database.release(term)


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What the condition gives once it is so; other tasks set no event for it."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def passes(service: Running, count: int) -> None:
    """So many whole passes from now."""
    target = service.snapshot_holder.status.loop_count + count + 1
    await until(lambda: service.snapshot_holder.status.loop_count >= target)


def held(service: Running) -> dict[str, Decimal]:
    """Signed contracts by ticker."""
    positions = service.service.bot.trader.portfolio.positions
    return {ticker: position.size for ticker, position in positions.items()}


def stopped_by(service: Running) -> str | None:
    """The rule that stops entries; on a busy machine it is the lease's for a moment."""
    stop = service.service.bot.trader.stop
    return stop.rule if stop is not None else None


def shown(service: Running) -> dict[str, Any]:
    """The state that is served, without what each process says of itself."""
    state: dict[str, Any] = json.loads(service.snapshot_holder.snapshot.body)
    notices = [one for one in state["notices"] if one["kind"] != "TERM_STARTED"]
    return {name: part for name, part in state.items() if name != "bot"} | {"notices": notices}


def terms(service: Running) -> list[str]:
    """What is said of each start and takeover, the newest first."""
    notices = service.service.bot.recent.notices
    return [one.message for one in notices if one.kind == "TERM_STARTED"]


def read(service: Running) -> dict[str, Any]:
    """Everything else that is served and was not born with the process."""
    return {
        "decisions": service.decisions.of(None, 500),
        "whales": service.whales.history(None, None, None, 500),
        "endings": service.whales.endings(None, None, 500),
        "scoreboard": service.whales.scores(),
        "track record": service.model.track_record(),
        "drift": service.model.drift(),
        "timeline": service.service.bot.recent.timeline,
        "notices": [
            one for one in service.service.bot.recent.notices if one.kind != "TERM_STARTED"
        ],
    }


def account(service: Running) -> dict[str, Any]:
    """What the one who leads goes by."""
    trader = service.service.bot.trader
    return {
        "portfolio": trader.portfolio,
        "marks": trader.marks,
        "equity": trader.equity,
        "daily P&L": trader.daily_pnl,
        "unresolved": trader.unresolved,
        "stopped": trader.stop,
    }


async def in_lead(service: Running) -> Running:
    """The same, once it leads and has finished a pass."""
    status = await until(lambda: service.service.bot.control.beat.last_finish)
    assert status
    return service
