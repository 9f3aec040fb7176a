"""What the service shows, as frozen views: the shapes of its JSON.

They are `msgspec.Struct`, not dataclasses: made, encoded and checked at the speed of C, a
thousand markets cost a cycle a few milliseconds. `/openapi.json` is made from them.

Prices are in cents, money in dollars, sizes in contracts, times ISO 8601 with offset; an
optional field that is None is left out of the JSON, a nullable one is null.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from bot.ports.json_types import Cents, Count, Share, Strength, Ticker, Time

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
    "TERM_STARTED",
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
    "ADOPTED",
    "ORDER_RESOLVED",
]


class Overview(Struct, frozen=True, kw_only=True):
    """The account in one line: dollars, and the count of open positions."""

    mode: Mode
    equity: Annotated[float, Meta(examples=[10_012.5])]
    daily_pnl: Annotated[float, Meta(examples=[12.5])]
    total_exposure: Annotated[float, Meta(examples=[52.5])]
    open_positions: Count


class RegimeView(Struct, frozen=True):
    """The regime of all watched markets together; unknown (-1) while no book is fresh."""

    id: int
    name: Literal["calm", "trending", "chaotic", "unknown"]


class MarketView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One watched market. Stale: no sound book came, the numbers are `age_seconds` old."""

    ticker: Ticker
    title: str
    category: Annotated[str | None, Meta(description="Left out when not known")] = None
    yes_bid: Cents
    yes_ask: Cents
    spread: Cents
    volume_24h: float
    open_interest: float
    bid_ratio: Share
    imbalance_strength: Strength
    recent_whale_count: Count
    recent_whale_max_size: float
    signal_direction: Direction
    signal_score: Share
    position_notional: float
    pnl_unrealized: float
    position: Annotated[float, Meta(description="YES contracts, short negative")]
    regime: str
    status: str
    stale: bool
    age_seconds: float
    reason: Annotated[
        str,
        Meta(
            description="Why no prediction, no trade, or an exit without a prediction; else empty"
        ),
    ]


class WhaleView(Struct, frozen=True, kw_only=True, gc=False):
    """One whale, as it was seen; only a suspicion has a confidence."""

    timestamp: Time
    ticker: Ticker
    side_bias: Literal["BUY_BIAS", "SELL_BIAS"] | None
    imbalance_strength: Strength
    max_bid_size: float
    max_ask_size: float
    type: Annotated[str, Meta(examples=["large_bid"])]
    size: float
    price: Cents
    notional: float
    why: str
    confidence: Literal["low", "medium"] | None = None
    # Not stored before there were sweeps.
    source: Annotated[
        Literal["book", "tape", "refills"],
        Meta(description="tape: a sweep seen in trades; refills: an iceberg"),
    ] = "book"


class TimelineView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened."""

    timestamp: Time
    type: TimelineType
    ticker: Annotated[str | None, Meta(description="Left out where none is meant")] = None
    details: str | None = None


class NoticeView(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something else worth knowing: refusals, settlements, what operators did.

    Repeats within ten minutes of each other are one notice, shown as the latest of them.
    """

    timestamp: Time
    kind: NoticeKind
    ticker: Annotated[str | None, Meta(description="Left out where none is meant")] = None
    message: str
    # Neither was stored before repeats were counted.
    count: Annotated[Count, Meta(examples=[83], description="How many this stands for")] = 0
    first_timestamp: Annotated[str, Meta(description="When the first of them was")] = ""


class RefusalView(Struct, frozen=True, gc=False):
    """The rule that barred an order, the number that broke it and the limit; null without one."""

    rule: Annotated[str, Meta(examples=["max_market_exposure"])]
    value: float | None
    limit: float | None


class DecisionView(Struct, frozen=True, kw_only=True, gc=False):
    """What the model predicted of a market in one cycle, and what came of it."""

    timestamp: Time
    cycle: Annotated[
        Count, Meta(description="Its number in the log, which restarts with each process")
    ]
    ticker: Ticker
    score: Annotated[Share | None, Meta(description="Null without a prediction")]
    direction: Direction
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    reason: str
    order: Annotated[str | None, Meta(examples=["buy 100 @ 52.50"])]
    outcome: Annotated[str | None, Meta(description="Null without an order, or until it is known")]
    refusal: RefusalView | None


