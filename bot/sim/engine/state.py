"""What the parts of the simulated exchange share: the time, the listing, the accounts, the feed."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.market.fees import FeeSchedule
from bot.core.market.market import MarketStatus
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.book import Book
from bot.sim.engine.errors import (
    EXCHANGE_PAUSED,
    MARKET_NOT_ACTIVE,
    MARKET_NOT_FOUND,
    TRADING_PAUSED,
)
from bot.sim.engine.events import Traded
from bot.sim.engine.feed import Ids, SimEventFeed
from bot.sim.engine.groups import OrderGroup
from bot.sim.engine.history import History
from bot.sim.engine.specs import SHARDS, EventSpec, FeeChangeSpec, MarketSpec, SeriesSpec
from bot.sim.engine.timers import Timers

#: Trades remembered for `GET /markets/trades`, over all markets and in each.
MAX_TRADES = 20_000
MAX_MARKET_TRADES = 500


@dataclass(slots=True, eq=False, weakref_slot=True)
class MarketState:
    """The state of one market. Prices in ticks, sizes in units; `last_price` 0 before a trade.

    `value` is what one YES contract pays, in ticks, once determined. `version` rises with
    anything that a description of the market would show.
    """

    spec: MarketSpec
    series_ticker: str
    shard: int
    fees: FeeSchedule
    allowed: frozenset[int]
    book: Book
    history: History
    created: datetime
    updated: datetime
    close_time: datetime
    status: MarketStatus = MarketStatus.INITIALIZED
    last_price: int = 0
    volume: int = 0
    open_interest: int = 0
    result: str = ""
    value: int | None = None
    determined_at: datetime | None = None
    settled_at: datetime | None = None
    clock: int = 0
    version: int = 0
    trades: deque[Traded] = field(default_factory=lambda: deque(maxlen=MAX_MARKET_TRADES))

    @property
    def is_open(self) -> bool:
        """Whether orders are accepted."""
        return self.status is MarketStatus.ACTIVE


@dataclass(slots=True)
class Shard:
    """Whether one shard of the exchange works."""

    description: str
    trading_active: bool = True
    exchange_active: bool = True


@dataclass(slots=True, eq=False)
class ExchangeState:
    """Everything the exchange knows. `fee_pot` is all fees ever taken, in micro-dollars.

    `listed` rises with every market and event that comes or goes.
    """

    now: datetime
    ids: Ids
    feed: SimEventFeed = field(default_factory=SimEventFeed)
    series: dict[str, SeriesSpec] = field(default_factory=dict)
    events: dict[str, EventSpec] = field(default_factory=dict)
    event_markets: dict[str, list[str]] = field(default_factory=dict)
    event_updated: dict[str, datetime] = field(default_factory=dict)
    markets: dict[str, MarketState] = field(default_factory=dict)
    archive: dict[str, MarketState] = field(default_factory=dict)
    accounts: dict[str, MemberAccount] = field(default_factory=dict)
    trades: deque[Traded] = field(default_factory=lambda: deque(maxlen=MAX_TRADES))
    shards: list[Shard] = field(default_factory=lambda: [Shard(name) for name in SHARDS])
    fee_pot: int = 0
    agenda: Timers = field(default_factory=Timers)
    minute: int = 0
    listed: int = 0
    has_weekly_pause: bool = False
    maintenance: list[tuple[datetime, datetime]] = field(default_factory=list)
    fee_changes: list[FeeChangeSpec] = field(default_factory=list)
    groups: dict[str, OrderGroup] = field(default_factory=dict)

    def move_to(self, at: datetime) -> None:
        """Let it be that moment."""
        self.now = at
        self.minute = int(at.timestamp()) // 60

    def market(self, ticker: str) -> MarketState:
        """A market by its ticker. Raises Rejected (404) if there is none."""
        market = self.markets.get(ticker)
        if market is None:
            raise MARKET_NOT_FOUND(f"no market {ticker}")
        return market

    def refuse_unless_trading(self, market: MarketState) -> None:
        """Raises Rejected if no order may enter or change in this market now."""
        shard = self.shards[market.shard]
        if not shard.exchange_active:
            raise EXCHANGE_PAUSED()
        if not shard.trading_active:
            raise TRADING_PAUSED()
        if not market.is_open:
            raise MARKET_NOT_ACTIVE(f"{market.spec.ticker} is {market.status}")

    def refuse_unless_cancelling(self, market: MarketState) -> None:
        """Raises Rejected if not even a cancel is possible in this market now."""
        if not self.shards[market.shard].exchange_active:
            raise EXCHANGE_PAUSED()
        if market.status not in {MarketStatus.ACTIVE, MarketStatus.INACTIVE}:
            raise MARKET_NOT_ACTIVE(f"{market.spec.ticker} is {market.status}")
