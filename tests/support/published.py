"""What a publisher shows after passes of a cycle."""

import json

from bot.cluster.role import Role
from bot.dashboard.activity_feed import ActivityFeed
from bot.dashboard.publisher import Publisher, Sources
from bot.dashboard.snapshot import BotStatus, SnapshotHolder, first_state, snapshot
from bot.engine.unit_of_work import PassState
from tests.support.cycle_bench import CASH, Bench
from tests.support.strategies import NOON

STATUS = BotStatus(running=True, bot_enabled=True, mode="paper", interval_seconds=10)


class Shown(Bench):
    """The cycle bench with the real publisher as its audience."""

    def __init__(self, *tickers, **options):
        super().__init__(*tickers, **options)
        self.snapshot_holder = SnapshotHolder(
            snapshot(first_state(float(CASH), STATUS), NOON), STATUS
        )
        self.recent = ActivityFeed()
        self.universe_fault = None
        self.role = Role()
        self.trading_halted = None
        sources = Sources(
            trader=self.trader,
            scorer=self.scorer,
            journal=self.journal,
            recent=self.recent,
            universe_fault=lambda: self.universe_fault,
            role=lambda: self.role,
            trading_halted=lambda: self.trading_halted,
            orders_in_doubt=lambda: self.trader.orders_in_doubt,
            account_note=lambda: None,
        )
        self.publisher = self.cycle._audience = Publisher(self.snapshot_holder, sources)
        self.commit_with(PassState(self.publisher))

    @property
    def state(self):
        return json.loads(self.snapshot_holder.snapshot.body)

    @property
    def market(self):
        return self.state["markets"][0]
