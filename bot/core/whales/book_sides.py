"""Both sides of many books near the best price, and the measures the dashboard shows of them.

Each side is seen through its owner's eyes: in the price its owner pays per contract (YES price
for bids, NO price for asks). Best first is then falling for both, and price × size is the money
at risk, so one rule serves both sides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats, complement

Flags = NDArray[np.bool_]

#: Near the best price: this many dollars from the best price of the same side, at most.
NEAR: Final = 0.10
#: Levels a side in `bid_ratio` and `imbalance_strength`.
BEST_LEVELS: Final = 5
# Differences of prices are a few units in the last place off the decimal that is meant.
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Measures:
    """What the dashboard shows of N books; all of shape (N,).

    `bid_ratio`: bid contracts / all contracts over the best five levels a side, 0.5 for an empty
    book; `imbalance_strength` = |bid_ratio − 0.5|. The largest level and the depth a side are of
    the levels within ten cents of that side's best price, in contracts, 0 for an empty side.
    """

    bid_ratio: Floats
    imbalance_strength: Floats
    max_bid_size: Floats
    max_ask_size: Floats
    bid_depth: Floats
    ask_depth: Floats

    def take(self, rows: NDArray[np.intp] | slice) -> "Measures":
        """The measures of some rows, in that order."""
        return Measures(
            bid_ratio=self.bid_ratio[rows],
            imbalance_strength=self.imbalance_strength[rows],
            max_bid_size=self.max_bid_size[rows],
            max_ask_size=self.max_ask_size[rows],
            bid_depth=self.bid_depth[rows],
            ask_depth=self.ask_depth[rows],
        )


@dataclass(frozen=True, slots=True)
class Sides:
    """N books as (N, 2, levels): axis 1 is bid, ask; prices are those of the owner.

    `floor` (N, 2) is the price below which the book is not known: −inf if all of it is shown,
    +inf for an empty side, which may be a fault of the moment. Contracts (N, 2): `best` of the best
    five levels; `peak` and `depth` the largest and all of those near the best price.
    """

    books: Books
    price: Floats
    size: Floats
    near: Flags
    floor: Floats
    best: Floats
    peak: Floats
    depth: Floats
    measures: Measures

    @property
    def at(self) -> Floats:
        """When each book was seen, seconds, shape (N,)."""
        return self.books.seen_at


def measures(books: Books) -> Measures:
    """Imbalance, largest level and depth of N books."""
    return sides(books).measures


def sides(books: Books) -> Sides:
    """Both sides of N books in their owners' prices; `near` may have fewer columns than they."""
    price = np.stack([books.bid_price, complement(books.ask_price)], axis=1)
    size = np.stack([books.bid_size, books.ask_size], axis=1)
    near = price >= price[:, :, :1] - (NEAR + _TOLERANCE)
    # Levels are sorted: what is near stands in the first columns.
    width = max(int(near.any(axis=(0, 1)).sum()), 1)
    near = near[:, :, :width]
    close = np.where(near, size[:, :, :width], 0.0)
    best, peak, depth = size[:, :, :BEST_LEVELS].sum(axis=2), close.max(axis=2), close.sum(axis=2)
    shown = _measures(best, peak, depth)
    return Sides(books, price, size, near, _floor(price), best, peak, depth, shown)


def _measures(best: Floats, peak: Floats, depth: Floats) -> Measures:
    total = best.sum(axis=1)
    ratio = np.full(len(total), 0.5)
    np.divide(best[:, 0], total, out=ratio, where=total > 0)
    return Measures(
        bid_ratio=ratio,
        imbalance_strength=np.abs(ratio - 0.5),
        max_bid_size=peak[:, 0],
        max_ask_size=peak[:, 1],
        bid_depth=depth[:, 0],
        ask_depth=depth[:, 1],
    )


def _floor(price: Floats) -> Floats:
    # A side that fills every column may go on below the last one.
    last = price[:, :, -1]
    floor = np.where(np.isnan(last), -np.inf, last)
    return np.where(np.isnan(price[:, :, 0]), np.inf, floor)
