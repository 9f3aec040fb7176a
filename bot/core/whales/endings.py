"""How large orders end: filled, cancelled, moved, or nobody knows; and which endings look staged.

What is known is books at intervals and, at best, the trades between them. So an ending is what
they allow, and a spoof is a suspicion, never a finding. `settle` changes the rows it is given;
`whales.sight` gives it a copy.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.money import ONE, Contracts, Dollars, exact
from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.thresholds import Rows, WhaleRules, units

Index = NDArray[np.intp]
#: Prices are this close to the decimal that is meant.
_TOLERANCE = 1e-9


class EndingKind(StrEnum):
    """How a large order ended, as far as books and trades show."""

    FILLED = "filled"
    CANCELLED = "cancelled"
    MOVED = "moved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a large order that was announced.

    `size` is the most it showed, `price` its YES price; `since`, `left_at` in seconds UTC, the
    latter when it was first missed; `interval` seconds lie between that and the last book that
    showed it. `traded` is how many contracts can have met it at most, None if that is not known.
    """

    ticker: str
    side: Side
    price: Dollars
    size: Contracts
    since: float
    left_at: float
    interval: float
    traded: float | None
    fate: EndingKind

    @property
    def lifetime(self) -> float:
        """Seconds from its first book to the one that missed it."""
        return self.left_at - self.since


def settle(sides: Sides, rows: Rows, rules: WhaleRules) -> None:
    """Note which orders that just left moved, and which of those that just ended look staged."""
    orders = rows["orders"]
    since = sides.at[:, None, None] - orders["left_at"]
    left = np.nonzero((orders["missing"] > 0) & (since < rules.apart))
    if len(left[0]):
        # The new quote may come a moment after the old one has gone.
        before = orders["requoted"][left] & (since[left] > 0)
        orders["requoted"][left] = before | _is_requoted(sides, rows, left, rules)
    ended = np.nonzero(orders["ended_at"] == sides.at[:, None, None])
    orders["suspected"][ended] = _is_staged(orders[ended], rules)


def endings(sides: Sides, rows: Rows) -> list[tuple[int, Ending]]:
    """The orders that ended with these books, each with its row."""
    ended = np.nonzero(rows["orders"]["ended_at"] == sides.at[:, None, None])
    places = zip(*(axis.tolist() for axis in ended[:2]), strict=True)
    return [
        (row, _ending(sides.books.tickers[row], side, order))
        for (row, side), order in zip(places, rows["orders"][ended], strict=True)
    ]


def _is_requoted(sides: Sides, rows: Rows, left: tuple[Index, ...], rules: WhaleRules) -> Flags:
    """Whether, where an order left, a level close by grew by a good part of it in the same book."""
    row, side, _ = left
    orders, price = rows["orders"][left], sides.price[row, side]
    there = rows["before_price"][row, side][:, None, :] == units(price)[:, :, None]
    before = np.einsum("olb,ob->ol", there, rows["before_size"][row, side])
    grown = sides.size[row, side] - before
    close = np.abs(price - orders["price"][:, None]) <= rules.lifetime.moved_within + _TOLERANCE
    enough = grown >= (rules.spoof.requoted * _added(orders))[:, None]
    requoted: Flags = (close & enough).any(axis=1)
    return requoted


def _is_staged(orders: Rows, rules: WhaleRules) -> Flags:
    """Whether orders came away from the best price, and left untraded when it was near."""
    came = orders["born_away"] >= rules.spoof.away - _TOLERANCE
    came &= orders["nearest"] <= rules.spoof.near + _TOLERANCE
    # Without trades, only an order that never was in front can be taken not to have traded.
    unmet = np.where(
        np.isnan(orders["traded"]),
        orders["nearest"] > _TOLERANCE,
        orders["traded"] < rules.spoof.traded * _added(orders),
    )
    brief = orders["left_at"] - orders["since"] <= rules.spoof.seconds
    staged: Flags = came & unmet & brief & ~orders["requoted"]
    return staged


def _added(orders: Rows) -> Floats:
    added: Floats = orders["largest"] - orders["base"]
    return added


def _ending(ticker: str, side: int, order: np.void) -> Ending:
    paid, traded = exact(order["price"]), float(order["traded"])
    return Ending(
        ticker=ticker,
        side=Side.SELL if side else Side.BUY,
        price=ONE - paid if side else paid,
        size=exact(order["largest"]),
        since=float(order["since"]),
        left_at=float(order["left_at"]),
        interval=float(order["left_at"] - order["seen_at"]),
        traded=None if np.isnan(traded) else traded,
        fate=_ending_kind(order),
    )


def _ending_kind(order: np.void) -> EndingKind:
    if order["requoted"]:
        return EndingKind.MOVED
    if np.isnan(order["traded"]):
        return EndingKind.UNKNOWN
    return (
        EndingKind.FILLED
        if order["traded"] >= 0.5 * (order["largest"] - order["base"])
        else EndingKind.CANCELLED
    )
