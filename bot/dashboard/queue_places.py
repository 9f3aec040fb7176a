"""The places of orders that rest, as they are shown beside the orders."""

from collections.abc import Iterable

from bot.core.market.money import measured
from bot.core.market.working import WorkingOrder
from bot.ports.account_views import QueueView


def places_in_queue(working: Iterable[WorkingOrder]) -> dict[str, QueueView]:
    """By client order id; what the exchange said of its own queue counts before our reckoning."""
    return {
        one.order.client_order_id: QueueView(
            ahead=measured(one.ahead),
            source="books" if one.last.queue is None else "exchange",
        )
        for one in working
    }
