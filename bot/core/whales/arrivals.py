"""How a large order comes to be followed: large for this market, and newly so.

Also keeps what that is measured against: the usual largest level and the book before. Changes
the rows it is given; `detector.detect` gives it a copy.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.large_orders import LargeOrderState
from bot.core.whales.thresholds import ORDER, REMEMBERED, SAMPLES, Rows, WhaleRules, units

Index = NDArray[np.intp]
#: An order that left one price and came to another has its size, about.
_ALIKE: Final = (0.8, 1.25)
_HOUR: Final = 3600.0
#: New orders a side that one book can show: more is a ladder.
_AT_ONCE: Final = 2


def admit(sides: Sides, rows: Rows, rules: WhaleRules) -> None:
    """Follow what has newly become large: the two largest of a side and book at most."""
    row, side, level = _candidates(sides, rules)
    least = _thresholds(sides, rows, (row, side, level), rules)
    large = sides.size[row, side, level] >= least
    row, side, level, least = row[large], side[large], level[large], least[large]
    if not len(row):
        return
    orders = _orders(sides, rows, (row, side, level))
    orders["threshold"] = least
    _announce_at_once(orders, sides.at[row] - rows["seen_at"][row], rules)
    # Where the book before is not known, growth is NaN, and that is not above anything.
    grown = orders["size"] - orders["base"] >= rules.large.growth * orders["threshold"]
    new = np.flatnonzero(grown & ~_is_followed(rows["orders"][row, side], orders["price"]))
    ranks = _ranks(row[new], side[new], orders["size"][new])
    for rank in range(_AT_ONCE):
        some = new[ranks == rank]
        _place(rows, (row[some], side[some]), orders[some], rules)


def remember(sides: Sides, rows: Rows, counts: Flags, rules: WhaleRules) -> None:
    """Keep of these books what the next ones are compared with; levels of those that count."""
    _remember_levels(sides, rows, counts)
    due = np.flatnonzero(~(sides.at - rows["sampled_at"] < rules.large.sample_seconds))
    if not len(due):
        return
    place = (due, slice(None), rows["samples"][due] % SAMPLES)
    rows["peaks"][place] = _plain_peaks(sides, rows, due, rules)
    rows["samples"][due] += 1
    rows["sampled_at"][due] = sides.at[due]
    # NaN, where nothing was sampled yet or a side was empty, sorts last.
    peaks = np.sort(rows["peaks"][due], axis=2)
    known = np.isfinite(peaks).sum(axis=2)
    middle = np.take_along_axis(peaks, (known // 2)[:, :, None], axis=2)[:, :, 0]
    rows["usual"][due] = np.where(known > 0, middle, np.nan)


def _plain_peaks(sides: Sides, rows: Rows, some: Index, rules: WhaleRules) -> Floats:
    """The largest level near the best price without what was announced of late, shape (some,)."""
    orders = rows["orders"][some]
    new = orders["state"] == LargeOrderState.RESTING
    new &= sides.at[some, None, None] - orders["announced_at"] < rules.large.new_seconds
    price = np.where(new, orders["price"], np.nan)
    width = sides.near.shape[2]
    said = (sides.price[some, :, :width, None] == price[:, :, None, :]).any(axis=3)
    sizes = np.where(sides.near[some] & ~said, sides.size[some, :, :width], 0.0)
    peaks: Floats = np.where(sides.peak[some] > 0, sizes.max(axis=2), np.nan)
    return peaks


def _candidates(sides: Sides, rules: WhaleRules) -> tuple[Index, Index, Index]:
    """Book, side and level of everything near the best price that is above the floors."""
    width = sides.near.shape[2]
    price, size = sides.price[:, :, :width], sides.size[:, :, :width]
    large = sides.near & (size >= rules.large.least_contracts)
    large &= (price >= rules.large.least_price) & (price <= 1 - rules.large.least_price)
    large &= size * price >= rules.large.least_dollars
    row, side, level = np.nonzero(large)
    return row, side, level


def _thresholds(
    sides: Sides, rows: Rows, where: tuple[Index, Index, Index], rules: WhaleRules
) -> Floats:
    """Contracts that would make each of these levels large; infinite before there is a past."""
    row, side, _ = where
    large = rules.large
    lately = rows["flag_large"] & (rows["flag_at"] > sides.at[:, None] - _HOUR)
    multiple = large.multiple + np.maximum(lately.sum(axis=1) - large.flags_an_hour + 1, 0)
    # Who looks often sees every flicker.
    often = sides.at - rows["seen_at"] < large.sparse_seconds
    multiple = multiple * np.where(often, large.often, 1.0)
    usual = np.maximum(rows["usual"], large.other_side * rows["usual"][:, ::-1])[row, side]
    known = rows["samples"][row] >= large.least_samples
    present = large.typical * _typical(sides, where)
    mixed = usual ** (1 - large.now) * present**large.now
    mixed = np.minimum(mixed, large.cap * usual)
    least: Floats = np.where(
        known, np.maximum(large.least_contracts, multiple[row] * mixed), np.inf
    )
    return least


def _typical(sides: Sides, where: tuple[Index, Index, Index]) -> Floats:
    """The geometric mean of all other levels near the best price, both sides, for each of these."""
    row, side, level = where
    width = sides.near.shape[2]
    sizes = np.where(sides.near, np.maximum(sides.size[:, :, :width], 1.0), 1.0)
    logs = np.log(sizes)
    others = logs.sum(axis=(1, 2))[row] - logs[row, side, level]
    count = sides.near.sum(axis=(1, 2))[row] - 1
    typical: Floats = np.exp(others / np.maximum(count, 1))
    return typical


def _orders(sides: Sides, rows: Rows, where: tuple[Index, Index, Index]) -> Rows:
    """These levels as orders to follow."""
    row, side, _ = where
    orders = np.zeros(len(row), dtype=ORDER)
    orders["state"] = LargeOrderState.WAITING
    orders["price"] = sides.price[where]
    orders["size"] = orders["largest"] = sides.size[where]
    orders["base"] = _sizes_before(rows, row, side, orders["price"])
    orders["usual"] = rows["usual"][row, side]
    orders["since"] = orders["seen_at"] = sides.at[row]
    orders["announced_at"] = orders["left_at"] = orders["ended_at"] = np.nan
    orders["born_away"] = orders["nearest"] = sides.price[row, side, 0] - orders["price"]
    return orders


def _announce_at_once(orders: Rows, unseen: Floats, rules: WhaleRules) -> None:
    """Announce what need not rest first: very large, or after `unseen` seconds without a book."""
    added = orders["size"] - orders["base"]
    orders["very_large"] = added >= rules.large.at_once * orders["threshold"]
    # Who sees every change sees what stands for an instant, too.
    plain = orders["very_large"] & (unseen >= rules.apart)
    # A look at a random moment finds what stays, not what flickers.
    plain |= (unseen >= rules.large.sparse_seconds) & (
        added >= rules.large.growth * orders["threshold"]
    )
    orders["state"][plain] = LargeOrderState.RESTING
    orders["announced_at"][plain] = orders["since"][plain]


def _sizes_before(rows: Rows, row: Index, side: Index, price: Floats) -> Floats:
    """Contracts at these prices in the book before; NaN where that is not known."""
    there = rows["before_price"][row, side] == units(price)[:, None]
    size = np.sum(rows["before_size"][row, side], axis=1, where=there)
    return np.where(price >= rows["before_floor"][row, side], size, np.nan)


def _is_followed(orders: Rows, price: Floats) -> Flags:
    alive = (orders["state"] == LargeOrderState.WAITING) | (
        orders["state"] == LargeOrderState.RESTING
    )
    followed: Flags = (alive & (orders["price"] == price[:, None])).any(axis=1)
    return followed


def _ranks(row: Index, side: Index, size: Floats) -> Index:
    """The place of each of these levels among those of its book's side, the largest first."""
    order = np.lexsort((-size, side, row))
    first: Flags = np.diff(2 * row[order] + side[order], prepend=-1) != 0
    starts = np.maximum.accumulate(np.where(first, np.arange(len(row)), 0))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(row)) - starts
    return ranks


