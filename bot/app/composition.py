"""The bot of one term, joined: what a leader runs, and what a standby reads from.

The parts that live as long as the process come as a `NodeContext`; everything with state is created
for each term and restored from the database, so nothing of a lost term survives.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from bot.app.node_context import Model, NodeContext, TermResources
from bot.app.trading_rules import model_watch, thresholds, trade_rules, watch_over
from bot.clock import stopwatch
from bot.cluster.operator_notices import OperatorNotices
from bot.cluster.role import Role
from bot.config import Settings
from bot.core.events import Noted
from bot.core.market.market import Market
from bot.core.market.money import whole_cents
from bot.core.market.orders import Aim
from bot.core.risk.limits import Stop
from bot.dashboard.account_panel import AccountPanel
from bot.dashboard.activity_feed import ActivityFeed, noted
from bot.dashboard.audit_panel import AuditPanel
from bot.dashboard.committed_view import CommittedView
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.market_panel import MarketPanel
from bot.dashboard.publisher import REFRESH_EVERY, Publisher, Sources
from bot.dashboard.snapshot import BotStatus, SnapshotHolder, first_state, packed, snapshot
from bot.dashboard.twin_panel import TwinPanel
from bot.engine.cycle import Cycle
from bot.engine.event_decisions import DECIDE_EVERY, EventDecisions
from bot.engine.loop import BotLoop, Pace, repeat
from bot.engine.observers import Observers
from bot.engine.ports import BookSource, CycleObserver, CycleParts
from bot.engine.stream_scan import SCAN_EVERY, StreamScan
from bot.engine.unit_of_work import Stateful, UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.market_data.trade_feed import TradeFeed
from bot.market_data.universe import Universe
from bot.model.monitor import ModelMonitor
from bot.ports.loop_status import LoopStatus
from bot.ports.persistence import (
    Checkpoint,
    CommittedChanges,
    LeaseLostError,
    NullStore,
    Term,
)
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Analyzer
from bot.telemetry.folded_lines import Folded
from bot.trading.entry_guard import Safety
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from bot.trading.trading_halts import TradingHalts
from bot.whales.markout_tracker import MarkoutTracker

#: Markets remembered beyond those watched now: held ones, and some that may come back.
SPARE_MEMORY: Final = 200


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
    twin: TwinPanel
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
        """Show this event; `persist_notes` commits it later."""
        self.notes.add(event)
        self._show([event])

    async def persist_notes(self) -> None:
        """Commit what was noted. May raise LeaseLostError."""
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
            "the twins": self.twin,
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
    twin: TwinPanel
    markets: MarketPanel
    whales: MarkoutTracker
    decisions: DecisionLog
    recent: ActivityFeed
    examiner: ModelMonitor

    def observers(self, world: NodeContext) -> dict[str, CycleObserver]:
        """The observers of each cycle, by the name that their faults are reported under."""
        return {
            "the state": self.publisher,
            "the account": self.account,
            "the markets": self.markets,
            "the whales": self.whales,
            "the decisions": self.decisions,
            "the fills": self.examiner.fills,
            "the twins": self.twin,
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
        twin=TwinPanel(is_live=world.settings.bot_mode == "live"),
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
        twin=views.twin,
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
    """A bot that stores nothing and trades on paper: to be read from, or for a trial."""
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
        halt=_halt(halts, resources.unknown),
        ended=halts.ended,
        now=world.clock.now,
        stopping=role_status.stopping,
        close_requests=role_status.close_requests,
        purse=resources.purse,
        compares=world.settings.bot_mode == "live",
    )
    rules = trade_rules(world.settings, world.model)
    return Trader(
        resources.venue,
        rules,
        world.settings.paper_cash,
        resources.order_ids,
        safety,
    )


def _halt(
    halts: TradingHalts, unknown: Callable[[str], str | None]
) -> Callable[[Market, Aim], Stop | None]:
    """Why no order may go to a market; no entry while what is held of it is not known either."""

    def halt(market: Market, aim: Aim) -> Stop | None:
        why = unknown(market.ticker) if aim is Aim.ENTER else None
        if why:
            return Stop("audit", f"what is held of {market.ticker} is not known: {why}")
        return halts.halt(market, aim)

    return halt


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
