"""The gate before a venue: only `review` makes an `Approved`."""

from dataclasses import dataclass

from bot.core.fees import FeeSchedule
from bot.core.orderbook import OrderBook
from bot.core.orders import Order


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed risk, with the book it was judged on and the fees it will pay."""

    order: Order
    book: OrderBook
    fees: FeeSchedule


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that did not pass, and why, with the numbers."""

    order: Order
    reason: str
