"""What an immediate order takes from a book, and what it leaves.

Only what is shown can be had, at the price it is shown at. Leaves out resting orders, their
queue, and other people's reactions.
"""

from collections.abc import Iterable
from functools import partial
from itertools import takewhile

from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.orderbook import Level, OrderBook


def walk(book: OrderBook, side: Side, size: Contracts, limit: Dollars) -> tuple[Level, ...]:
    """The levels that an immediate order takes, best first: `size` is what it takes of each.

    Never more than is shown, never through the limit; () from an empty side.
    """
    return taken(takewhile(partial(_within, side, limit), book.against(side)), size)


def taken(levels: Iterable[Level], size: Contracts) -> tuple[Level, ...]:
    """The first `size` contracts of these levels, or all of them where they hold fewer."""
    took: list[Level] = []
    left = size
    for price, shown in levels:
        if left <= ZERO:
            break
        took.append(Level(price, min(shown, left)))
        left -= shown
    return tuple(took)


def without(book: OrderBook, side: Side, took: tuple[Level, ...]) -> OrderBook:
    """The book after an order of this side took these levels, which `walk` found in it."""
    if not took:
        return book
    levels = book.against(side)
    touched, untouched = levels[len(took) - 1], levels[len(took) :]
    left = touched.size - took[-1].size
    rest = (Level(touched.price, left), *untouched) if left else untouched
    sides = (book.bids, rest) if side is Side.BUY else (rest, book.asks)
    # Nothing was added to a sound book.
    return OrderBook.proved(*sides)


def _within(side: Side, limit: Dollars, level: Level) -> bool:
    return level.price <= limit if side is Side.BUY else level.price >= limit
