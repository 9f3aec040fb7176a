"""What the service shows, as frozen views: the shapes of its JSON.

They are `msgspec.Struct`, not dataclasses: made, encoded and checked at the speed of C, a
thousand markets cost a cycle a few milliseconds.

Prices are in cents, money in dollars, sizes in contracts, times ISO 8601 with offset; an
optional field that is None is left out of the JSON, a nullable one is null.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

Mode = Literal["PAPER", "LIVE"]
Direction = Literal["BUY", "SELL", "HOLD"]
TimelineType = Literal["OPEN", "CLOSE", "WHALE", "REGIME_CHANGE"]
NoticeKind = Literal[
    "REFUSED",
    "ENTRIES_STOPPED",
    "ENTRIES_RESUMED",
    "FETCH_FAILED",
    "SETTLED",
    "PARTLY_FILLED",
    "ORDER_FAILED",
    "ORDER_UNRESOLVED",
    "STARTED",
    "STOPPED",
    "KILLED",
    "RESUMED",
    "CLOSE_REQUESTED",
    "FLATTEN_REQUESTED",
    "CLOSE_FAILED",
    "CLOCK_JUMPED",
    "FEED_CHANGED",
    "BOOK_DIFFERED",
    "FEE_DIFFERED",
]


class Overview(Struct, frozen=True, kw_only=True):
    """The account in one line: dollars, and the count of open positions."""

    mode: Mode
    equity: float
    daily_pnl: float
    total_exposure: float
    open_positions: int


class RegimeView(Struct, frozen=True):
    """The regime of all watched markets together; unknown (-1) while no book is fresh."""

    id: int
    name: Literal["calm", "trending", "chaotic", "unknown"]


class MarketView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One watched market.

    `reason` is why no prediction, no trade, or an exit without a prediction; else ''.

    `stale` means that no sound book came this cycle: the numbers are `age_seconds` old.
    """

    ticker: str
    title: str
    category: str | None = None
    yes_bid: float
    yes_ask: float
    spread: float
    volume_24h: float
    open_interest: float
    bid_ratio: float
    imbalance_strength: float
    recent_whale_count: int
    recent_whale_max_size: float
    signal_direction: Direction
    signal_score: float
    position_notional: float
    pnl_unrealized: float
    position: float
    regime: str
    status: str
    stale: bool
    age_seconds: float
    reason: str


class WhaleView(Struct, frozen=True, kw_only=True, gc=False):
    """One whale, as it was seen; only a suspicion has a confidence.

    `source` is `book` for what books showed, `tape` for a sweep seen in trades; before there were
    sweeps it was not written down.
    """

    timestamp: str
    ticker: str
    side_bias: Literal["BUY_BIAS", "SELL_BIAS"] | None
    imbalance_strength: float
    max_bid_size: float
    max_ask_size: float
    type: str
    size: float
    price: float
    notional: float
    why: str
    confidence: Literal["low", "medium"] | None = None
    source: Literal["book", "tape"] = "book"


class TimelineView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened, of the only four types the dashboard knows."""

    timestamp: str
    type: TimelineType
    ticker: str | None = None
    details: str | None = None


class NoticeView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something else worth knowing: the dashboard would break on it in the timeline.

    News of one thing, such as refusals by one rule, are one notice: `count` of them, the first at
    `first_timestamp`, the latest as it is shown. Before there were counts neither was written down.
    """

    timestamp: str
    kind: NoticeKind
    ticker: str | None = None
    message: str
    count: int = 0
    first_timestamp: str = ""


class RefusalView(Struct, frozen=True, gc=False):
    """Which rule barred an order, the number that broke it and the limit; null if it has none."""

    rule: str
    value: float | None
    limit: float | None


class DecisionView(Struct, frozen=True, kw_only=True, gc=False):
    """What was thought of a market in one pass, and what came of it.

    `cycle` is the number that the log shows: it restarts with each process. `outcome` is null
    without an order, and until something is known of it.
    """

    timestamp: str
    cycle: int
    ticker: str
    score: float | None
    direction: Direction
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    reason: str
    order: str | None
    outcome: str | None
    refusal: RefusalView | None


class FeedView(Struct, frozen=True, kw_only=True):
    """Where order books come from, and how well.

    `subscriptions` are markets, `gaps` and `resyncs` count frames that were missed and snapshots
    that were asked for, `dropped` what there was no room for or could not be read; all since the
    start. Ages are of the books that cycles read lately. `reason` is why they are not streamed,
    `fault` the same if a setting is wrong.
    """

    source: Literal["stream", "poll"]
    connected: bool = False
    subscriptions: int = 0
    gaps: int = 0
    resyncs: int = 0
    age_ms_p50: float | None = None
    age_ms_p99: float | None = None
    dropped: int = 0
    reason: str | None = None
    fault: str | None = None


class BotView(Struct, frozen=True, kw_only=True):
    """How the bot is doing: `bot.dashboard.snapshot.BotStatus` as JSON."""

    running: bool
    bot_enabled: bool
    mode: Literal["paper", "live"]
    interval_seconds: float
    loop_count: int
    last_loop_start: str | None
    last_loop_finish: str | None
    last_update: str | None
    error: str | None
    last_error: str | None
    last_error_at: str | None
    model_version: str
    model_fault: str | None
    journal_fault: str | None
    universe_fault: str | None
    loop_fault: str | None
    entries_stopped: str | None
    trading_halted: str | None = None
    orders_in_doubt: str | None = None
    account_note: str | None = None
    positions_count: int
    total_exposure: float
    watched_markets: int
    stale_markets: int
    leader: bool
    leads: str | None
    epoch: int | None
    killed: str | None
    killed_until: str | None = None
    store_fault: str | None
    feed: FeedView | None = None
    closing: Mapping[str, str] = field(default_factory=dict)


class Check(Struct, frozen=True):
    """Something that must hold for the service to be ready, and how it is in a sentence."""

    ok: bool
    detail: str


class BotState(Struct, frozen=True, kw_only=True):
    """Everything the dashboard shows; whales, timeline and notices newest first."""

    overview: Overview
    regime: RegimeView
    markets: tuple[MarketView, ...]
    whales: tuple[WhaleView, ...]
    timeline: tuple[TimelineView, ...]
    notices: tuple[NoticeView, ...]
    bot: BotView
