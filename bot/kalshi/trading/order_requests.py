"""An order in the words of the exchange: one that takes, and one that rests. Pure."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from bot.core.market.market import Side
from bot.core.market.orders import Aim, Order
from bot.kalshi.wire import orders
from bot.kalshi.wire.refusals import NOT_SENT
from bot.ports.exchange import ExchangeError

BOOK_SIDE: Final = {Side.BUY: "bid", Side.SELL: "ask"}
SIDES: Final = {word: side for side, word in BOOK_SIDE.items()}
_CLIENT_ORDER_ID: Final = re.compile(r"[-\w:+=/]{1,64}", re.ASCII)


def create_request(order: Order, group: str, shard: int) -> orders.CreateOrderRequest:
    """The order in the exchange's words. Raises ExchangeError (NOT_SENT) if it has none for it."""
    if not _CLIENT_ORDER_ID.fullmatch(order.client_order_id):
        raise ExchangeError(
            f"'{order.client_order_id[:80]}' is no client order id: 1 to 64 of letters, digits "
            "and -_:+=/",
            code=NOT_SENT,
        )
    leaves = order.aim is Aim.LEAVE
    return orders.CreateOrderRequest(
        ticker=order.ticker,
        side=BOOK_SIDE[order.side],
        count=fixed("a size", order.size, 2),
        price=fixed("a limit", order.limit, 4),
        time_in_force="immediate_or_cancel",
        # An order of other hands on this account gives way to an exit; an entry gives way to it.
        self_trade_prevention_type="maker" if leaves else "taker_at_cross",
        # What we hold may have been closed by other hands: an exit must never open the other side.
        reduce_only=leaves,
        client_order_id=order.client_order_id,
        order_group_id=group,
        exchange_index=shard,
    )


def resting_request(asked: orders.CreateOrderRequest, until: datetime) -> orders.CreateOrderRequest:
    """The same as an order that rests until then, and never takes.

    The exchange takes `reduce_only` of immediate orders alone: who lets an exit rest has to see
    that it does not exceed what is held.
    """
    return replace(
        asked,
        time_in_force="good_till_canceled",
        post_only=True,
        reduce_only=False,
        cancel_order_on_pause=True,
        expiration_time=int(until.timestamp()),
    )


def fixed(what: str, amount: Decimal, digits: int) -> str:
    # Rounded it would be another order.
    if amount != (fixed := round(amount, digits)):
        raise ExchangeError(f"{what} of {amount} is finer than {digits} decimals", code=NOT_SENT)
    return f"{fixed:f}"
