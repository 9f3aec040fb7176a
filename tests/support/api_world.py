"""The whole app in-process, around a bot that is a board and a switch."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from api.app import BotService, create_app
from api.deps import ServiceFacts, Services
from api.serving.holds import LongPollLimits
from bot import config
from bot.clock import RecordedClock
from bot.config import Settings
from bot.core.account.trade_stats import GroupBy, GroupedStats, TradeStats
from bot.core.market.orders import Fill
from bot.core.signals.regime import RegimeName
from bot.core.signals.strategy import Thresholds
from bot.dashboard.account_panel import NOTHING
from bot.dashboard.market_panel import MarketPanel
from bot.dashboard.snapshot import (
    BotStatus,
    SnapshotHolder,
    bot_view,
    first_state,
    packed,
    regime_view,
    snapshot,
)
from bot.market_data.trade_feed import Coverage
from bot.model.monitor import ModelMonitor
from bot.model.prediction_grader import GradeRules, PredictionGrader
from bot.ports.account_history import (
    AccountHistory,
    ClosedTrade,
    EquityCurve,
    OrderRecord,
    Page,
    Performance,
    Wanted,
)
from bot.ports.account_views import AccountView, AuditView, QueueView
from bot.ports.market_views import MarketDetail
from bot.ports.twin_views import TwinView
from bot.ports.views import (
    BotState,
    Check,
    DecisionView,
    MarketView,
    NoticeView,
    Overview,
    TimelineView,
    WhaleView,
)
from bot.whales.markout_tracker import MarkoutTracker
from logging_utils import CsvJournal, LogStats

NOW = datetime(2026, 1, 18, 22, 15, tzinfo=UTC)
STATUS = BotStatus(
    running=True, bot_enabled=True, mode="paper", interval_seconds=60, leader=True, leads="this"
)
DASHBOARD = "https://dashboard.example"
#: Tokens of a service that has them, and what brings them.
TOKEN = "the-token-of-the-owner"  # nobody's
READ_TOKEN = "the-token-of-a-reader"
OWNER = {"Authorization": f"Bearer {TOKEN}"}
READER = {"Authorization": f"Bearer {READ_TOKEN}"}
TOKENS = {"api_token": SecretStr(TOKEN), "api_read_token": SecretStr(READ_TOKEN)}


def market(ticker: str = "KXRAIN-26JAN19", **changes: Any) -> MarketView:
    fields: dict[str, Any] = {
        "ticker": ticker,
        "title": "Rain tomorrow?",
        "yes_bid": 42.0,
        "yes_ask": 43.5,
        "spread": 1.5,
        "volume_24h": 1200.0,
        "open_interest": 300.0,
        "bid_ratio": 0.62,
        "imbalance_strength": 0.12,
        "recent_whale_count": 1,
        "recent_whale_max_size": 6500.0,
        "signal_direction": "BUY",
        "signal_score": 0.66,
        "position_notional": 0.0,
        "pnl_unrealized": 0.0,
        "position": 0.0,
        "regime": "calm",
        "status": "active",
        "stale": False,
        "age_seconds": 0.5,
        "reason": "",
    }
    return MarketView(**{**fields, **changes})


def whale(number: int = 0) -> WhaleView:
    return WhaleView(
        timestamp=NOW.isoformat(),
        ticker=f"KXRAIN-{number}",
        side_bias=None,
        imbalance_strength=0.3,
        max_bid_size=6500.0,
        max_ask_size=10.0,
        type="large_bid",
        size=6500.0,
        price=48.0,
        notional=3120.0,
        why="6,500 contracts at one price",
    )


def full_state(**changes: Any) -> BotState:
    fields: dict[str, Any] = {
        "overview": Overview(
            mode="PAPER", equity=10_000.0, daily_pnl=0.0, total_exposure=0.0, open_positions=0
        ),
        "regime": regime_view(RegimeName.TRENDING),
        "markets": (market(), market("KXSNOW-26JAN19", category="Weather")),
        "whales": tuple(whale(n) for n in range(200)),
        "timeline": tuple(
            TimelineView(timestamp=NOW.isoformat(), type="OPEN", ticker="KXRAIN", details=str(n))
            for n in range(400)
        ),
        "notices": (
            NoticeView(timestamp=NOW.isoformat(), kind="FETCH_FAILED", message="books: timeout"),
        ),
        "bot": bot_view(STATUS),
    }
    return BotState(**{**fields, **changes})


@dataclass(frozen=True)
class Open:
    """A service that is open."""

    snapshot_holder: SnapshotHolder
    control: "Switch"
    kill: "KillSwitch"
    exits: "Exits"
    account_control: "AccountWord"
    readiness: "Checks"
    metrics: "Metrics"
    decisions: "Decisions"
    account: AccountView
    audit: AuditView
    twin: TwinView
    queue: Mapping[str, QueueView]
    past: AccountHistory
    settings: Settings
    markets: MarketPanel
    journal: CsvJournal
    log_stats: LogStats
    log_folder: Path
    clock: RecordedClock
    model: ModelMonitor
    whales: MarkoutTracker
    coverage: Coverage | None

    def market_detail(self, ticker: str) -> MarketDetail:
        return self.markets.of(ticker)


class Switch:
    """A loop that only remembers whether it runs; `fault` is raised instead."""

    def __init__(self):
        self.running = True
        self.fault: Exception | None = None

    async def start(self) -> bool:
        self._break()
        started, self.running = not self.running, True
        return started

    async def stop(self) -> bool:
        self._break()
        stopped, self.running = self.running, False
        return stopped

    def _break(self):
        if self.fault is not None:
            raise self.fault


class KillSwitch:
    """Remembers why it was pulled."""

    def __init__(self):
        self.reason: str | None = None

    async def kill(self, reason: str) -> bool:
        if self.reason is not None:
            return False
        self.reason = reason
        return True

    async def resume(self) -> bool:
        resumed, self.reason = self.reason is not None, None
        return resumed


class Exits:
    """Remembers what was to be closed; `obeyed` is what happens then."""

    def __init__(self):
        self.asked: list[str] = []
        self.obeyed: Callable[[], None] = lambda: None

    async def close(self, ticker: str) -> None:
        self.asked.append(ticker)
        self.obeyed()

    async def flatten(self) -> None:
        self.asked.append("all")
        self.obeyed()


class AccountWord:
    """Remembers an operator's word on the account."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    async def request_adoption(self) -> datetime:
        self.asked.append(("adopt", True))
        return NOW

    async def resolve(self, client_order_id: str, *, traded: bool) -> datetime:
        self.asked.append((client_order_id, traded))
        return NOW


