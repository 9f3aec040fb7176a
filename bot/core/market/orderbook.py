"""The order book in YES prices, in its two forms.

`OrderBook` is one book, exact, for money: fills and marks walk it. `Books` is many books as
NumPy columns, for measurements: features and whale rules read it. `Books.book(i)` leads from
the second to the first. Both hold levels best first and refuse to exist when broken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.money import ONE, ZERO, Contracts, Dollars, exact, measured

Floats = NDArray[np.float64]
Faults = dict[str, NDArray[np.bool_]]

#: Levels kept a side: five cents of book on the finest usual grid (0.1 c), with room to spare.
MAX_LEVELS = 64
PRICE_DIGITS = 6  # behind the point, with room to spare


class Level(NamedTuple):
    """Contracts on offer at one price."""

    price: Dollars
    size: Contracts


@dataclass(frozen=True, slots=True)
class OrderBook:
    """One book: bids falling, asks rising, best first; never crossed.

    Raises ValueError, naming the fault, for a price outside (0, 1), a size not above 0,
    levels out of order or twice, and a best bid at or above the best ask.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __post_init__(self) -> None:
        for price, size in self.bids + self.asks:
            _refuse_no_level(price, size)
        if any(worse.price >= better.price for better, worse in pairwise(self.bids)):
            raise ValueError("bids are not falling")
        if any(worse.price <= better.price for better, worse in pairwise(self.asks)):
            raise ValueError("asks are not rising")
        if self.bids and self.asks and self.bids[0].price >= self.asks[0].price:
            raise ValueError(f"crossed: bid {self.bids[0].price}, ask {self.asks[0].price}")

    @classmethod
    def proved(cls, bids: tuple[Level, ...], asks: tuple[Level, ...]) -> Self:
        """The book of levels that were proved where they came from: they are not looked at."""
        book = object.__new__(cls)
        object.__setattr__(book, "bids", bids)
        object.__setattr__(book, "asks", asks)
        return book

    @property
    def best_bid(self) -> Dollars | None:
        """The highest price somebody pays; None for an empty side."""
        return self.bids[0].price if self.bids else None

    @property
    def best_ask(self) -> Dollars | None:
        """The lowest price somebody sells at; None for an empty side."""
        return self.asks[0].price if self.asks else None

    @property
    def mid(self) -> Dollars | None:
        """Half way between the best prices; None unless both sides are there."""
        if self.best_bid is None or self.best_ask is None:
            return None
        return (self.best_bid + self.best_ask) / 2

    def against(self, side: Side) -> tuple[Level, ...]:
        """The levels that an order of this side trades with, best first."""
        return self.asks if side is Side.BUY else self.bids

    def mirror(self) -> "OrderBook":
        """The same book seen from the NO side."""
        return OrderBook(
            bids=tuple(Level(ONE - price, size) for price, size in self.asks),
            asks=tuple(Level(ONE - price, size) for price, size in self.bids),
        )


