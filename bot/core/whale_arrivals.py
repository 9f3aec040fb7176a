"""How a large order comes to be followed: large for this market, and newly so.

Also keeps what that is measured against: the usual largest level and the book before. Changes
the rows it is given; `whales.detect` gives it a copy.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.orderbook import Floats
from bot.core.whale_orders import State
from bot.core.whale_rules import ORDER, REMEMBERED, SAMPLES, Rows, WhaleRules
from bot.core.whale_sides import Flags, Sides

Index = NDArray[np.intp]
#: An order that left one price and came to another still has between half and twice its size.
_ALIKE: Final = (0.5, 2.0)
_HOUR: Final = 3600.0


def admit(sides: Sides, rows: Rows, rules: WhaleRules) -> None:
    """Follow what has newly become large: at most one order a side and book, the largest."""
    least = _thresholds(sides, rows, rules)
    row, side, level = _large_levels(sides, least, rules)
    if not len(row):
        return
    orders = _orders(sides, rows, (row, side, level))
    orders["threshold"] = least[row]
    _say_at_once(orders, sides.at[row] - rows["seen_at"][row], rules)
    # Where the book before is not known, growth is NaN, and that is not above anything.
    grown = orders["size"] - orders["base"] >= rules.growth * orders["threshold"]
    new = np.flatnonzero(grown & ~_is_followed(rows["orders"][row, side], orders["price"]))
    new = new[_largest_a_side(row[new], side[new], orders["size"][new])]
    _place(rows, (row[new], side[new]), orders[new], rules)


def remember(sides: Sides, rows: Rows, rules: WhaleRules) -> None:
    """Keep of these books what the next ones are compared with."""
    _remember_levels(sides, rows)
    due = np.flatnonzero(~(sides.at - rows["sampled_at"] < rules.sample_seconds))
    if not len(due):
        return
    rows["peaks"][due, rows["samples"][due] % SAMPLES] = _plain_peaks(sides, rows, due, rules)
    rows["samples"][due] += 1
    rows["sampled_at"][due] = sides.at[due]
    sampled = np.minimum(rows["samples"][due], SAMPLES)
    # NaN, where nothing was sampled yet, sorts last.
    rows["usual"][due] = np.sort(rows["peaks"][due], axis=1)[np.arange(len(due)), sampled // 2]


def _plain_peaks(sides: Sides, rows: Rows, some: Index, rules: WhaleRules) -> Floats:
    """The largest level near the touch without what was announced of late, shape (some,)."""
    orders = rows["orders"][some]
    new = orders["state"] == State.RESTING
    new &= sides.at[some, None, None] - orders["announced_at"] < rules.new_seconds
    price = np.where(new, orders["price"], np.nan)
    width = sides.near.shape[2]
    said = (sides.price[some, :, :width, None] == price[:, :, None, :]).any(axis=3)
    sizes = np.where(sides.near[some] & ~said, sides.size[some, :, :width], 0.0)
    peaks: Floats = sizes.max(axis=(1, 2))
    return peaks


def _thresholds(sides: Sides, rows: Rows, rules: WhaleRules) -> Floats:
    """Contracts that make a level large, per book; infinite before there is a past."""
    lately = rows["flag_large"] & (rows["flag_at"] > sides.at[:, None] - _HOUR)
    multiple = rules.multiple + np.maximum(lately.sum(axis=1) - rules.flags_an_hour + 1, 0)
    usual = np.where(rows["samples"] >= rules.least_samples, rows["usual"], np.inf)
    least: Floats = np.maximum(rules.least_contracts, multiple * usual)
    return least


def _large_levels(sides: Sides, least: Floats, rules: WhaleRules) -> tuple[Index, Index, Index]:
    """Book, side and level of everything large near the touch, new or not."""
    some = np.flatnonzero((sides.peak >= least[:, None]).any(axis=1))
    width = sides.near.shape[2]
    price, size = sides.price[some, :, :width], sides.size[some, :, :width]
    large = sides.near[some] & (size >= least[some, None, None])
    large &= (price >= rules.least_price) & (price <= 1 - rules.least_price)
    large &= size * price >= rules.least_dollars
    found, side, level = np.nonzero(large)
    return some[found], side, level


def _orders(sides: Sides, rows: Rows, where: tuple[Index, Index, Index]) -> Rows:
    """These levels as orders to follow."""
    row, side, _ = where
    orders = np.zeros(len(row), dtype=ORDER)
    orders["state"] = State.WAITING
    orders["price"] = sides.price[where]
    orders["size"] = orders["largest"] = sides.size[where]
    orders["base"] = _sizes_before(rows, row, side, orders["price"])
    orders["usual"] = rows["usual"][row]
    orders["since"] = orders["seen_at"] = sides.at[row]
    orders["announced_at"] = orders["left_at"] = orders["ended_at"] = np.nan
    orders["born_away"] = orders["nearest"] = sides.price[row, side, 0] - orders["price"]
    return orders


def _say_at_once(orders: Rows, unseen: Floats, rules: WhaleRules) -> None:
    """Announce what need not rest first: very large, or after `unseen` seconds without a book."""
    added = orders["size"] - orders["base"]
    plain = added >= rules.at_once * orders["threshold"]
    # A look at a random moment finds what stays, not what flickers.
    plain |= (unseen >= rules.sparse_seconds) & (added >= rules.growth * orders["threshold"])
    orders["state"][plain] = State.RESTING
    orders["announced_at"][plain] = orders["since"][plain]


def _sizes_before(rows: Rows, row: Index, side: Index, price: Floats) -> Floats:
    """Contracts at these prices in the book before; NaN where that is not known."""
    there = rows["before_price"][row, side] == price[:, None]
    size = np.sum(rows["before_size"][row, side], axis=1, where=there)
    return np.where(price >= rows["before_floor"][row, side], size, np.nan)


def _is_followed(orders: Rows, price: Floats) -> Flags:
    alive = (orders["state"] == State.WAITING) | (orders["state"] == State.RESTING)
    followed: Flags = (alive & (orders["price"] == price[:, None])).any(axis=1)
    return followed


def _largest_a_side(row: Index, side: Index, size: Floats) -> Index:
    """Which of these levels is the largest of its book's side."""
    order = np.lexsort((-size, side, row))
    first: Flags = np.diff(2 * row[order] + side[order], prepend=-1) != 0
    largest: Index = order[first]
    return largest