@dataclass
class Checks:
    """What is put there."""

    found: dict[str, Check] = field(
        default_factory=lambda: {name: Check(True, "well") for name in ("data", "database")}
    )

    def checks(self) -> Mapping[str, Check]:
        return self.found


class Metrics:
    """One figure."""

    def render(self) -> tuple[bytes, str]:
        return b"up 1.0\n", "text/plain; version=0.0.4; charset=utf-8"


def decision(ticker: str = "KXRAIN", **changes: Any) -> DecisionView:
    fields: dict[str, Any] = {
        "timestamp": NOW.isoformat(),
        "cycle": 1,
        "ticker": ticker,
        "score": 0.66,
        "direction": "BUY",
        "action": "enter_long",
        "reason": "",
        "order": None,
        "outcome": None,
        "refusal": None,
    }
    return DecisionView(**{**fields, **changes})


@dataclass
class Decisions:
    """Those that are put there, newest first."""

    checkpoint: tuple[DecisionView, ...] = ()

    def of(self, ticker: str | None, limit: int) -> tuple[DecisionView, ...]:
        return tuple(one for one in self.checkpoint if ticker in {None, one.ticker})[:limit]


def no_model() -> ModelMonitor:
    return ModelMonitor(None, {}, PredictionGrader(GradeRules(10.0, 1.0, 5.0, Thresholds())))