@dataclass(frozen=True, slots=True)
class Books:
    """N books as columns; row i belongs to `tickers[i]`, seen at `seen_at[i]` (seconds UTC).

    The four matrices have shape (N, levels ≤ MAX_LEVELS): prices in dollars, NaN where there is
    no level; sizes in contracts, 0 there. Best first. Built by `columns`, which refuses the
    broken ones; a row here is a sound book. One book may be one-sided or empty.
    """

    tickers: tuple[str, ...]
    seen_at: Floats
    bid_price: Floats
    bid_size: Floats
    ask_price: Floats
    ask_size: Floats

    def __len__(self) -> int:
        return len(self.tickers)

    @property
    def best_bid(self) -> Floats:
        """Shape (N,), dollars, NaN for an empty side."""
        return self.bid_price[:, 0]

    @property
    def best_ask(self) -> Floats:
        """Shape (N,), dollars, NaN for an empty side."""
        return self.ask_price[:, 0]

    @property
    def mid(self) -> Floats:
        """Shape (N,), dollars, NaN unless both sides are there."""
        mid: Floats = (self.best_bid + self.best_ask) / 2
        return mid

    def book(self, row: int) -> OrderBook:
        """One row as an exact book. Raises ValueError, naming the fault, if it is broken."""
        bids = _shown(self.bid_price[row], self.bid_size[row])
        asks = _shown(self.ask_price[row], self.ask_size[row])
        # Floats keep the order of the decimals they stand for, and are compared much sooner.
        is_proved = _is_sound(*bids, is_falling=True) and _is_sound(*asks, is_falling=False)
        is_apart = not (bids[0] and asks[0]) or bids[0][0] < asks[0][0]
        make = OrderBook.proved if is_proved and is_apart else OrderBook
        return make(tuple(_levels(*bids)), tuple(_levels(*asks)))

    def against(self, row: int, side: Side) -> Iterator[Level]:
        """The exact levels of one row that an order of this side trades with, made as taken."""
        if side is Side.BUY:
            return _levels(*_shown(self.ask_price[row], self.ask_size[row]))
        return _levels(*_shown(self.bid_price[row], self.bid_size[row]))

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        """The books of some rows, in that order."""
        picked = range(len(self))[rows] if isinstance(rows, slice) else rows.tolist()
        bids = self.bid_price[rows], self.bid_size[rows]
        asks = self.ask_price[rows], self.ask_size[rows]
        tickers = tuple([self.tickers[row] for row in picked])
        return type(self)(tickers, self.seen_at[rows], *bids, *asks)

    def mirror(self) -> Self:
        """The same books seen from the NO side."""
        bids = complement(self.ask_price), self.ask_size
        return type(self)(
            self.tickers, self.seen_at, *bids, complement(self.bid_price), self.bid_size
        )

    @classmethod
    def joined(cls, parts: Sequence["Books"]) -> Self:
        """The books of several, one after the other, as wide as the widest; at least one part."""
        width = max(part.bid_price.shape[1] for part in parts)
        sides = (
            (np.nan, [part.bid_price for part in parts]),
            (0.0, [part.bid_size for part in parts]),
            (np.nan, [part.ask_price for part in parts]),
            (0.0, [part.ask_size for part in parts]),
        )
        return cls(
            tuple([ticker for part in parts for ticker in part.tickers]),
            np.concatenate([part.seen_at for part in parts]),
            *(_stacked(matrices, width, fill) for fill, matrices in sides),
        )

    @classmethod
    def of(cls, books: Sequence[tuple[str, float, OrderBook]]) -> Self:
        """Exact books, each with its ticker and the time it was seen, as columns."""
        width = max((max(len(b.bids), len(b.asks)) for _, _, b in books), default=0)
        width = min(max(width, 1), MAX_LEVELS)
        bids = _padded([book.bids for *_, book in books], width)
        asks = _padded([book.asks for *_, book in books], width)
        seen_at = np.array([at for _, at, _ in books], dtype=np.float64)
        return cls(tuple(ticker for ticker, *_ in books), seen_at, *bids, *asks)


@dataclass(frozen=True, slots=True)
class Ladder:
    """One side's bids of N books before they are checked: shape (N, any width), in its own prices.

    Price NaN where there is no level; levels in any order. A NaN that came over the wire has to
    be refused before it gets here, where it would read as absence.
    """

    price: Floats
    size: Floats


def columns(
    tickers: tuple[str, ...], seen_at: Floats, yes: Ladder, no: Ladder
) -> tuple[Books, dict[str, str]]:
    """The sound books among YES bids and NO bids (each in its own prices), and why others fail.

    Sorts each side itself: Kalshi's documents disagree on the order of levels. A level of size 0
    is no level. Faulty books (price outside (0, 1), negative or endless size, a price twice,
    crossed or locked) are left out of the first answer and named by ticker in the second.
    """
    width = max(1, yes.price.shape[1], no.price.shape[1])
    yes, no = _best_first(_widened(yes, width)), _best_first(_widened(no, width))
    matrices = (yes.price, yes.size, complement(no.price), no.size)
    books = Books(tickers, seen_at, *(matrix[:, :MAX_LEVELS] for matrix in matrices))
    faults = _faults(*matrices)
    broken = np.logical_or.reduce(list(faults.values()))
    if not broken.any():
        return books, {}
    reasons = {
        tickers[row]: next(reason for reason, rows in faults.items() if rows[row])
        for row in np.flatnonzero(broken)
    }
    return books.take(np.flatnonzero(~broken)), reasons