class FeedView(Struct, frozen=True, kw_only=True):
    """Where order books come from, and how well; counts are since the start."""

    source: Literal["stream", "poll"]
    connected: Annotated[bool, Meta(description="Whether the stream has a connection")] = False
    subscriptions: Annotated[Count, Meta(description="Markets whose books are streamed")] = 0
    gaps: Annotated[Count, Meta(description="Times that frames were missed")] = 0
    resyncs: Annotated[
        Count, Meta(description="Snapshots asked for because a book could not be trusted")
    ] = 0
    age_ms_p50: Annotated[
        float | None, Meta(description="Age of the books that cycles read, median")
    ] = None
    age_ms_p99: float | None = None
    dropped: Annotated[
        Count, Meta(description="What there was no room for, or could not be read")
    ] = 0
    reason: Annotated[
        str | None, Meta(description="Why books are not streamed; null if they are")
    ] = None
    fault: Annotated[
        str | None, Meta(description="The reason again if a setting has to be mended")
    ] = None


class BotView(Struct, frozen=True, kw_only=True):
    """How the bot is doing; `error` is that of now, `last_error` stays when it is over."""

    running: bool
    bot_enabled: bool
    mode: Literal["paper", "live"]
    interval_seconds: float
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
    trading_halted: Annotated[
        str | None,
        Meta(
            description="What the exchange does not trade now: no orders there, exits neither",
            examples=["trading is paused on shard 2"],
        ),
    ] = None
    next_pause: Annotated[
        str | None,
        Meta(
            description="When the exchange means to pause trading next, or why that is not known",
            examples=["2026-12-03 08:00 to 10:00 UTC (Thu 03:00 to 05:00 in New York)"],
        ),
    ] = None
    orders_in_doubt: Annotated[
        str | None,
        Meta(
            description="Orders that were sent and whose end is not known: they may have traded",
            examples=["what became of order 7-20261127T120000000000-000012 of KXA is not known"],
        ),
    ] = None
    account_note: Annotated[
        str | None,
        Meta(
            description="What the exchange has on the account that is not the bot's, or cannot be "
            "read; entries go on, but in a market whose position is not known",
            examples=["cash: $1,000 here, $1,500 at the exchange (+500)"],
        ),
    ] = None
    positions_count: Count
    total_exposure: float
    watched_markets: Count
    stale_markets: Count
    leader: Annotated[
        bool, Meta(description="Whether the process that answers is the one that trades")
    ]
    leads: Annotated[
        str | None, Meta(description="Who trades; null if nobody does or it is not known")
    ]
    epoch: Annotated[
        Count | None, Meta(description="The number of that term; no two have the same")
    ]
    killed: Annotated[str | None, Meta(description="The switch in force: why nothing is entered")]
    killed_until: Annotated[
        str | None,
        Meta(
            description="What lifts it", examples=["POST /bot/resume", "the file KILL is removed"]
        ),
    ] = None
    store_fault: Annotated[
        str | None, Meta(description="Why the database cannot be written; no orders meanwhile")
    ]
    feed: Annotated[
        FeedView | None,
        Meta(description="Where the books of who trades come from; null before the first cycle"),
    ] = None
    closing: Annotated[
        Mapping[Ticker, str],
        Meta(
            description="Positions that an operator wants closed, and why each is still open",
            examples=[{"KXINX-26JAN23": "there is nobody in the book to trade with"}],
        ),
    ] = field(default_factory=dict)


class Check(Struct, frozen=True):
    """Something that must hold for the service to be ready, and how it is."""

    ok: bool
    detail: Annotated[str, Meta(examples=["The state is 12 s old"])]


class BotState(Struct, frozen=True, kw_only=True):
    """Everything the dashboard shows; lists newest first."""

    overview: Overview
    regime: RegimeView
    markets: tuple[MarketView, ...]
    whales: tuple[WhaleView, ...]
    timeline: tuple[TimelineView, ...]
    notices: tuple[NoticeView, ...]
    bot: BotView
