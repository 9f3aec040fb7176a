"""What is shown of the account besides the state: positions, and the limits they count against.

Money in dollars to the cent, prices in cents per YES contract, sizes in contracts, times ISO 8601
with offset. What is not known is None, and a reason beside it says why.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.ports.json_types import Cents, Share, Ticker, Time

PositionSide = Literal["YES", "NO"]


class PositionView(Struct, frozen=True, kw_only=True):
    """What is held of one market. Prices are YES prices, also of NO contracts."""

    ticker: Ticker
    title: Annotated[
        str | None, Meta(description="With its strike; null if the market is not watched")
    ]
    event_ticker: str | None
    category: str | None
    side: PositionSide
    size: Annotated[float, Meta(description="Contracts, above 0", examples=[10.0])]
    entry_price: Cents
    cost: float
    mark_price: Annotated[Cents | None, Meta(description="At which all of it could be closed")]
    value: Annotated[float | None, Meta(description="What closing all of it would fetch")]
    stale: Annotated[
        bool, Meta(description="The mark is not one of the last cycle, or that is long ago")
    ]
    stale_reason: str | None
    pnl_unrealized: float | None
    fees: Annotated[float, Meta(description="Paid for it so far")]
    pnl: Annotated[
        float | None,
        Meta(description="Of all of it so far, fees included, before those of closing the rest"),
    ]
    opened_at: Time
    closes_at: Time | None
    status: str | None
    score: Annotated[Share | None, Meta(description="Of the last cycle; null without a prediction")]
    hold_reason: Annotated[
        str,
        Meta(
            description="Why it is still held",
            examples=["score 0.61, a long ends at 0.55 or below"],
        ),
    ]


class LimitView(Struct, frozen=True, kw_only=True):
    """A limit and what is used of it."""

    rule: Annotated[str, Meta(description="As refusals name it", examples=["event_exposure"])]
    setting: Annotated[str, Meta(examples=["RISK_MAX_EVENT_EXPOSURE"])]
    unit: Literal["dollars", "count", "seconds"]
    limit: Annotated[float | None, Meta(description="null: off")]
    value: float | None
    use: Annotated[float | None, Meta(description="value / limit; 1 and more is used up")]
    of: Annotated[str | None, Meta(description="The market, event or category that uses the most")]
    reason: Annotated[str | None, Meta(description="Why value or limit is null")]


class AccountTotals(Struct, frozen=True, kw_only=True):
    """The account in dollars, as of the last cycle."""

    equity: Annotated[float, Meta(description="Cash, and what closing everything would fetch")]
    cash: float
    exposure: Annotated[
        float, Meta(description="The most that can still be lost: cost of all that is open")
    ]
    unrealized: Annotated[float, Meta(description="Of what is open, by its marks, before fees")]
    realized: Annotated[float, Meta(description="Of what is closed, after all fees ever paid")]
    fees: Annotated[float, Meta(description="All fees ever paid")]
    daily_pnl: Annotated[float, Meta(description="Since 00:00 UTC, fees included")]
    drawdown: Annotated[
        float, Meta(description="Deepest fall below the peak since a resume, or ever")
    ]


class AccountView(Struct, frozen=True, kw_only=True):
    """The account as it was once a cycle was over; `at` None before the first."""

    at: str | None
    totals: AccountTotals | None
    positions: tuple[PositionView, ...]
    limits: tuple[LimitView, ...]
    entries_stopped: str | None


class AuditRow(Struct, frozen=True, kw_only=True):
    """Signed contracts of one market, as booked here and as the exchange has them."""

    ticker: Ticker
    booked: float
    exchange: float
    foreign: Annotated[
        float,
        Meta(description="What other hands hold of those, with `FOREIGN=respect`; 0 without"),
    ] = 0.0


class QueueView(Struct, frozen=True, kw_only=True):
    """The place of an order that rests: so many contracts trade before it."""

    ahead: float
    source: Annotated[
        Literal["exchange", "books"],
        Meta(description="exchange: it says so itself; books: reckoned from books and trades"),
    ]


class OperatorEntry(Struct, frozen=True, kw_only=True):
    """What an operator asked for, and what became of it."""

    at: Time
    asked_at: Time
    about: Annotated[str, Meta(description="`adopt`, or the client order id of an order in doubt")]
    message: Annotated[str, Meta(description="What was done, or why nothing was")]
    is_refusal: Annotated[bool, Meta(description="Whether nothing was done")] = False


class AuditView(Struct, frozen=True, kw_only=True):
    """The last comparison of our account with the exchange's."""

    compared_at: Annotated[
        Time | None, Meta(description="Null before the first; on paper always")
    ] = None
    agrees: Annotated[
        bool | None,
        Meta(description="Whether all positions are the same; null while some cannot be read"),
    ] = None
    positions: Annotated[
        tuple[AuditRow, ...],
        Meta(description="Every market in which either holds anything, if both are known"),
    ] = ()
    cash_booked: Annotated[
        float | None,
        Meta(description="Ours, and what other hands moved with `FOREIGN=respect`"),
    ] = None
    cash_exchange: float | None = None
    differences: Annotated[
        tuple[str, ...], Meta(description="In words; cash may differ and stops nothing")
    ] = ()
    entries_stopped: Annotated[str | None, Meta(description="Why nothing is entered for that")] = (
        None
    )
    reason: Annotated[str | None, Meta(description="Why there is nothing to show")] = None
    explanations: Annotated[
        tuple[str, ...], Meta(description="What explains the differences, as far as that is known")
    ] = ()
    adoption_waits: Annotated[
        str | None, Meta(description="Why an adoption that was asked for is not done yet")
    ] = None
    operator: Annotated[
        tuple[OperatorEntry, ...],
        Meta(description="What operators did about it; newest first, 50 at most"),
    ] = ()
