"""What is shown of the account besides the state: positions, and the limits they count against.

Money in dollars to the cent, prices in cents per YES contract, sizes in contracts, times ISO 8601
with offset. What is not known is None, and a reason beside it says why.
"""

from typing import Literal

from msgspec import Struct

PositionSide = Literal["YES", "NO"]


class PositionView(Struct, frozen=True, kw_only=True):
    """What is held of one market.

    `mark_price` and `value` are what closing all of it would fetch; they are unknown until a price
    was seen. `stale_reason` says why a mark is not one of the last cycle. `fees` are those paid so
    far; `pnl` is all that it has come to with them: what closing it now would earn, before the fee
    of that, and what was closed of it before.
    """

    ticker: str
    title: str | None
    event_ticker: str | None
    category: str | None
    side: PositionSide
    size: float
    entry_price: float
    cost: float
    mark_price: float | None
    value: float | None
    stale: bool
    stale_reason: str | None
    pnl_unrealized: float | None
    fees: float
    pnl: float | None
    opened_at: str
    closes_at: str | None
    status: str | None
    score: float | None
    hold_reason: str


class LimitView(Struct, frozen=True, kw_only=True):
    """A limit and what is used of it: see `bot.core.risk.limit_use.LimitUse`."""

    rule: str
    setting: str
    unit: Literal["dollars", "count", "seconds"]
    limit: float | None
    value: float | None
    use: float | None
    of: str | None
    reason: str | None


class AccountTotals(Struct, frozen=True, kw_only=True):
    """The account in dollars; `realized` is what closed trades earned after all fees."""

    equity: float
    cash: float
    exposure: float
    unrealized: float
    realized: float
    fees: float
    daily_pnl: float
    drawdown: float


class AccountView(Struct, frozen=True, kw_only=True):
    """The account as it was once a cycle was over; `at` None before the first."""

    at: str | None
    totals: AccountTotals | None
    positions: tuple[PositionView, ...]
    limits: tuple[LimitView, ...]
    entries_stopped: str | None


class AuditRow(Struct, frozen=True, kw_only=True):
    """Signed contracts of one market, as booked here and as the exchange has them."""

    ticker: str
    booked: float
    exchange: float


class AuditView(Struct, frozen=True, kw_only=True):
    """The last comparison of our account with the exchange's; `reason` is why there is none.

    `differences` are sentences with both numbers. Cash may differ without stopping anything.
    """

    compared_at: str | None = None
    agrees: bool | None = None
    positions: tuple[AuditRow, ...] = ()
    cash_booked: float | None = None
    cash_exchange: float | None = None
    differences: tuple[str, ...] = ()
    entries_stopped: str | None = None
    reason: str | None = None
