"""Shapes of `/state` and `/bot/status`, as in `bot.ports.views`; a test compares the two."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Cents, Count, Number, Shape, Share, Strength, Ticker, Time


class Overview(Shape):
    """The account in one line: dollars, and the count of open positions."""

    mode: Literal["PAPER", "LIVE"]
    equity: Number = Field(examples=[10_012.5])
    daily_pnl: Number = Field(examples=[12.5])
    total_exposure: Number = Field(examples=[52.5])
    open_positions: Count


class RegimeView(Shape):
    """The regime of all watched markets together; unknown (-1) while no book is fresh."""

    id: int
    name: Literal["calm", "trending", "chaotic", "unknown"]


class MarketView(Shape):
    """One watched market. Stale: no sound book came, the numbers are `age_seconds` old."""

    ticker: Ticker
    title: str
    category: str = Field("", description="Left out when not known")
    yes_bid: Cents
    yes_ask: Cents
    spread: Cents
    volume_24h: Number
    open_interest: Number
    bid_ratio: Share
    imbalance_strength: Strength
    recent_whale_count: Count
    recent_whale_max_size: Number
    signal_direction: Literal["BUY", "SELL", "HOLD"]
    signal_score: Share
    position_notional: Number
    pnl_unrealized: Number
    position: Number = Field(description="YES contracts, short negative")
    regime: str
    status: str
    stale: bool
    age_seconds: Number
    reason: str = Field(
        description="Why no prediction, no trade, or an exit without a prediction; else empty"
    )


class WhaleView(Shape):
    """One whale, as it was seen; only a suspicion has a confidence."""

    timestamp: Time
    ticker: Ticker
    side_bias: Literal["BUY_BIAS", "SELL_BIAS"] | None
    imbalance_strength: Strength
    max_bid_size: Number
    max_ask_size: Number
    type: str = Field(examples=["large_bid"])
    size: Number
    price: Cents
    notional: Number
    why: str
    confidence: Literal["low", "medium"] | None
    source: Literal["book", "tape"] = Field(description="tape: a sweep seen in trades")


class TimelineView(Shape):
    """Something that happened."""

    timestamp: Time
    type: Literal["OPEN", "CLOSE", "WHALE", "REGIME_CHANGE"]
    ticker: str = Field("", description="Left out where none is meant")
    details: str = ""


class NoticeView(Shape):
    """Something else worth knowing: refusals, settlements, what operators did.

    Repeats within ten minutes of each other are one notice, shown as the latest of them.
    """

    timestamp: Time
    kind: Literal[
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
    ticker: str = Field("", description="Left out where none is meant")
    message: str
    count: Count = Field(1, examples=[83], description="How many this stands for")
    first_timestamp: str = Field("", description="When the first of them was")


class FeedView(Shape):
    """Where order books come from, and how well; counts are since the start."""

    source: Literal["stream", "poll"]
    connected: bool = Field(description="Whether the stream has a connection")
    subscriptions: Count = Field(description="Markets whose books are streamed")
    gaps: Count = Field(description="Times that frames were missed")
    resyncs: Count = Field(description="Snapshots asked for because a book could not be trusted")
    age_ms_p50: Number | None = Field(description="Age of the books that cycles read, median")
    age_ms_p99: Number | None
    dropped: Count = Field(description="What there was no room for, or could not be read")
    reason: str | None = Field(description="Why books are not streamed; null if they are")
    fault: str | None = Field(None, description="The reason again if a setting has to be mended")


class BotView(Shape):
    """How the bot is doing; `error` is that of now, `last_error` stays when it is over."""

    running: bool
    bot_enabled: bool
    mode: Literal["paper", "live"]
    interval_seconds: Number
    loop_count: Count
    last_loop_start: Time | None
    last_loop_finish: Time | None
    last_update: Time | None
    error: str | None
    last_error: str | None
    last_error_at: Time | None
    model_version: str
    model_fault: str | None
    journal_fault: str | None
    universe_fault: str | None
    loop_fault: str | None
    entries_stopped: str | None
    trading_halted: str | None = Field(
        description="What the exchange does not trade now: no orders there, exits neither",
        examples=["trading is paused on shard 2"],
    )
    orders_in_doubt: str | None = Field(
        description="Orders that were sent and whose end is not known: they may have traded",
        examples=["what became of order 7-20261127T120000000000-000012 of KXA is not known"],
    )
    account_note: str | None = Field(
        description="What the exchange has on the account that is not the bot's; entries go on",
        examples=["cash: $1,000 here, $1,500 at the exchange (+500)"],
    )
    positions_count: Count
    total_exposure: Number
    watched_markets: Count
    stale_markets: Count
    leader: bool = Field(description="Whether the process that answers is the one that trades")
    leads: str | None = Field(description="Who trades; null if nobody does or it is not known")
    epoch: Count | None = Field(description="The number of that term; no two have the same")
    killed: str | None = Field(description="The switch in force: why nothing is entered")
    killed_until: str | None = Field(
        description="What lifts it", examples=["POST /bot/resume", "the file KILL is removed"]
    )
    store_fault: str | None = Field(
        description="Why the database cannot be written; no orders meanwhile"
    )
    feed: FeedView | None = Field(
        description="Where the books of who trades come from; null before the first cycle"
    )
    closing: dict[Ticker, str] = Field(
        description="Positions that an operator wants closed, and why each is still open",
        examples=[{"KXINX-26JAN23": "there is nobody in the book to trade with"}],
    )


class BotState(Shape):
    """Everything the dashboard shows; lists newest first."""

    overview: Overview
    regime: RegimeView
    markets: list[MarketView]
    whales: list[WhaleView]
    timeline: list[TimelineView]
    notices: list[NoticeView]
    bot: BotView


class Markets(Shape):
    """The watched markets."""

    markets: list[MarketView]
    count: Count


class Whales(Shape):
    """Recent whales, newest first."""

    whales: list[WhaleView]
    count: Count


class Timeline(Shape):
    """What happened lately, newest first."""

    timeline: list[TimelineView]
    count: Count


class Notices(Shape):
    """What else people should know, newest first."""

    notices: list[NoticeView]
    count: Count