def _place(rows: Rows, where: tuple[Index, Index], orders: Rows, rules: WhaleRules) -> None:
    """Put orders where a like one has just left, else where there is room, else nowhere."""
    slots = rows["orders"][where]
    free = slots["state"] == State.FREE
    left = _has_moved(slots, orders, rules)
    moved = left.any(axis=1)
    slot = np.where(moved, left.argmax(axis=1), free.argmax(axis=1))
    # Whoever moves a large order is the same whale: said once, resting since it first came.
    for name in ("state", "since", "announced_at", "threshold", "usual", "traded"):
        orders[name][moved] = slots[name][np.flatnonzero(moved), slot[moved]]
    placed = moved | free.any(axis=1)
    rows["orders"][where[0][placed], where[1][placed], slot[placed]] = orders[placed]


def _has_moved(slots: Rows, orders: Rows, rules: WhaleRules) -> Flags:
    """Which resting orders left in this very book while a like one came close by."""
    added = (orders["size"] - orders["base"])[:, None]
    ratio = added / (slots["largest"] - slots["base"] + (slots["state"] == State.FREE))
    close = np.abs(slots["price"] - orders["price"][:, None]) <= rules.moved_within
    leaving = (slots["state"] == State.RESTING) & (slots["missing"] == 1)
    moved: Flags = leaving & close & (ratio >= _ALIKE[0]) & (ratio <= _ALIKE[1])
    return moved


def _remember_levels(sides: Sides, rows: Rows) -> None:
    width = min(sides.price.shape[2], REMEMBERED)
    price = np.full((len(rows), 2, REMEMBERED), np.nan)
    price[:, :, :width] = sides.price[:, :, :width]
    size = np.zeros_like(price)
    size[:, :, :width] = sides.size[:, :, :width]
    # An empty side may be a fault of the moment: what was known of it before stays known.
    shown = sides.peak > 0
    last = price[:, :, -1]
    floor = np.maximum(sides.floor, np.where(np.isnan(last), -np.inf, last))
    rows["before_price"] = np.where(shown[:, :, None], price, rows["before_price"])
    rows["before_size"] = np.where(shown[:, :, None], size, rows["before_size"])
    rows["before_floor"] = np.where(shown, floor, rows["before_floor"])
