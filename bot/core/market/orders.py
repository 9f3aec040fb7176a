"""Orders, their fills, and how an order ended. Passing risk is the type `Approved` in `risk`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars


class Aim(StrEnum):
    """What an order is for: to enter or enlarge a position, or to leave one and nothing else."""

    ENTER = "enter"
    LEAVE = "leave"


class Life(StrEnum):
    """How long an order lives: it takes what is there and ends, or rests until it is withdrawn."""

    TAKE = "take"
    REST = "rest"


#: Before the exchange's id of an order that other hands sent, where its fills were adopted.
FOREIGN: Final = "foreign:"


def is_foreign(client_order_id: str) -> bool:
    """Whether an order was sent by other hands, and its fills adopted."""
    return client_order_id.startswith(FOREIGN)


@dataclass(frozen=True, slots=True)
class Order:
    """A limit order in YES contracts and prices: immediate-or-cancel, or post-only if it rests.

    `client_order_id` names the wish: a venue that sees it twice trades once. One that leaves never
    opens the other side: a venue that knows of less than its size trades no more than that.
    """

    client_order_id: str
    ticker: str
    side: Side
    size: Contracts
    limit: Dollars
    at: datetime
    aim: Aim = Aim.ENTER
    life: Life = Life.TAKE


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade that happened: money has moved. `fee` is in dollars, never negative.

    Raises ValueError for a size not above 0, a price outside (0, 1) and a negative fee.
    """

    fill_id: str
    client_order_id: str
    ticker: str
    side: Side
    size: Contracts
    price: Dollars
    fee: Dollars
    at: datetime

    def __post_init__(self) -> None:
        numbers = self.size.is_finite() and self.price.is_finite() and self.fee.is_finite()
        if not (numbers and self.size > 0 and 0 < self.price < 1 and self.fee >= 0):
            raise ValueError(
                f"fill {self.fill_id} of {self.ticker} is impossible: "
                f"{self.size} @ {self.price}, fee {self.fee}"
            )

    @property
    def signed_size(self) -> Contracts:
        """Change of the YES position: + for a buy, − for a sell."""
        return self.size * self.side.sign


class OrderStatus(StrEnum):
    """The words of the trades log."""

    SUBMITTED = "submitted"
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    CANCELED = "canceled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of an order, final: its fills, and why when it is not all filled.

    Of an order that rested, `fills` are those that were not told before it ended.

    `code` is the kind of refusal where the exchange did not take it; empty for any other end.
    `expected` is how many contracts of a paper order that rested would have traded by the expected
    reading of its queue: a measurement beside what is booked.
    """

    order: Order
    order_id: str
    status: OrderStatus
    fills: tuple[Fill, ...] = ()
    error: str = ""
    code: str = ""
    expected: float | None = None

    @property
    def filled(self) -> Contracts:
        """Contracts traded."""
        return sum((fill.size for fill in self.fills), ZERO)

    @property
    def average_price(self) -> Dollars | None:
        """The mean price of the fills by size; None if nothing traded."""
        if not self.fills:
            return None
        return sum((fill.size * fill.price for fill in self.fills), ZERO) / self.filled

    @property
    def fees(self) -> Dollars:
        """All fees of the fills."""
        return sum((fill.fee for fill in self.fills), ZERO)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An order in doubt, with why: it was sent and may have traded."""

    order: Order
    reason: str
