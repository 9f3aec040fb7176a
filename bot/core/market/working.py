"""The life of an order that rests: what each update of its market makes of it, until it ends.

It rests, then is filled, or is withdrawn. A withdrawal takes effect with the next book, not at
once: what trades until then counts. Every fill is in exactly one `Step`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bot.core.market.fees import FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, cents, measured
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.market.queue import MarketUpdate, QueuePlace


class Step(NamedTuple):
    """What a update made of an order: it rests on with new fills, or it ended."""

    order: "WorkingOrder | None"
    fills: tuple[Fill, ...] = ()
    end: Execution | None = None


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that rests at its place; `fills` counts what traded of it.

    `leaving` is why it is being withdrawn, '' while it is not.
    """

    order: Order
    order_id: str
    fees: OrderFees
    place: QueuePlace
    fills: int = 0
    leaving: str = ""

    @property
    def filled(self) -> Contracts:
        """Contracts that traded so far."""
        return self.order.size - self.place.left

    @property
    def expected(self) -> float:
        """Contracts that would have traded by the expected reading."""
        return measured(self.order.size) - self.place.expected.left

    def after(self, update: MarketUpdate, at: datetime) -> Step:
        """What becomes of it by this update, whose fills are booked at this moment."""
        place, filled = self.place.after(update)
        order, fills = replace(self, place=place)._charged(filled, at)
        if not place.left:
            return Step(None, end=order._end(OrderStatus.FILLED, fills))
        if self.leaving and update.seen_at > self.place.since:
            return Step(None, end=order.ended(self.leaving, fills))
        return Step(order, fills)

    def withdrawn(self, why: str) -> "WorkingOrder":
        """The same, on its way out; the first reason stands."""
        return replace(self, leaving=self.leaving or why)

    def ended(self, why: str, fills: tuple[Fill, ...] = ()) -> Execution:
        """Its end without all of it filled, with the fills that are new."""
        status = OrderStatus.PARTIALLY_FILLED if fills else OrderStatus.CANCELED
        filled, size = self.filled.normalize(), self.order.size.normalize()
        done = f"; {filled:f} of {size:f} filled" if filled else ""
        return self._end(status, fills, f"withdrawn: {why}{done}")

    def _charged(self, size: Contracts, at: datetime) -> tuple["WorkingOrder", tuple[Fill, ...]]:
        if size == ZERO:
            return self, ()
        order = self.order
        is_buy = order.side is Side.BUY
        fee, fees = self.fees.charge(size, order.limit, is_taker=False, is_buy=is_buy)
        fill = Fill(
            fill_id=f"{self.order_id}-{self.fills + 1}",
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            size=size,
            price=order.limit,
            fee=fee,
            at=at,
        )
        return replace(self, fees=fees, fills=self.fills + 1), (fill,)

    def _end(self, status: OrderStatus, fills: tuple[Fill, ...], error: str = "") -> Execution:
        expected = round(self.expected, 2)
        return Execution(self.order, self.order_id, status, fills, error, expected=expected)


def rested(
    order: Order, order_id: str, schedule: FeeSchedule, update: MarketUpdate
) -> WorkingOrder | Execution:
    """The order at its place in this book, or its end where it would have traded at once."""
    place = QueuePlace.joined(order.side, order.limit, order.size, update)
    if place is None:
        why = f"post-only at {cents(order.limit):g} c would have traded at once: cancelled"
        return Execution(order, order_id, OrderStatus.CANCELED, error=why)
    return WorkingOrder(order, order_id, OrderFees(schedule), place)
