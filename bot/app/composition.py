"""The bot of one term, joined: what a leader runs, and what a standby reads from.

The parts that live as long as the process come as a `NodeContext`; everything with state is created
for each term and restored from the database, so nothing of a lost term survives.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bot.app.node_context import Model, NodeContext, TermResources
from bot.app.term.between_cycles import beside, between_cycles, until_lost
from bot.app.term.bot import Bot
from bot.app.term.core import TradingCore, trading_core
from bot.app.term.panels import Panels, panels
from bot.app.trading_rules import thresholds
from bot.cluster.operator_notices import OperatorNotices
from bot.config import Settings
from bot.core.market.money import whole_cents
from bot.dashboard.snapshot import BotStatus, SnapshotHolder, first_state, packed, snapshot
from bot.engine.cycle import Cycle
from bot.engine.event_decisions import EventDecisions
from bot.engine.loop import BotLoop, Pace
from bot.engine.observers import Observers
from bot.engine.ports import CycleParts
from bot.engine.stream_scan import StreamScan
from bot.engine.unit_of_work import UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.ports.loop_status import LoopStatus
from bot.ports.persistence import NullStore, Term
from bot.trading.paper_venue import PaperVenue


def assembled(world: NodeContext, resources: TermResources) -> Bot:
    """All parts of the bot, joined; nothing runs yet."""
    core = trading_core(world, resources)
    shown = panels(world, resources, core)
    state = shown.state(core.trader, core.watch, faults=core.faults)
    unit_of_work = UnitOfWork(core.commits, world.journal, state)
    return _joined(world, resources, core, shown, _cycle_parts(world, core, shown, unit_of_work))


def _cycle_parts(
    world: NodeContext, core: TradingCore, shown: Panels, unit_of_work: UnitOfWork
) -> CycleParts:
    return CycleParts(
        data=core.feed,
        watchlist=core.universe,
        predict=core.watch,
        trader=core.trader,
        examiner=shown.examiner,
        unit_of_work=unit_of_work,
        clock=world.clock,
        audience=Observers(core.faults, shown.observers(world)),
        trade_feed=core.trade_feed,
        faults=core.faults,
        halts=core.halts,
        stream_scan=_stream_scan(world, core, shown),
        event_decisions=_event_decisions(world, core),
    )


def _stream_scan(world: NodeContext, core: TradingCore, shown: Panels) -> StreamScan | None:
    if not isinstance(world.feed, StreamedFeed):
        return None
    return StreamScan(world.feed, core.trade_feed, core.watch, shown.whales)


def _event_decisions(world: NodeContext, core: TradingCore) -> EventDecisions | None:
    settings = world.settings
    if not isinstance(world.feed, StreamedFeed) or not settings.bot_event_decisions:
        return None
    levels = thresholds(settings, world.model)
    return EventDecisions(world.feed, core.watch, levels, settings.bot_event_decisions)


def _joined(
    world: NodeContext,
    resources: TermResources,
    core: TradingCore,
    shown: Panels,
    parts: CycleParts,
) -> Bot:
    cycle = Cycle(parts)
    return Bot(
        snapshot_holder=world.snapshot_holder,
        publisher=shown.publisher,
        whales=shown.whales,
        trade_feed=core.trade_feed,
        model=shown.examiner,
        decisions=shown.decisions,
        account=shown.account,
        audit=shown.audit,
        twin=shown.twin,
        markets=shown.markets,
        recent=shown.recent,
        control=_control(world, resources, core, shown, cycle),
        trader=core.trader,
        watch=core.watch,
        universe=core.universe,
        cycle=cycle,
        commits=core.commits,
        unit_of_work=parts.unit_of_work,
        faults=core.faults,
        notes=OperatorNotices(world.role_status.wanted, world.role_status.jumps),
        resolve_in_doubt=until_lost(cycle.resolve_in_doubt, resources.lose),
        close_requested=until_lost(cycle.close_requested, resources.lose),
        change=cycle.between_passes,
    )


def _control(
    world: NodeContext, resources: TermResources, core: TradingCore, shown: Panels, cycle: Cycle
) -> BotLoop:
    """The loop of this term and what runs beside it."""

    def on_beat(beat: LoopStatus) -> None:
        # What cannot be shown of the loop must not end it.
        with core.faults.within("the loop"):
            shown.publisher.on_beat(beat)

    between = between_cycles(world, shown.publisher, cycle, core.faults, resources.lose)
    pace = Pace(world.settings.bot_interval, lambda: bool(core.universe.watched()))
    run = until_lost(cycle.run, resources.lose)
    return BotLoop(run, beside(core.universe, between), world.clock, pace, on_beat)


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
