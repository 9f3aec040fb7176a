"""Orders and fills among those that are listed: which are ours, and what others want. Pure."""

from collections.abc import Container
from decimal import Decimal

from msgspec import Raw

from bot.core.account.reconcile import OtherOrder
from bot.core.account.set_aside import AtRest
from bot.core.market.orders import Order
from bot.kalshi.trading.listings import readable
from bot.kalshi.trading.order_requests import SIDES
from bot.kalshi.wire import account, orders
from bot.kalshi.wire.shapes import Named, decode
from bot.ports.exchange import ExchangeError


def sort_fill(asked: str, raw: Raw, known: list[account.DatedFill], odd: dict[str, str]) -> None:
    """Put a fill to those that can be read or, by its market, to those that cannot."""
    try:
        known.append(decode(account.DatedFill, raw))
    except ExchangeError as error:
        named = readable(Named, [raw])
        if not named:
            raise ExchangeError(f"{asked}: a fill names no market that can be read") from error
        odd.setdefault(named[0].ticker, f"{asked}: {error}")


def if_it_is(order: Order, number: int, raw: Raw) -> orders.ListedOrder | None:
    """The order told in an entry, None if it is another. Raises ExchangeError if nobody can say."""
    try:
        # Others trade in this account, too: what they do must not hide what became of ours.
        if decode(orders.NamedOrder, raw).client_order_id != order.client_order_id:
            return None
        return decode(orders.ListedOrder, raw)
    except ExchangeError as error:
        raise ExchangeError(f"GET /portfolio/orders: entry {number}: {error}") from error


def is_fill_of(order_id: str, raw: Raw) -> bool:
    """Raises ExchangeError if nobody can say."""
    return decode(account.NamedFill, raw).order_id == order_id


def is_of(raw: Raw, names: Container[str]) -> bool:
    """Whether an order is one of these; one that cannot be read is none."""
    try:
        return decode(orders.NamedOrder, raw).client_order_id in names
    except ExchangeError:
        return False


def other_order(raw: Raw) -> OtherOrder:
    """An order of other hands; one that cannot be read is one all the same."""
    try:
        found = decode(orders.ListedOrder, raw)
    except ExchangeError:
        named = readable(Named, [raw])
        return OtherOrder(named[0].ticker if named else "", "an order that cannot be read")
    words = f"{found.book_side} {found.initial_count_fp} {found.ticker} ({found.order_id})"
    left = [_at_rest(one) for one in readable(orders.WaitingOrder, [raw])]
    return OtherOrder(found.ticker, words, next(iter(left), None))


def _at_rest(waiting: orders.WaitingOrder) -> AtRest | None:
    side, price = SIDES.get(waiting.book_side), Decimal(waiting.yes_price_dollars)
    if side is None or not 0 < price < 1:
        return None
    return AtRest(waiting.ticker, side, Decimal(waiting.remaining_count_fp), price)
