"""The JSON of every answer, for readers and for `/docs`.

The shapes of the state are those of `bot.views`; a test holds the two together.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Time: TypeAlias = Annotated[
    str,
    Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-18T22:15:05+00:00"]),
]
Ticker: TypeAlias = Annotated[str, Field(examples=["KXINX-26JAN23"])]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Cents: TypeAlias = Annotated[float, Field(ge=0, le=100, examples=[52.5])]
Strength: TypeAlias = Annotated[float, Field(ge=0, le=0.5, examples=[0.12])]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, examples=[0.62])]


class Shape(BaseModel):
    """What all shapes have in common."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ErrorItem(Shape):
    """One fault of a request: where it lies and what is wrong."""

    where: str = Field(examples=["query.limit"])
    problem: str = Field(examples=["Input should be less than or equal to 500"])


class ErrorDetail(Shape):
    """What went wrong: a word for programs, a sentence for people."""

    code: str = Field(examples=["invalid_request"])
    message: str
    details: list[ErrorItem]


class ErrorBody(Shape):
    """The one shape of every error."""

    error: ErrorDetail


class RootView(Shape):
    """What this is."""

    name: str = Field(examples=["KalshiProto"])
    version: str = Field(examples=["0.1.0"])
    model_version: str = Field(examples=["gbm_v1"])
    bot_mode: Literal["paper", "live"]
    bot_running: bool
    docs: str = Field(examples=["/docs"])
    health: str = Field(examples=["/health"])


class HealthView(Shape):
    """How the service is doing; `reasons` says what is wrong when `status` is degraded."""

    status: Literal["ok", "degraded"]
    timestamp: Time
    version: str
    environment: str
    reasons: list[str] = Field(examples=[[]])


class CheckView(Shape):
    """Whether something holds, and how it is."""

    ok: bool
    detail: str = Field(examples=["The state is 12 s old"])


class ReadyView(Shape):
    """Whether requests may be sent here: whether all checks hold."""

    ready: bool
    checks: dict[str, CheckView]


class Overview(Shape):
    """The account in one line: dollars, and the count of open positions."""

    mode: Literal["PAPER", "LIVE"]
    equity: Number = Field(examples=[10_012.5])
    daily_pnl: Number = Field(examples=[12.5])
    total_exposure: Number = Field(examples=[52.5])
    open_positions: Count


class RegimeView(Shape):
    """The mood of all watched markets together."""

    id: int
    name: Literal["calm", "trending", "chaotic"]


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
    reason: str = Field(description="Why there is no opinion or no trade; empty if nothing bars it")


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
    """Something else worth knowing: refusals, failed fetches, settlements."""

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
    ]
    ticker: str = Field("", description="Left out where none is meant")
    message: str


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
    positions_count: Count
    total_exposure: Number
    watched_markets: Count
    stale_markets: Count
    leader: bool = Field(description="Whether the process that answers is the one that trades")
    leads: str | None = Field(description="Who trades; null if nobody does or it is not known")
    epoch: Count | None = Field(description="The number of that term; no two have the same")
    killed: str | None = Field(description="Why nothing is entered, until `/bot/resume`")
    store_fault: str | None = Field(description="Why nothing can be kept: no orders meanwhile")


class BotState(Shape):
    """Everything the dashboard shows; lists newest first."""

    overview: Overview
    regime: RegimeView
    markets: list[MarketView]
    whales: list[WhaleView]
    timeline: list[TimelineView]
    notices: list[NoticeView]
    bot: BotView


class WhaleRecord(Shape):
    """One detection with its reason; only a suspicion has a confidence."""

    timestamp: Time
    ticker: Ticker
    type: str = Field(examples=["large_bid"])
    side_bias: Literal["BUY_BIAS", "SELL_BIAS"] | None
    size: Number
    price: Cents
    notional: Number
    depth_pct: Number
    imbalance_strength: Strength
    why: str
    confidence: Literal["low", "medium"] | None
    source: Literal["book", "tape"] = Field(description="tape: a sweep seen in trades")


class WhaleEnding(Shape):
    """How an announced order ended, as far as books and trades tell."""

    timestamp: Time
    ticker: Ticker
    side: Literal["buy", "sell"]
    price: Cents
    size: Number
    fate: Literal["filled", "cancelled", "moved", "unknown"]
    lifetime_seconds: Number
    interval_seconds: Number = Field(description="How long nobody looked before it was missed")
    traded: Number | None = Field(description="Contracts that met it at most; null: not known")


class CoverageView(Shape):
    """Of how many watched markets the trades since the book before are known."""

    markets: Count
    known: Count
    reason: str | None = Field(description="Why not of all: sweeps in the others are not seen")


class WhaleHistory(Shape):
    """The last detections and endings, newest first, and what cannot be seen."""

    whales: list[WhaleRecord]
    endings: list[WhaleEnding]
    count: Count
    limits: str
    trades: CoverageView | None = Field(description="Null where another process looks, or nobody")


Interval: TypeAlias = tuple[Number, Number] | None


