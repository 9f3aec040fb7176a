"""Shapes of `/positions` and `/limits`. What is not known is null, with a reason beside it."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Cents, Count, Number, Shape, Share, Ticker, Time

Dollars = Number


class AccountTotals(Shape):
    """The account in dollars, as of the last cycle."""

    equity: Dollars = Field(description="Cash, and what closing everything would fetch")
    cash: Dollars
    exposure: Dollars = Field(
        description="The most that can still be lost: cost of all that is open"
    )
    unrealized: Dollars = Field(description="Of what is open, by its marks, before fees")
    realized: Dollars = Field(description="Of what is closed, after all fees ever paid")
    fees: Dollars = Field(description="All fees ever paid")
    daily_pnl: Dollars = Field(description="Since 00:00 UTC, fees included")
    drawdown: Dollars = Field(description="Deepest fall below the peak since a resume, or ever")


class PositionShape(Shape):
    """What is held of one market. Prices are YES prices, also of NO contracts."""

    ticker: Ticker
    title: str | None = Field(description="With its strike; null if the market is not watched")
    event_ticker: str | None
    category: str | None
    side: Literal["YES", "NO"]
    size: Number = Field(description="Contracts, above 0", examples=[10.0])
    entry_price: Cents
    cost: Dollars
    mark_price: Cents | None = Field(description="At which all of it could be closed")
    value: Dollars | None = Field(description="What closing all of it would fetch")
    stale: bool = Field(description="The mark is not one of the last cycle, or that is long ago")
    stale_reason: str | None
    pnl_unrealized: Dollars | None
    fees: Dollars = Field(description="Paid for it so far")
    pnl: Dollars | None = Field(
        description="Of all of it so far, fees included, before those of closing the rest"
    )
    opened_at: Time
    held_seconds: Number
    closes_at: Time | None
    closes_in_seconds: Number | None = Field(description="Below 0 once it has closed")
    status: str | None
    score: Share | None = Field(description="Of the last cycle; null without a prediction")
    hold_reason: str = Field(
        description="Why it is still held", examples=["score 0.61, a long ends at 0.55 or below"]
    )


class Positions(Shape):
    """What is open, and the account it is part of."""

    positions: list[PositionShape]
    count: Count
    account: AccountTotals | None = Field(description="null before the first cycle")
    as_of: Time | None
    age_seconds: Number | None
    reason: str | None = Field(description="Why nothing is known, or all of it is old")


class LimitShape(Shape):
    """A limit and what is used of it."""

    rule: str = Field(description="As refusals name it", examples=["event_exposure"])
    setting: str = Field(examples=["RISK_MAX_EVENT_EXPOSURE"])
    unit: Literal["dollars", "count", "seconds"]
    limit: Number | None = Field(description="null: off")
    value: Number | None
    use: Number | None = Field(description="value / limit; 1 and more is used up")
    of: str | None = Field(description="The market, event or category that uses the most")
    reason: str | None = Field(description="Why value or limit is null")


class Limits(Shape):
    """Every limit, and why nothing is entered now."""

    limits: list[LimitShape]
    count: Count
    entries_stopped: str | None
    as_of: Time | None
    age_seconds: Number | None
    reason: str | None = Field(description="Why nothing is known, or all of it is old")


class AuditRow(Shape):
    """Signed contracts of one market, as booked here and as the exchange has them."""

    ticker: Ticker
    booked: Number
    exchange: Number


class Audit(Shape):
    """The last comparison of our account with the exchange's."""

    compared_at: Time | None = Field(description="Null before the first; on paper always")
    agrees: bool | None = Field(description="Whether all positions are the same")
    positions: list[AuditRow] = Field(description="Every market in which either holds anything")
    cash_booked: Dollars | None
    cash_exchange: Dollars | None
    differences: list[str] = Field(description="In words; cash may differ and stops nothing")
    entries_stopped: str | None = Field(description="Why nothing is entered for that")
    reason: str | None = Field(description="Why there is nothing to show")
