"""The bot of one term, joined: what a leader runs, and what an onlooker shows reads from.

The parts that live as long as the process come as a `World`; everything with state is created
for each term and restored from the database, so nothing of a lost term survives.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from bot.clock import Jump, stopwatch
from bot.cluster.operator_notices import OperatorIntent, OperatorNotices
from bot.cluster.role import Role
from bot.config import Settings
from bot.core.account.operator_requests import AccountRequests
from bot.core.account.operator_requests import nothing as nothing_asked
from bot.core.events import Noted
from bot.core.market.exchange_status import ExchangeStatus
from bot.core.market.market import Market
from bot.core.market.money import Dollars, whole_cents
from bot.core.risk.close_requests import CloseRequests, nothing
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.dashboard.account_panel import AccountPanel
from bot.dashboard.activity_feed import ActivityFeed, noted
from bot.dashboard.audit_panel import AuditPanel
from bot.dashboard.committed_view import CommittedView
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.market_panel import MarketPanel
from bot.dashboard.publisher import REFRESH_EVERY, Publisher, Sources
from bot.dashboard.snapshot import BotStatus, SnapshotHolder, first_state, packed, snapshot
from bot.engine.cycle import Cycle
from bot.engine.event_decisions import DECIDE_EVERY, EventDecisions
from bot.engine.loop import BotLoop, Pace, repeat
from bot.engine.observers import Observers
from bot.engine.ports import BookSource, CycleObserver, CycleParts
from bot.engine.stream_scan import SCAN_EVERY, StreamScan
from bot.engine.unit_of_work import Stateful, UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.market_data.trade_feed import TradeFeed, TradeSource
from bot.market_data.universe import Universe
from bot.model.card import Card
from bot.model.monitor import ModelMonitor
from bot.model.prediction_grader import GradeRules, PredictionGrader
from bot.ports.account_hints import AccountHints
from bot.ports.exchange import Clock, Journal, MarketData, Scorer, Venue
from bot.ports.loop_status import LoopStatus
from bot.ports.persistence import (
    Checkpoint,
    CommittedChanges,
    LeaseLostError,
    NullStore,
    Store,
    Term,
)
from bot.ports.view_faults import ViewFaults
from bot.ports.views import FeedView
from bot.signals.analyzer import Analyzer
from bot.telemetry.folded_lines import Folded
from bot.trading.decision import TradeRules, Worth
from bot.trading.entry_guard import Safety
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from bot.trading.trading_halts import TradingHalts
from bot.whales.markout_tracker import MarkoutTracker

#: Markets remembered beyond those watched now: held ones, and some that may come back.
SPARE_MEMORY: Final = 200
#: Intervals after its horizon in which a prediction can still be graded.
GRADE_PATIENCE: Final = 1.5


class Model(Scorer, Protocol):
    """A scorer that may have a card."""

    @property
    def card(self) -> Card | None:
        """What was promised of the model; None without one."""
        ...


class Feed(BookSource, TradeSource, Protocol):
    """Where order books and trades come from, and how well."""

    def status(self) -> FeedView:
        """How it stands."""
        ...


class ExchangeAccess(MarketData, TradeSource, Protocol):
    """All that is read of the exchange."""

    async def archived(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """Those of these markets that have left the live listing. May raise ExchangeError."""
        ...

    async def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange trades now. May raise ExchangeError."""
        ...

    async def anywhere(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """These markets, listed or archived. May raise ExchangeError."""
        ...


def _goes_on() -> bool:
    return False


def _one_purse(_: int) -> None:
    return None


def _nobody() -> Role:
    return Role()


def _certain() -> bool:
    return True


def _nothing() -> None:
    return None


def _none() -> Sequence[Jump]:
    return ()


def _unheard(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """How this process stands: its role, whether it leads beyond doubt, why nothing is entered.

    `resumed` is when an operator last let entries go on, `wanted` all that operators want, `jumps`
    those of the clock since they were asked for last, `stopping` whether the loop is to end.
    `close_requests` is what operators want closed, `closed` is told what is done of that;
    `account_requests` and `account_done` likewise of what they want done to the account. As it
    stands: a process that is alone.
    """

    role: Callable[[], Role] = _nobody
    sure: Callable[[], bool] = _certain
    killed: Callable[[], str | None] = _nothing
    resumed: Callable[[], datetime | None] = _nothing
    killed_until: Callable[[], str | None] = _nothing
    wanted: Callable[[], OperatorIntent | None] = _nothing
    jumps: Callable[[], Sequence[Jump]] = _none
    stopping: Callable[[], bool] = _goes_on
    close_requests: Callable[[], CloseRequests] = nothing
    closed: Callable[[CloseRequests], None] = _unheard
    account_requests: Callable[[], AccountRequests] = nothing_asked
    account_done: Callable[[AccountRequests], None] = _unheard


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What lives as long as the process. Without a `feed`, `data` is polled.

    `recorder` hears what the cycle knows of markets; `hints` come from the feed.
    """

    settings: Settings
    model: Model
    data: ExchangeAccess
    journal: Journal
    clock: Clock
    snapshot_holder: SnapshotHolder
    role_status: RoleStatus = RoleStatus()
    feed: Feed | None = None
    recorder: CycleObserver | None = None
    hints: AccountHints = field(default_factory=AccountHints)


@dataclass(frozen=True, slots=True)
class TermResources:
    """What is there for one term only: the store, the venue, names for orders.

    `lose` is called when a write finds that another process leads. `objection` is why the desk
    lets nothing be entered.
    """

    store: Store
    venue: Venue
    order_ids: Iterator[str]
    lose: Callable[[], None] = _nothing
    block_reason: Callable[[], str | None] = _nothing
    purse: Callable[[int], Dollars | None] = _one_purse
    account_note: Callable[[], str | None] = _nothing


@dataclass(frozen=True, slots=True)
class Bot:
    """The joined parts: the first ten are read from, `control` runs the others.

    `close_requested` is a pass over what operators want closed; `change` changes the account
    between two passes, unless something is at work just now.
    """

    snapshot_holder: SnapshotHolder
    publisher: Publisher
    whales: MarkoutTracker
    trade_feed: TradeFeed
    model: ModelMonitor
    decisions: DecisionLog
    account: AccountPanel
    audit: AuditPanel
    markets: MarketPanel
    recent: ActivityFeed
    control: BotLoop
    trader: Trader
    watch: Analyzer
    universe: Universe
    cycle: Cycle
    keeper: UnitOfWork
    faults: ViewFaults
    notes: OperatorNotices
    resolve_in_doubt: Callable[[], Awaitable[str | None]]
    close_requested: Callable[[], Awaitable[str | None]]
    change: Callable[[Callable[[datetime], object]], Awaitable[bool]]

    def note(self, at: datetime) -> None:
        """Show what operators did, and how the clock jumped, since the last call."""
        self._show(self.notes.poll(at))

    def notify(self, event: Noted) -> None:
        """Show this, too; `persist_notes` later."""
        self.notes.add(event)
        self._show([event])

    async def persist_notes(self) -> None:
        """Keep what was noted. May raise LeaseLostError."""
        await self.keeper.note(*self.notes.taken())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of this checkpoint."""
        self.notes.restore(checkpoint)
        self.trader.restore(checkpoint)
        self.watch.restore(checkpoint)
        self.cycle.restore(checkpoint)
        self.recall(checkpoint)

    def recall(self, checkpoint: Checkpoint) -> None:
        """Restore the history of this checkpoint, and nothing that trades."""
        for name, reader in self._readers.items():
            with self.faults.within(name):
                reader.restore(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since, as far as it is shown here."""
        for name, reader in self._readers.items():
            with self.faults.within(name):
                reader.catch_up(news)

    def _show(self, events: Sequence[Noted]) -> None:
        if events:
            self.recent.on_events(events)
            with self.faults.within("the notices"):
                self.publisher.show_notices([noted(event) for event in events])

    @property
    def _readers(self) -> dict[str, "_Reader"]:
        return {
            "the whales": self.whales,
            "the grades": self.model,
            "the decisions": self.decisions,
            "the account": self.account,
            "the audit": self.audit,
            "the timeline": self.recent,
        }


class _Reader(Protocol):
    def restore(self, checkpoint: Checkpoint) -> None: ...
    def catch_up(self, news: CommittedChanges) -> None: ...


def assembled(world: NodeContext, resources: TermResources) -> Bot:
    """All parts of the bot, joined; nothing runs yet."""
    core = _core(world, resources)
    views = _views(world, resources, core)
    parts = CycleParts(
        data=core.feed,
        watchlist=core.universe,
        predict=core.watch,
        trader=core.trader,
        examiner=views.examiner,
        keeper=core.keeper,
        clock=world.clock,
        audience=Observers(core.faults, views.observers(world)),
        trade_feed=core.trade_feed,
        faults=core.faults,
        halts=core.halts,
        stream_scan=_stream_scan(world, core, views),
        event_decisions=_event_decisions(world, core),
    )
    cycle = Cycle(parts)
    shown = CommittedView(views.publisher, views.account)
    core.keeper.serve(shown, (core.trader, core.watch, cycle), views.stateful(), core.faults)
    return _joined(world, resources, core, views, cycle)


@dataclass(frozen=True, slots=True)
class _Core:
    """What fetches, scores, trades and commits."""

    universe: Universe
    watch: Analyzer
    feed: BookSource
    trade_feed: TradeFeed
    keeper: UnitOfWork
    halts: TradingHalts
    trader: Trader
    faults: ViewFaults


def _core(world: NodeContext, resources: TermResources) -> _Core:
    data, settings = world.data, world.settings
    watch = watch_over(world.model, settings, settings.bot_markets + SPARE_MEMORY)
    feed = world.feed or data
    keeper = UnitOfWork(resources.store, world.journal, Folded(stopwatch).log)
    halts = TradingHalts(data, world.clock)
    return _Core(
        universe=Universe(data, world.clock, settings.bot_markets, archive=data.archived),
        watch=watch,
        feed=feed,
        trade_feed=TradeFeed(feed, watch.follows),
        keeper=keeper,
        halts=halts,
        trader=_trader(world, resources, keeper, halts),
        faults=ViewFaults(),
    )


@dataclass(frozen=True, slots=True)
class _Views:
    """What is shown of the bot and measured of it, beside the trading."""

    publisher: Publisher
    account: AccountPanel
    audit: AuditPanel
    markets: MarketPanel
    whales: MarkoutTracker
    decisions: DecisionLog
    recent: ActivityFeed
    examiner: ModelMonitor

    def observers(self, world: NodeContext) -> dict[str, CycleObserver]:
        """Those that follow each cycle, by the name that a fault of theirs gets."""
        return {
            "the state": self.publisher,
            "the account": self.account,
            "the markets": self.markets,
            "the whales": self.whales,
            "the decisions": self.decisions,
            "the fills": self.examiner.fills,
            **({"the recording": world.recorder} if world.recorder else {}),
        }

    def stateful(self) -> dict[str, Stateful]:
        """Those whose state is committed with the account."""
        return {
            "the whales": self.whales,
            "the grades": self.examiner,
            "the decisions": self.decisions,
            "the account": self.account,
            "the audit": self.audit,
        }


def _views(world: NodeContext, resources: TermResources, core: _Core) -> _Views:
    trader, faults, recent = core.trader, core.faults, ActivityFeed(core.faults)
    sources = Sources(
        trader=trader,
        scorer=world.model,
        journal=world.journal,
        recent=recent,
        universe_fault=lambda: core.universe.status.fault,
        role=lambda: _with_fault(world.role_status.role(), core.keeper),
        trading_halted=lambda: core.halts.fault,
        orders_in_doubt=lambda: trader.orders_in_doubt,
        account_note=resources.account_note,
        feed=lambda: world.feed.status() if world.feed else None,
    )
    return _Views(
        publisher=Publisher(world.snapshot_holder, sources),
        account=AccountPanel(trader),
        audit=AuditPanel(is_live=world.settings.bot_mode == "live"),
        markets=MarketPanel(),
        whales=MarkoutTracker(world.data.anywhere, faults=faults),
        decisions=DecisionLog(faults),
        recent=recent,
        examiner=model_watch(world.model, world.settings),
    )


def _stream_scan(world: NodeContext, core: _Core, views: _Views) -> StreamScan | None:
    if not isinstance(world.feed, StreamedFeed):
        return None
    return StreamScan(world.feed, core.trade_feed, core.watch, views.whales)


def _event_decisions(world: NodeContext, core: _Core) -> EventDecisions | None:
    settings = world.settings
    if not isinstance(world.feed, StreamedFeed) or not settings.bot_event_decisions:
        return None
    levels = thresholds(settings, world.model)
    return EventDecisions(world.feed, core.watch, levels, settings.bot_event_decisions)


#: What is done again and again between two cycles, and how many seconds apart.
_Between: TypeAlias = Mapping[str, tuple[Callable[[], Awaitable[object]], float]]


def _between_cycles(
    world: NodeContext, views: _Views, cycle: Cycle, faults: ViewFaults, lose: Callable[[], None]
) -> _Between:
    feed = world.feed
    if not isinstance(feed, StreamedFeed):
        return {}

    async def refresh() -> None:
        with faults.within("the state"):
            await views.publisher.refresh(feed, world.clock.now())

    between = {
        "the stream scan": (_until_lost(cycle.scan_stream, lose), SCAN_EVERY),
        "the quotes": (refresh, REFRESH_EVERY),
    }
    if world.settings.bot_event_decisions:
        decide = _until_lost(cycle.decide_on_changes, lose)
        between["the decisions on changes"] = decide, DECIDE_EVERY
    return between


def _beside(universe: Universe, between: _Between) -> Callable[[asyncio.Event], Awaitable[None]]:
    async def beside(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(universe.run(stopping), name="universe")
            for name, (work, every) in between.items():
                failure = f"Between two cycles, {name} failed"
                group.create_task(repeat(stopping, work, every, failure), name=name)

    return beside


def _joined(
    world: NodeContext, resources: TermResources, core: _Core, views: _Views, cycle: Cycle
) -> Bot:
    def on_beat(beat: LoopStatus) -> None:
        # What cannot be shown of the loop must not end it.
        with core.faults.within("the loop"):
            views.publisher.on_beat(beat)

    loop = _until_lost(cycle.run, resources.lose)
    between = _between_cycles(world, views, cycle, core.faults, resources.lose)
    pace = Pace(world.settings.bot_interval, lambda: bool(core.universe.watched()))
    return Bot(
        snapshot_holder=world.snapshot_holder,
        publisher=views.publisher,
        whales=views.whales,
        trade_feed=core.trade_feed,
        model=views.examiner,
        decisions=views.decisions,
        account=views.account,
        audit=views.audit,
        markets=views.markets,
        recent=views.recent,
        control=BotLoop(loop, _beside(core.universe, between), world.clock, pace, on_beat),
        trader=core.trader,
        watch=core.watch,
        universe=core.universe,
        cycle=cycle,
        keeper=core.keeper,
        faults=core.faults,
        notes=OperatorNotices(world.role_status.wanted, world.role_status.jumps),
        resolve_in_doubt=_until_lost(cycle.resolve_in_doubt, resources.lose),
        close_requested=_until_lost(cycle.close_requested, resources.lose),
        change=cycle.between_passes,
    )


def unkept(world: NodeContext) -> Bot:
    """A bot that keeps nothing and pretends to trade: to be read from, or for a trial."""
    return assembled(
        world, TermResources(NullStore(), PaperVenue(), order_ids(ALONE, world.clock.now()))
    )


def first_snapshot(settings: Settings, model: Model, at: datetime) -> SnapshotHolder:
    """What is shown before anything is known."""
    status = BotStatus(
        running=False,
        bot_enabled=settings.bot_enabled,
        mode=settings.bot_mode,
        interval_seconds=settings.bot_interval,
        model_version=model.version,
        model_fault=model.fault,
    )
    state = first_state(whole_cents(settings.paper_cash), status)
    return SnapshotHolder(packed(snapshot(state, at)), status)


#: The term of a process that shares nothing with anybody.
ALONE: Final = Term("alone", 0)


def order_ids(term: Term, started_at: datetime) -> Iterator[str]:
    """A name for each order: the term that sends it, unlike those of any other, and a number.

    The moment keeps names apart from those of a database that was lost.
    """
    prefix = f"{term.epoch}-{started_at:%Y%m%dT%H%M%S%f}"
    return (f"{prefix}-{number:06d}" for number in itertools.count(1))


def watch_over(model: Model, settings: Settings, capacity: int) -> Analyzer:
    """The rules that look at books, as the settings want them."""
    horizon = model.card.horizon if model.card else 0.0
    gates = Gates(least_seconds_to_close=max(Gates().least_seconds_to_close, horizon))
    return Analyzer(model, thresholds(settings, model), gates, WhaleRules(), capacity)


def thresholds(settings: Settings, model: Model) -> Thresholds:
    """Which scores enter and exit: what the settings say, and for the rest the model's card."""
    return settings.over(model.card.thresholds) if model.card else settings.thresholds


def trade_rules(settings: Settings, model: Model) -> TradeRules:
    """What decides about an order, as the settings and the model's card have it."""
    card = model.card
    worth = Worth(card.factor, card.horizon) if card else None
    return TradeRules(
        thresholds(settings, model),
        Sizing(settings.bot_order_size, settings.bot_max_slippage),
        settings.risk_limits,
        settings.min_edge,
        worth,
        settings.exit_rules,
        settings.patience,
    )


def model_watch(model: Model, settings: Settings) -> ModelMonitor:
    """What grades the model."""
    card = model.card
    if card is None:
        return ModelMonitor(
            None, {}, PredictionGrader(GradeRules(0.0, 0.0, 0.0, settings.thresholds))
        )
    patience = GRADE_PATIENCE * settings.bot_interval
    exchange = settings.exchange_name
    rules = GradeRules(
        card.horizon, card.size, patience, thresholds(settings, model), exchange, card.version
    )
    return ModelMonitor(card.whole, card.drift, PredictionGrader(rules))


def _trader(
    world: NodeContext, resources: TermResources, keeper: UnitOfWork, halts: TradingHalts
) -> Trader:
    role_status = world.role_status
    safety = Safety(
        store=keeper,
        killed=role_status.killed,
        killed_until=role_status.killed_until,
        sure=role_status.sure,
        fault=lambda: keeper.fault,
        mismatch=resources.block_reason,
        halt=halts.halt,
        ended=halts.ended,
        now=world.clock.now,
        stopping=role_status.stopping,
        close_requests=role_status.close_requests,
        purse=resources.purse,
    )
    rules = trade_rules(world.settings, world.model)
    return Trader(resources.venue, rules, world.settings.paper_cash, resources.order_ids, safety)


def _with_fault(role: Role, keeper: UnitOfWork) -> Role:
    return replace(role, store_fault=role.store_fault or keeper.fault)


def _until_lost(
    run: Callable[[], Awaitable[str | None]], lose: Callable[[], None]
) -> Callable[[], Awaitable[str | None]]:
    """The same pass; one that finds another leader says so and does nothing more."""

    async def guarded() -> str | None:
        try:
            return await run()
        except LeaseLostError as error:
            lose()
            return str(error)

    return guarded