class NoPast:
    """An account in which nothing has happened."""

    async def trades(self, wanted: Wanted) -> Page[ClosedTrade]:
        return Page((), None)

    async def orders(self, wanted: Wanted) -> Page[OrderRecord]:
        return Page((), None)

    async def fills(self, wanted: Wanted) -> tuple[Fill, ...]:
        return ()

    async def equity(self, start: datetime | None, end: datetime, step: int) -> EquityCurve:
        return EquityCurve((), step, None, None)

    async def performance(
        self, by: GroupBy, since: datetime | None, until: datetime | None
    ) -> Performance:
        return Performance(GroupedStats(TradeStats(), {}), is_complete=True)


#: Refused pages are held as long as it takes to see that they are.
BRIEF = LongPollLimits(refusal=0.01)


@cache
def default_settings() -> Settings:
    """Read once: where SSL_CERT_FILE is set, that alone takes 80 ms."""
    return config.load(None)


@dataclass
class World:
    """The service under test and what is behind it."""

    folder: Path
    facts: ServiceFacts = field(
        default_factory=lambda: ServiceFacts(
            version="1.0.0", environment="test", mode="paper", cors_origins=(DASHBOARD,)
        )
    )
    clock: RecordedClock = field(default_factory=lambda: RecordedClock(NOW))
    control: Switch = field(default_factory=Switch)
    kill: KillSwitch = field(default_factory=KillSwitch)
    exits: Exits = field(default_factory=Exits)
    account_control: AccountWord = field(default_factory=AccountWord)
    readiness: Checks = field(default_factory=Checks)
    decisions: Decisions = field(default_factory=Decisions)
    account: AccountView = NOTHING
    audit: AuditView = field(default_factory=AuditView)
    twin: TwinView = field(default_factory=TwinView)
    queue: Mapping[str, QueueView] = field(default_factory=dict)
    markets: MarketPanel = field(default_factory=MarketPanel)
    settings: Settings = field(default_factory=default_settings)
    past: AccountHistory = field(default_factory=NoPast)
    seconds: float = 0.0
    model: ModelMonitor = field(default_factory=no_model)
    whales: MarkoutTracker = field(default_factory=MarkoutTracker)
    coverage: Coverage | None = field(default_factory=lambda: Coverage(2, 1, "they are new"))
    snapshot_holder: SnapshotHolder = field(
        default_factory=lambda: SnapshotHolder(snapshot(first_state(10_000.0, STATUS), NOW), STATUS)
    )

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        with CsvJournal(self.folder) as journal:
            yield self.around(journal)

    def around(self, journal: CsvJournal) -> Services:
        return Open(
            snapshot_holder=self.snapshot_holder,
            control=self.control,
            kill=self.kill,
            exits=self.exits,
            account_control=self.account_control,
            readiness=self.readiness,
            metrics=Metrics(),
            decisions=self.decisions,
            account=self.account,
            audit=self.audit,
            twin=self.twin,
            queue=self.queue,
            past=self.past,
            settings=self.settings,
            markets=self.markets,
            journal=journal,
            log_stats=LogStats(self.folder),
            log_folder=self.folder,
            clock=self.clock,
            model=self.model,
            whales=self.whales,
            coverage=self.coverage,
        )

    def app(self) -> BotService:
        return create_app(self.services, self.facts, lambda: self.seconds, BRIEF)

    def with_facts(self, **changes: Any) -> "World":
        """The same world, other facts of the service."""
        self.facts = replace(self.facts, **changes)
        return self

    def show(self, state: BotState) -> None:
        self.snapshot_holder.snapshot = packed(snapshot(state, NOW))


@asynccontextmanager
async def opened(
    app: Any, address: str = "127.0.0.1", host: str = "localhost", **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client at that address, sending those headers with each request."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client,
    ):
        # httpx asks for gzip unasked; a plain client does not.
        client.headers.pop("accept-encoding")
        client.headers.update(headers)
        yield client