def complement(price: Floats) -> Floats:
    """NO prices as YES prices and back, exactly: the float nearest to the decimal 1 − p."""
    # 1 - 0.63 in binary is not always the float that prints as 0.37; rounding restores it.
    other: Floats = np.round(1.0 - price, PRICE_DIGITS)
    return other


def _refuse_no_level(price: Dollars, size: Contracts) -> None:
    if not (price.is_finite() and ZERO < price < ONE):
        raise ValueError(f"price {price} outside (0, 1)")
    if not (size.is_finite() and size > ZERO):
        raise ValueError(f"size {size} at {price} is not a number above 0")


def _best_first(side: Ladder) -> Ladder:
    """Levels by falling price, absent ones last."""
    absent = np.isnan(side.price) | (side.size == 0)
    price = np.where(absent & np.isfinite(side.price), np.nan, side.price)
    size = np.where(np.isnan(price), 0.0, side.size)
    falling = np.where(np.isnan(price), -np.inf, price)
    if bool(np.all(falling[:, 1:] <= falling[:, :-1])):
        return Ladder(price, size)
    order = np.argsort(-falling, axis=1, kind="stable")
    return Ladder(*(np.take_along_axis(one, order, axis=1) for one in (price, size)))


def _faults(bid: Floats, bid_size: Floats, ask: Floats, ask_size: Floats) -> Faults:
    # Looked for in YES prices: a NO price can be inside (0, 1) and round to a YES price of 1.
    price, size = np.stack([bid, ask]), np.stack([bid_size, ask_size])
    is_repeated = price[:, :, 1:] == price[:, :, :-1]
    return {
        "a price is not inside (0, 1)": np.any((price <= 0) | (price >= 1), axis=(0, 2)),
        "a size is negative or not finite": np.any(~np.isfinite(size) | (size < 0), axis=(0, 2)),
        "a price stands twice on one side": np.any(is_repeated, axis=(0, 2)),
        "the book is crossed": bid[:, 0] >= ask[:, 0],
    }


def _widened(side: Ladder, width: int) -> Ladder:
    missing = ((0, 0), (0, width - side.price.shape[1]))
    if missing == ((0, 0), (0, 0)):
        return side
    price = np.pad(side.price, missing, constant_values=np.nan)
    return Ladder(price, np.pad(side.size, missing))


def _shown(price: Floats, size: Floats) -> tuple[list[float], list[float]]:
    """Prices and sizes of the levels that are there."""
    prices: list[float] = price.tolist()
    if isnan(sum(prices)):
        del prices[next(place for place, one in enumerate(prices) if isnan(one)) :]
    return prices, size[: len(prices)].tolist()


def _is_sound(prices: list[float], sizes: list[float], *, is_falling: bool) -> bool:
    """Whether these can be the levels of one side of a book."""
    if not prices:
        return True
    is_ordered = sorted(set(prices), reverse=is_falling) == prices
    return is_ordered and min(prices) > 0 and max(prices) < 1 and min(sizes) > 0


def _levels(prices: list[float], sizes: list[float]) -> Iterator[Level]:
    """The exact levels, made as taken. Raises ValueError for a size that is no number."""
    return map(Level, map(exact, prices), map(exact, sizes))


def _padded(sides: Sequence[tuple[Level, ...]], width: int) -> tuple[Floats, Floats]:
    price = np.full((len(sides), width), np.nan)
    size = np.zeros((len(sides), width))
    for row, levels in enumerate(sides):
        for column, level in enumerate(levels[:width]):
            price[row, column] = measured(level.price)
            size[row, column] = measured(level.size)
    return price, size


def _stacked(matrices: Sequence[Floats], width: int, fill: float) -> Floats:
    """One below the other, each filled up to this width."""
    stacked = np.full((sum(len(matrix) for matrix in matrices), width), fill)
    row = 0
    for matrix in matrices:
        stacked[row : row + len(matrix), : matrix.shape[1]] = matrix
        row += len(matrix)
    return stacked
