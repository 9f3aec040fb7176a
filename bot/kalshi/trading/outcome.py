"""What became of an order, from what the exchange says of it. Pure: values in, values out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, cents
from bot.core.market.orders import Aim, Execution, Fill, Life, Order, OrderStatus
from bot.kalshi.trading.order_requests import BOOK_SIDE
from bot.kalshi.wire import account, orders
from bot.kalshi.wire.refusals import NOT_SENT
from bot.ports.exchange import ExchangeError

#: Refusals that say whose order it is, and answers given before the exchange was done.
_EXISTS: Final = "order_already_exists"
_UNFINISHED: Final = frozenset({408, 499})
#: Kinds of refusals that go by their status, for their words are many.
_KINDS: Final = {401: "unauthorized", 403: "forbidden", 429: "too_many_requests"}
#: What to do about a refusal, where its own words do not say.
_REMEDIES: Final = {
    "insufficient_balance": "move cash to the shard of this market: that of others does not count",
    "available_balance_too_low": "move cash to the shard of this market: others do not count",
    "authentication_error": "check KALSHI_API_KEY and KALSHI_SECRET",
    "header_timestamp_expired": "set the clock of this machine",
    "order_group_triggered": "more traded in 15 s than the limit: restart once you know why",
}


def is_final(error: ExchangeError) -> bool:
    """Whether a failed request to create an order has certainly created none."""
    if error.status is None:
        return error.code == NOT_SENT
    said_no = 400 <= error.status < 500 and error.status not in _UNFINISHED
    return said_no and error.code != _EXISTS


def refused(order: Order, error: ExchangeError) -> Execution:
    """An order that the exchange did not take, or never got."""
    remedy = _REMEDIES.get(error.code)
    reason = f"{error} ({remedy})" if remedy else str(error)
    if error.code == NOT_SENT:
        return not_sent(order, reason)
    code = _KINDS.get(error.status or 0) or error.code or f"http_{error.status}"
    return Execution(order, "", OrderStatus.ERROR, error=reason, code=code)


def not_sent(order: Order, reason: str) -> Execution:
    """An order that never left this process."""
    return failed(order, f"not sent: {reason}")


def failed(order: Order, reason: str) -> Execution:
    """An order that traded nothing because of an error."""
    return Execution(order, "", OrderStatus.ERROR, error=reason)


def absent(order: Order) -> Execution:
    """An order that the exchange has never heard of, and will not."""
    return Execution(order, "", OrderStatus.CANCELED, error="it never arrived at the exchange")


def is_same(order: Order, reported: orders.ListedOrder) -> bool:
    """Whether the order of that client order id is this one; the exchange may cut an exit short."""
    size = Decimal(reported.initial_count_fp)
    sized = size <= order.size if order.aim is Aim.LEAVE else size == order.size
    return sized and (order.ticker, BOOK_SIDE[order.side]) == (reported.ticker, reported.book_side)


def execution(
    order: Order, order_id: str, filled: Contracts, reported: Sequence[account.FillWire]
) -> Execution | str:
    """The order with its fills; a sentence as long as they do not come to what it filled.

    Raises ExchangeError for fills that cannot be of this order.
    """
    fills = fills_of(order, order_id, reported)
    total = sum((fill.size for fill in fills), ZERO)
    if total != filled or filled > order.size:
        return f"order {order_id} filled {filled} of {order.size}, its fills come to {total}"
    if filled == order.size:
        return Execution(order, order_id, OrderStatus.FILLED, fills)
    if not fills:
        return unfilled(order, order_id)
    return Execution(order, order_id, OrderStatus.PARTIALLY_FILLED, fills, _scarcity(order))


def unfilled(order: Order, order_id: str) -> Execution:
    """An order that the exchange took and that found nothing to trade with."""
    return Execution(order, order_id, OrderStatus.CANCELED, error=_scarcity(order))


def would_cross(order: Order, error: ExchangeError) -> bool:
    """Whether the exchange did not take an order because it would not have rested."""
    return order.life is Life.REST and "post only" in str(error).replace("_", " ").lower()


def _scarcity(order: Order) -> str:
    if order.life is Life.REST:
        return "the exchange took it out: its time was over, its group stopped, or trading paused"
    wanted = "asks" if order.side is Side.BUY else "bids"
    scarce = f"the exchange had no more {wanted} within {cents(order.limit):g} c"
    # The exchange cuts an exit to what it holds, and an entry that would meet our own order.
    if order.aim is Aim.LEAVE:
        return f"{scarce}, or no more of the position to close"
    return f"{scarce} from anybody else"


def fills_of(order: Order, order_id: str, reported: Sequence[account.FillWire]) -> tuple[Fill, ...]:
    """Each fill of an order once, in the order in which they happened.

    Raises ExchangeError for those of another.
    """
    distinct: dict[str, account.FillWire] = {}
    for fill in reported:
        if (fill.order_id, fill.ticker) != (order_id, order.ticker) or (
            fill.book_side != BOOK_SIDE[order.side]
        ):
            raise ExchangeError(f"fill {fill.fill_id} is not of order {order_id}")
        if distinct.setdefault(fill.fill_id, fill) != fill:
            raise ExchangeError(f"fill {fill.fill_id} was reported in two ways")
    fills = (_fill(order, fill) for fill in distinct.values())
    return tuple(sorted(fills, key=lambda fill: (fill.at, fill.fill_id)))


def _fill(order: Order, reported: account.FillWire) -> Fill:
    # An order that may not wait trades when it is made: that is its time if none is told.
    at = order.at if reported.created_time is None else reported.created_time
    return fill_of(order.client_order_id, order.side, at, reported)


def fill_of(client_order_id: str, side: Side, at: datetime, reported: account.FillWire) -> Fill:
    """A trade as it was reported. Raises ExchangeError for one that cannot be booked."""
    try:
        return Fill(
            fill_id=reported.fill_id,
            client_order_id=client_order_id,
            ticker=reported.ticker,
            side=side,
            size=Decimal(reported.count_fp),
            price=Decimal(reported.yes_price_dollars),
            fee=Decimal(reported.fee_cost),
            at=at.astimezone(UTC),
        )
    except (ValueError, OverflowError) as error:
        raise ExchangeError(f"fill {reported.fill_id}: {error}") from error