def _place(rows: Rows, where: tuple[Index, Index], orders: Rows, rules: WhaleRules) -> None:
    """Put orders where a like one has just left, else where there is room, else nowhere."""
    slots = rows["orders"][where]
    free = slots["state"] == LargeOrderState.FREE
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
    ratio = added / (slots["largest"] - slots["base"] + (slots["state"] == LargeOrderState.FREE))
    close = np.abs(slots["price"] - orders["price"][:, None]) <= rules.lifetime.moved_within
    leaving = (slots["state"] == LargeOrderState.RESTING) & (slots["missing"] == 1)
    moved: Flags = leaving & close & (ratio >= _ALIKE[0]) & (ratio <= _ALIKE[1])
    return moved


def _remember_levels(sides: Sides, rows: Rows, counts: Flags) -> None:
    width = min(sides.price.shape[2], REMEMBERED)
    price = np.zeros((len(rows), 2, REMEMBERED), dtype=np.uint16)
    price[:, :, :width] = units(sides.price[:, :, :width])
    size = np.zeros(price.shape, dtype=np.float32)
    size[:, :, :width] = sides.size[:, :, :width]
    # An empty side may be a fault of the moment: what was known of it before stays known.
    shown = (sides.peak > 0) & counts[:, None]
    floor = sides.floor
    if sides.price.shape[2] > REMEMBERED:
        last = sides.price[:, :, REMEMBERED - 1]
        floor = np.maximum(floor, np.where(np.isnan(last), -np.inf, last))
    rows["before_price"] = np.where(shown[:, :, None], price, rows["before_price"])
    rows["before_size"] = np.where(shown[:, :, None], size, rows["before_size"])
    rows["before_floor"] = np.where(shown, floor, rows["before_floor"])
