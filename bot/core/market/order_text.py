"""An order, its refusal and its execution in words: one home for logs, decisions and notices.

A program may read the terse form (`buy 1000 @ 52.50`, cents); people read the notice form
(`buy 1,000 @ 52.5c`). Leaves out the line or sentence around them.
"""

from bot.core.market.market import Side
from bot.core.market.money import Contracts, Dollars, cents, measured
from bot.core.market.orders import Execution, Order


def order_text(order: Order) -> str:
    """What is asked for, with its limit."""
    return traded_text(order.side, order.size, order.limit)


def traded_text(side: Side, size: Contracts, price: Dollars) -> str:
    """So many contracts at a price."""
    return f"{side} {plain_size(size)} @ {in_cents(price)}"


def outcome_text(done: Execution) -> str:
    """What became of an order: its status, what traded at which average, what went wrong."""
    price = done.average_price
    traded = "" if price is None else f" {plain_size(done.filled)} @ {in_cents(price)}"
    return f"{done.status.value}{traded}" + (f": {done.error}" if done.error else "")


def order_notice(order: Order) -> str:
    """What is asked for, as people write it."""
    return f"{order.side} {size_notice(order.size)} @ {cents(order.limit):g}c"


def refusal_notice(order: Order, reason: str) -> str:
    """That an order was refused, and why."""
    return f"{order_notice(order)} refused: {reason}"


def outcome_notice(done: Execution) -> str:
    """That an order did not fill, or in part only, and why."""
    error = f": {done.error}" if done.error else ""
    return f"{order_notice(done.order)} {done.status}, {size_notice(done.filled)} filled{error}"


def in_cents(price: Dollars | float | None) -> str:
    """A price in cents with two digits, four where it needs them; empty without a price.

    >>> in_cents(0.525), in_cents(0.00025)
    ('52.50', '0.0250')
    """
    if price is None:
        return ""
    digits = f"{price * 100:.4f}"
    return digits[:-2] if digits.endswith("00") else digits


def size_text(contracts: Contracts) -> str:
    """Contracts, with two digits where they are not whole.

    >>> size_text(Dollars("1234")), size_text(Dollars("0.5"))
    ('1,234', '0.50')
    """
    return f"{contracts:z,.2f}".removesuffix(".00")


def plain_size(contracts: Contracts) -> str:
    """The same without separators, for programs."""
    return size_text(contracts).replace(",", "")


def size_notice(contracts: Contracts) -> str:
    """Contracts as people write them.

    >>> size_notice(Dollars("1234.50"))
    '1,234.5'
    """
    return f"{measured(contracts):,.10g}"
