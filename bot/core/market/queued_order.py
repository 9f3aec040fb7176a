"""A pretend order in the queue of its price: what books and trades make of it.

Its fills follow the careful reading of the queue (`queue`). What its owner makes of them is
`working`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.market.fees import FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, cents, measured
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.market.queue import MarketUpdate, QueuePlace
from bot.core.market.working import Resting


@dataclass(frozen=True, slots=True)
class QueuedOrder:
    """An order at its place, with all its fills."""

    order: Order
    order_id: str
    fees: OrderFees
    place: QueuePlace
    fills: tuple[Fill, ...] = ()

    @property
    def resting(self) -> Resting:
        """What its owner is told."""
        place = self.place
        return Resting(
            self.order, self.order_id, place.since, place.front, place.is_best, self.fills
        )

    def after(self, update: MarketUpdate, at: datetime) -> "QueuedOrder":
        """The same after this update, whose fills are booked at this moment."""
        place, filled = self.place.after(update)
        return replace(self, place=place)._charged(filled, at)

    def ended(self, why: str = "") -> Execution:
        """How it ended: filled, or withdrawn for that."""
        status = OrderStatus.PARTIALLY_FILLED if self.fills else OrderStatus.CANCELED
        if not self.place.left:
            status, why = OrderStatus.FILLED, ""
        expected = round(measured(self.order.size) - self.place.expected.left, 2)
        return Execution(self.order, self.order_id, status, self.fills, why, expected=expected)

    def _charged(self, size: Contracts, at: datetime) -> "QueuedOrder":
        if size == ZERO:
            return self
        order = self.order
        is_buy = order.side is Side.BUY
        fee, fees = self.fees.charge(size, order.limit, is_taker=False, is_buy=is_buy)
        fill = Fill(
            fill_id=f"{self.order_id}-{len(self.fills) + 1}",
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            size=size,
            price=order.limit,
            fee=fee,
            at=at,
        )
        return replace(self, fees=fees, fills=(*self.fills, fill))


def queued(
    order: Order, order_id: str, schedule: FeeSchedule, update: MarketUpdate
) -> QueuedOrder | Execution:
    """The order at its place in this book, or its end where it would have traded at once."""
    place = QueuePlace.joined(order.side, order.limit, order.size, update)
    if place is None:
        return crossed(order, order_id)
    return QueuedOrder(order, order_id, OrderFees(schedule), place)


def crossed(order: Order, order_id: str = "") -> Execution:
    """The end of a post-only order that meets somebody: an exchange does not take it."""
    why = f"post-only at {cents(order.limit):g} c would have traded at once: cancelled"
    return Execution(order, order_id, OrderStatus.CANCELED, error=why)
