"""Shapes of `/trades`, `/orders`, `/equity` and `/stats`. What is not known is null, never 0."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Cents, Count, Number, Shape, Share, Ticker, Time

Dollars = Number
Next = Field(description="`cursor` of the rows after these; null if there are none")


class TradeShape(Shape):
    """A position from its opening to its end. Prices are averages, and YES prices always."""

    ticker: Ticker
    title: str | None = Field(description="As it was when it was traded")
    event_ticker: str | None
    category: str | None
    side: Literal["YES", "NO"]
    size: Number | None = Field(description="All contracts that were opened of it")
    entry_price: Cents | None
    exit_price: Cents | None
    pnl_gross: Dollars = Field(description="Before fees")
    fees: Dollars
    pnl: Dollars = Field(description="After fees")
    opened_at: Time
    closed_at: Time
    held_seconds: Number
    how: str = Field(
        description="signal, stop_loss, before_close, by_hand, settlement; order: not known why"
    )
    reason: str | None = Field(description="Why size and prices are null")


class Trades(Shape):
    """Closed trades, newest first."""

    trades: list[TradeShape]
    count: Count
    next_cursor: str | None = Next


class FillShape(Shape):
    """A part of an order that traded."""

    fill_id: str
    at: Time
    size: Number
    price: Cents
    fee: Dollars


class OrderShape(Shape):
    """An order and what became of it."""

    client_order_id: str
    order_id: str | None
    ticker: Ticker
    side: Literal["buy", "sell"]
    aim: Literal["enter", "leave"] = Field(description="leave: it can only close")
    life: Literal["take", "rest"] = Field(description="take: immediate or cancel; rest: post-only")
    size: Number
    limit: Cents
    submitted_at: Time
    ended_at: Time | None
    status: Literal["filled", "partially_filled", "canceled", "error", "in_doubt", "resting"] = (
        Field(
            description="in_doubt: it may have traded, that is not known yet; resting: it still can"
        )
    )
    error: str | None
    filled: Number
    average_price: Cents | None = Field(description="null: nothing traded")
    fees: Dollars
    fills: list[FillShape]


class Orders(Shape):
    """Orders, newest first."""

    orders: list[OrderShape]
    count: Count
    next_cursor: str | None = Next


class EquityShape(Shape):
    """The account once the last cycle of a minute was over, dollars."""

    at: Time = Field(description="When that minute began")
    equity: Dollars
    cash: Dollars
    realized: Dollars = Field(description="Of closed trades, after all fees ever paid")
    fees: Dollars
    exposure: Dollars


class Equity(Shape):
    """The account over time, oldest first; minutes without a cycle are left out."""

    points: list[EquityShape]
    count: Count
    step_seconds: Count = Field(description="As asked, or more if that were too many points")
    first_at: Time | None = Field(description="The oldest minute that is stored")
    max_drawdown: Dollars | None = Field(description="Deepest fall below a peak, by the minute")
    reason: str | None = Field(description="Why there is no point")


class StatsShape(Shape):
    """Figures of some closed trades; wins and losses are after fees."""

    trades: Count
    wins: Count
    losses: Count
    win_rate: Share | None
    profit_factor: Number | None = Field(description="Dollars won for each one lost")
    average_win: Dollars | None
    average_loss: Dollars | None = Field(description="Below 0")
    best: Dollars | None
    worst: Dollars | None
    pnl_gross: Dollars
    fees: Dollars
    pnl: Dollars
    max_drawdown: Dollars = Field(description="Deepest fall of what they had earned together")
    average_held_seconds: Number | None
    reason: str | None = Field(description="Why a figure is null")


class GroupShape(StatsShape):
    """Those of one day, hour, category, market or exit."""

    key: str | None = Field(description="null: not known")


class Stats(Shape):
    """What closed trades came to."""

    by: Literal["day", "hour", "category", "market", "exit"]
    total: StatsShape
    groups: list[GroupShape]
    count: Count
    reason: str | None = Field(description="Why not all trades or groups are here")
