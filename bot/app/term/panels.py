"""What is shown of the bot and measured of it, beside the trading."""

from dataclasses import dataclass, replace

from bot.app.node_context import NodeContext, TermResources
from bot.app.term.committed_view import CommittedView
from bot.app.term.core import TradingCore
from bot.app.trading_rules import model_watch
from bot.cluster.role import Role
from bot.dashboard.account_panel import AccountPanel
from bot.dashboard.activity_feed import ActivityFeed
from bot.dashboard.audit_panel import AuditPanel
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.market_panel import MarketPanel
from bot.dashboard.publisher import Publisher, Sources
from bot.dashboard.twin_panel import TwinPanel
from bot.engine.commit_queue import CommitQueue
from bot.engine.ports import CycleObserver
from bot.engine.unit_of_work import PassState, Stateful
from bot.model.monitor import ModelMonitor
from bot.ports.view_faults import ViewFaults
from bot.whales.markout_tracker import MarkoutTracker


@dataclass(frozen=True, slots=True)
class Panels:
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

    def state(self, *trading: Stateful, faults: ViewFaults) -> PassState:
        """What a pass shows, and what is committed of it beside the state of what trades."""
        shown = CommittedView(self.publisher, self.account)
        return PassState(shown, trading, self._stateful(), faults)

    def _stateful(self) -> dict[str, Stateful]:
        return {
            "the whales": self.whales,
            "the grades": self.examiner,
            "the decisions": self.decisions,
            "the account": self.account,
            "the audit": self.audit,
        }


def panels(world: NodeContext, resources: TermResources, core: TradingCore) -> Panels:
    trader, faults, recent = core.trader, core.faults, ActivityFeed(core.faults)
    sources = Sources(
        trader=trader,
        scorer=world.model,
        journal=world.journal,
        recent=recent,
        universe_fault=lambda: core.universe.status.fault,
        role=lambda: _with_fault(world.role_status.role(), core.commits),
        trading_halted=lambda: core.halts.fault,
        next_pause=lambda: core.halts.next_pause,
        orders_in_doubt=lambda: trader.orders_in_doubt,
        account_note=resources.account_note,
        feed=lambda: world.feed.status() if world.feed else None,
    )
    return Panels(
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


def _with_fault(role: Role, commits: CommitQueue) -> Role:
    return replace(role, store_fault=role.store_fault or commits.fault)
