"""The past of an account: closed trades, orders, equity by the minute; as values and a Protocol.

Everything is newest first and bounded; money is exact. Reading may raise StoreError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from bot.core.account.round_trips import RoundTrip
from bot.core.account.trade_stats import GroupBy, GroupedStats
from bot.core.market.market import Side
from bot.core.market.money import Contracts, Dollars
from bot.core.market.orders import Aim, Fill, Life

T = TypeVar("T")


class CursorError(ValueError):
    """A cursor that no earlier answer gave."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of a market or of all, from `since` to `until`; `cursor` goes on from a page."""

    limit: int
    ticker: str | None = None
    since: datetime | None = None
    cursor: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, newest first; `next` is the cursor of those after them, None if there are none."""

    rows: Sequence[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A position that has ended; its market's title and place as they were then."""

    ticker: str
    title: str | None
    event_ticker: str | None
    category: str | None
    trip: RoundTrip
    closed_at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order and what became of it; `status` None: nothing is known of that yet."""

    client_order_id: str
    order_id: str | None
    ticker: str
    side: Side
    aim: Aim
    life: Life
    size: Contracts
    limit: Dollars
    at: datetime
    status: str | None
    error: str | None
    ended_at: datetime | None
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """The account at the end of the minute that begins at `minute`; `realised` is after fees."""

    minute: datetime
    equity: Dollars
    cash: Dollars
    realised: Dollars
    fees: Dollars
    exposure: Dollars


@dataclass(frozen=True, slots=True)
class EquityCurve:
    """Points oldest first, one for each `step` seconds that have any; `first` is the oldest kept.

    `max_drawdown` is the deepest fall of equity below its peak within the time asked for, by the
    minute; None without any point. `marks` are the starts, stops and kills of that time.
    """

    points: Sequence[EquityPoint]
    step: int
    first: datetime | None
    max_drawdown: float | None
    marks: Sequence["CurveMark"] = ()


@dataclass(frozen=True, slots=True)
class CurveMark:
    """A moment at which the bot was started, stopped or killed, or a process began to lead."""

    at: datetime
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of closed trades; `is_complete` False: only the newest were counted."""

    stats: GroupedStats
    is_complete: bool


class AccountHistory(Protocol):
    """What is kept of an account's past."""

    async def trades(self, wanted: Wanted) -> Page[ClosedTrade]:
        """Closed trades. Raises CursorError."""
        ...

    async def orders(self, wanted: Wanted) -> Page[OrderRecord]:
        """Orders with their fills. Raises CursorError."""
        ...

    async def fills(self, wanted: Wanted) -> Sequence[Fill]:
        """Fills of a market."""
        ...

    async def equity(self, start: datetime | None, end: datetime, step: int) -> EquityCurve:
        """The account from `start` (None: all that is stored) to `end`.

        One point every `step` seconds, or more where that would be too many.
        """
        ...

    async def performance(
        self, by: GroupBy, since: datetime | None, until: datetime | None
    ) -> Performance:
        """What closed trades came to."""
        ...
