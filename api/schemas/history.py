"""Shapes of `/trades`, `/orders`, `/equity` and `/stats`. What is not known is null, never 0."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from bot.ports.account_views import QueueView
from bot.ports.json_types import Cents, Count, Share, Ticker, Time

Cursor: TypeAlias = Annotated[
    str | None, Meta(description="`cursor` of the rows after these; null if there are none")
]


class TradeShape(Struct, frozen=True, kw_only=True):
    """A position from its opening to its end. Prices are averages, and YES prices always."""

    ticker: Ticker
    title: Annotated[str | None, Meta(description="As it was when it was traded")]
    event_ticker: str | None
    category: str | None
    side: Literal["YES", "NO"]
    size: Annotated[float | None, Meta(description="All contracts that were opened of it")]
    entry_price: Cents | None
    exit_price: Cents | None
    pnl_gross: Annotated[float, Meta(description="Before fees")]
    fees: float
    pnl: Annotated[float, Meta(description="After fees")]
    opened_at: Time
    closed_at: Time
    held_seconds: float
    how: Annotated[
        str,
        Meta(
            description="signal, stop_loss, before_close, by_hand, settlement; order: not known why"
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why size and prices are null")]


class Trades(Struct, frozen=True, kw_only=True):
    """Closed trades, newest first."""

    trades: tuple[TradeShape, ...]
    count: Count
    next_cursor: Cursor = None


class FillShape(Struct, frozen=True, kw_only=True):
    """A part of an order that traded."""

    fill_id: str
    at: Time
    size: float
    price: Cents
    fee: float


class OrderShape(Struct, frozen=True, kw_only=True):
    """An order and what became of it."""

    client_order_id: str
    order_id: str | None
    ticker: Ticker
    side: Literal["buy", "sell"]
    aim: Annotated[Literal["enter", "leave"], Meta(description="leave: it can only close")]
    life: Annotated[
        Literal["take", "rest"], Meta(description="take: immediate or cancel; rest: post-only")
    ]
    size: float
    limit: Cents
    submitted_at: Time
    ended_at: Time | None
    status: Annotated[
        Literal["filled", "partially_filled", "canceled", "error", "in_doubt", "resting"],
        Meta(
            description="in_doubt: it may have traded, that is not known yet; resting: it still can"
        ),
    ]
    error: str | None
    filled: float
    average_price: Annotated[Cents | None, Meta(description="null: nothing traded")]
    fees: float
    fills: tuple[FillShape, ...]
    queue: Annotated[
        QueueView | None,
        Meta(description="Null unless it rests and the process asked leads"),
    ] = None


class Orders(Struct, frozen=True, kw_only=True):
    """Orders, newest first."""

    orders: tuple[OrderShape, ...]
    count: Count
    next_cursor: Cursor = None


class EquityShape(Struct, frozen=True, kw_only=True):
    """The account once the last cycle of a minute was over, dollars."""

    at: Annotated[Time, Meta(description="When that minute began")]
    equity: float
    cash: float
    realized: Annotated[float, Meta(description="Of closed trades, after all fees ever paid")]
    fees: float
    exposure: float


class MarkShape(Struct, frozen=True, kw_only=True):
    """A moment at which the bot was started, stopped, killed, or led by another process."""

    at: Time
    kind: Annotated[str, Meta(examples=["TERM_STARTED"])]
    message: str


class Equity(Struct, frozen=True, kw_only=True):
    """The account over time, oldest first; minutes without a cycle are left out."""

    points: tuple[EquityShape, ...]
    count: Count
    step_seconds: Annotated[
        Count, Meta(description="As asked, or more if that were too many points")
    ]
    first_at: Annotated[Time | None, Meta(description="The oldest minute that is stored")]
    max_drawdown: Annotated[
        float | None, Meta(description="Deepest fall below a peak, by the minute")
    ]
    marks: Annotated[
        tuple[MarkShape, ...], Meta(description="Starts, stops and kills of that time")
    ]
    reason: Annotated[str | None, Meta(description="Why there is no point")]


class StatsShape(Struct, frozen=True, kw_only=True):
    """Figures of some closed trades; wins and losses are after fees."""

    trades: Count
    wins: Count
    losses: Count
    win_rate: Share | None
    profit_factor: Annotated[float | None, Meta(description="Dollars won for each one lost")]
    average_win: float | None
    average_loss: Annotated[float | None, Meta(description="Below 0")]
    best: float | None
    worst: float | None
    pnl_gross: float
    fees: float
    pnl: float
    max_drawdown: Annotated[
        float, Meta(description="Deepest fall of what they had earned together")
    ]
    average_held_seconds: float | None
    reason: Annotated[str | None, Meta(description="Why a figure is null")]


class GroupShape(StatsShape, frozen=True, kw_only=True):
    """Those of one day, hour, category, market or exit."""

    key: Annotated[str | None, Meta(description="null: not known")]


class Stats(Struct, frozen=True, kw_only=True):
    """What closed trades came to."""

    by: Literal["day", "hour", "category", "market", "exit"]
    total: StatsShape
    groups: tuple[GroupShape, ...]
    count: Count
    reason: Annotated[str | None, Meta(description="Why not all trades or groups are here")]