class ScoreLine(Shape):
    """What detections of a group came to at one horizon, net, in cents a contract."""

    type: str
    price_band: str
    category: str
    horizon: Literal["1m", "5m", "60m", "settlement"]
    count: Count
    markets: Count
    missing: Count
    mean: Number | None
    interval: Interval = Field(description="95 %; null with too few markets to say")
    verdict: Literal["gains", "loses", "open", "too_few"]
    baseline_count: Count
    baseline_missing: Count
    baseline_mean: Number | None
    baseline_interval: Interval
    lead: Number | None = Field(description="How far the mean lies above that of the baseline")
    lead_interval: Interval


class WhaleScores(Shape):
    """The scoreboard; what could not be followed is counted by reason."""

    lines: list[ScoreLine]
    count: Count
    following: Count
    unscored: dict[str, int]
    limits: str


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


class LogFile(Shape):
    """One CSV log; `line_count` includes the header."""

    exists: bool
    path: str = Field(examples=["logs/signals_log.csv"])
    size_bytes: Count
    line_count: Count
    parts: list[str] = Field(
        description="Older parts, not counted, oldest first: for `part` of `/logs/{name}.csv`",
        examples=[["signals_log.2026-01-17.csv"]],
    )


class LogsView(Shape):
    """The CSV logs."""

    signals: LogFile
    trades: LogFile
    pnl: LogFile
    whale: LogFile
    grades: LogFile


class DriftView(Shape):
    """The population stability index of one feature today; null below 500 rows."""

    index: float | None = Field(examples=[0.04])
    verdict: Literal["unknown", "steady", "watch", "drifted"]
    rows: Count


class ModelView(Shape):
    """The model: `card` is the file beside it, null if it cannot be read."""

    version: str = Field(examples=["00337b08e7a4"])
    fault: str | None
    card: dict[str, Any] | None
    drift: dict[str, DriftView]


class MeanView(Shape):
    """A mean with its 95 % interval (null with fewer than five markets) and the rows behind it."""

    value: Number
    interval: tuple[Number, Number] | None
    rows: Count


class BinView(Shape):
    """Predictions of like scores: what was said on average, how often YES then rose."""

    rows: Count
    score: Share
    up: Share


class PerformanceView(Shape):
    """How good the graded predictions were.

    Hit rate, Brier and log loss are over those that saw a move, cents per contract (crossing the
    spread and paying the fee both ways in the predicted direction) over all; `decided_cents` over
    those beyond the entry thresholds. Null where there are none.
    """

    graded: Count
    moved: Count
    markets: Count
    hit_rate: MeanView | None
    brier: MeanView | None
    log_loss: MeanView | None
    cents: MeanView | None
    decided_cents: MeanView | None
    bins: list[BinView]


class TrackRecordView(Shape):
    """What became of the predictions, by group of markets; `ALL` is all of them.

    `waiting` have their horizon ahead, `lapsed` saw no two-sided book in time.
    """

    horizon_seconds: Number
    waiting: Count
    lapsed: Count
    groups: dict[str, PerformanceView]


class Started(Shape):
    """What became of a start."""

    status: Literal["started", "already_running"]
    mode: Literal["paper", "live"]


class Stopped(Shape):
    """What became of a stop."""

    status: Literal["stopped", "not_running"]


class Killed(Shape):
    """What became of a kill, and the reason in force."""

    status: Literal["killed", "already_killed"]
    reason: str = Field(examples=["by hand"])


class Resumed(Shape):
    """What became of a resume."""

    status: Literal["resumed", "not_killed"]


class RefusalView(Shape):
    """The rule that barred an order, the number that broke it and the limit; null without one."""

    rule: str = Field(examples=["max_market_exposure"])
    value: Number | None
    limit: Number | None


class DecisionView(Shape):
    """What was thought of a market in one cycle, and what came of it."""

    timestamp: Time
    cycle: Count = Field(description="Its number in the log, which begins anew with each process")
    ticker: Ticker
    score: Share | None = Field(description="Null without an opinion")
    direction: Literal["BUY", "SELL", "HOLD"]
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    reason: str
    order: str | None = Field(examples=["buy 100 @ 52.50"])
    outcome: str | None = Field(description="Null without an order, or until it is known")
    refusal: RefusalView | None


class Decisions(Shape):
    """The last decisions, newest first."""

    decisions: list[DecisionView]
    count: Count


class DemoSignal(Shape):
    """The signal that was logged."""

    ticker: str = Field(examples=["DEMO-MARKET"])
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    prediction: Share


class DemoWhale(Shape):
    """Whether the whale was logged."""

    ticker: str = Field(examples=["DEMO-MARKET"])
    logged: bool


class DemoPnl(Shape):
    """Whether the row was logged."""

    logged: bool


Responses: TypeAlias = dict[int | str, dict[str, Any]]


def _failed(status: int, description: str) -> Responses:
    return {status: {"model": ErrorBody, "description": description}}


FAILED: Final = _failed(500, "The service is at fault")
INVALID: Final = _failed(422, "A parameter is wrong")
MISSING: Final = _failed(404, "There is none of that name")
FOREIGN: Final = _failed(403, "A foreign page asked, or no API_TOKEN is set")
#: What may become of a switch: nobody can be told while the database is away.
ACTING: Final = {**FOREIGN, **_failed(503, "The database cannot be reached")}
