"""Orders of the simulated exchange: the request, and the order through its life.

Prices in ticks, sizes in units, money in micro-dollars (`units`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.market.fees import OrderFees
from bot.core.market.market import Side


class TimeInForce(StrEnum):
    """How long an order may wait, in Kalshi's words."""

    GTC = "good_till_canceled"
    IOC = "immediate_or_cancel"
    FOK = "fill_or_kill"


class SelfTrade(StrEnum):
    """Whose order gives way when an account would trade with itself, in Kalshi's words."""

    TAKER = "taker_at_cross"
    MAKER = "maker"


class OrderState(StrEnum):
    """Where an order is in its life, in Kalshi's words."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


class Reason(StrEnum):
    """Why an order changed: `last_update_reason` of Kalshi's stream; PLACED and USER are ours."""

    PLACED = ""
    USER_CANCEL = "UserCancel"
    DECREASE = "Decrease"
    AMEND = "Amend"
    TRADE = "Trade"
    MARGIN = "MarginCancel"
    SELF_TRADE = "SelfTradeCancel"
    EXPIRY = "ExpiryCancel"
    CLOSE = "CloseCancel"
    HALT = "HaltCancel"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A limit order as asked for. `expiration` is only for orders that may rest."""

    ticker: str
    side: Side
    size: int
    price: int
    time_in_force: TimeInForce = TimeInForce.GTC
    self_trade: SelfTrade = SelfTrade.MAKER
    client_order_id: str = ""
    post_only: bool = False
    reduce_only: bool = False
    expiration: datetime | None = None
    cancel_on_pause: bool = False
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class Amendment:
    """New terms of a resting order: `size` is the new total, what is already filled included.

    `expiration` None leaves it as it is; `clear_expiration` takes it away.
    """

    price: int
    size: int
    client_order_id: str = ""
    expiration: datetime | None = None
    clear_expiration: bool = False


@dataclass(slots=True, eq=False)
class LiveOrder:
    """One order through its life. The exchange alone changes it; everybody else reads.

    Mutable on purpose: an order is touched by every fill, and a copy per touch would be most of
    the cost of matching.
    """

    order_id: str
    account: str
    ticker: str
    side: Side
    price: int
    size: int
    remaining: int
    request: OrderRequest
    fees: OrderFees
    created: datetime
    updated: datetime
    client_order_id: str
    expiration: datetime | None
    state: OrderState = OrderState.RESTING
    filled: int = 0
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    sequence: int = field(default=0)

    @property
    def fees_paid(self) -> int:
        """All fees of its fills so far."""
        return self.taker_fees + self.maker_fees

    @property
    def traded_value(self) -> int:
        """Σ size × YES price over its fills."""
        return self.taker_cost + self.maker_cost
