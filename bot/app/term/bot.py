"""The joined parts of one bot, and what is done to all of them at once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.cluster.operator_notices import OperatorNotices
from bot.core.events import Noted
from bot.dashboard.account_panel import AccountPanel
from bot.dashboard.activity_feed import ActivityFeed, noted
from bot.dashboard.audit_panel import AuditPanel
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.market_panel import MarketPanel
from bot.dashboard.publisher import Publisher
from bot.dashboard.snapshot import SnapshotHolder
from bot.dashboard.twin_panel import TwinPanel
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.loop import BotLoop
from bot.engine.unit_of_work import UnitOfWork
from bot.market_data.trade_feed import TradeFeed
from bot.market_data.universe import Universe
from bot.model.monitor import ModelMonitor
from bot.ports.persistence import Checkpoint, CommittedChanges
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Analyzer
from bot.trading.trader import Trader
from bot.whales.markout_tracker import MarkoutTracker


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
    commits: CommitQueue
    unit_of_work: UnitOfWork
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
        await self.unit_of_work.note(*self.notes.taken())

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
