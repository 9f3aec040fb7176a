"""Order books kept current by changes of their levels: exact integers inside, columns to read.

A change costs a few look-ups in the one market it concerns; columns are made anew only when they
are read, and only of the books that changed since. A level below zero spoils its book until a
whole one comes: nothing is repaired by guessing. A crossed book cannot be read while it is
crossed; the exchange's own feed crosses for a few messages now and then, when an order is told
before those that it traded with (117 of 557,000 recorded changes left a crossed book).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.orderbook import MAX_LEVELS, PRICE_DIGITS, Books, Floats

#: Units of a dollar in which prices are whole numbers, and of a contract for sizes.
PRICE_UNITS: Final = 10**PRICE_DIGITS
SIZE_UNITS: Final = 100

#: Levels of one side: the finest grid has 9,999 prices, a longer side would only cost memory.
MOST_LEVELS: Final = 10_000

#: Why a book cannot be read that was never whole.
NO_SNAPSHOT: Final = "no snapshot of the book has come yet"
CROSSED: Final = "the book is crossed"
BELOW_ZERO: Final = "a level fell below zero"
OUTSIDE: Final = "a price is not inside (0, 1)"
TOO_DEEP: Final = f"one side has more than {MOST_LEVELS} levels"

#: A book that can be changed: a whole one, and one that a change may uncross.
_CHANGEABLE: Final = (None, CROSSED)

#: Sizes by price, both in units.
Levels = Mapping[int, int]


@dataclass(slots=True)
class _Ladder:
    """One side. Prices are kept so that the best is the last: those of asks as 1 − p."""

    prices: list[int] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Market:
    row: int
    fault: str | None = NO_SNAPSHOT
    bids: _Ladder = field(default_factory=_Ladder)
    asks: _Ladder = field(default_factory=_Ladder)


class BookStore:
    """The books of many markets, each whole or with the reason why it is not.

    Prices are YES prices in `PRICE_UNITS` to the dollar, sizes in `SIZE_UNITS` to the contract.
    """

    def __init__(self, capacity: int = 256) -> None:
        """`capacity` markets fit before the columns have to grow."""
        self._markets: dict[str, _Market] = {}
        self._free = list(range(capacity - 1, -1, -1))
        self._changed: set[str] = set()
        self._price = np.full((2, capacity, MAX_LEVELS), np.nan)
        self._size = np.zeros((2, capacity, MAX_LEVELS))
        self._depth = np.zeros((2, capacity), dtype=np.intp)

    def __len__(self) -> int:
        return len(self._markets)

    @property
    def tickers(self) -> tuple[str, ...]:
        """The markets that are kept, whole or not."""
        return tuple(self._markets)

    def replace(self, ticker: str, bids: Levels, asks: Levels) -> str | None:
        """The whole book of a market, from now on; why it is refused, None if it is sound."""
        market = self._markets.get(ticker) or self._joined(ticker)
        market.bids = _ladder(bids)
        market.asks = _ladder({PRICE_UNITS - price: size for price, size in asks.items()})
        market.fault = _fault(market)
        self._changed.add(ticker)
        return market.fault

    def change(self, ticker: str, side: Side, price: int, by: int) -> str | None:
        """Add contracts at a price of one side, or take them; why it cannot be read now, or None.

        Changes of a book that is not whole are let go: the next whole one has them in it.
        """
        market = self._markets.get(ticker)
        if market is None or market.fault not in _CHANGEABLE:
            return None
        bids, asks = market.bids, market.asks
        own = bids if side is Side.BUY else asks
        at = price if side is Side.BUY else PRICE_UNITS - price
        before = own.sizes.get(at, 0)
        size = before + by
        if size < 0:
            return self.invalidate(ticker, BELOW_ZERO)
        if not 0 < at < PRICE_UNITS:
            return self.invalidate(ticker, OUTSIDE)
        if not before and len(own.prices) >= MOST_LEVELS:
            return self.invalidate(ticker, TOO_DEEP)
        if size:
            own.sizes[at] = size
        if not before and size:
            insort(own.prices, at)
            market.fault = _crossed(bids, asks)
        elif before and not size:
            del own.sizes[at]
            del own.prices[bisect_left(own.prices, at)]
            market.fault = _crossed(bids, asks)
        self._changed.add(ticker)
        return market.fault

    def invalidate(self, ticker: str, reason: str) -> str:
        """Let a book not be read until a whole one comes; the reason again."""
        market = self._markets.get(ticker) or self._joined(ticker)
        market.fault, market.bids, market.asks = reason, _Ladder(), _Ladder()
        return reason

    def drop(self, tickers: Iterable[str]) -> None:
        """Keep these no more."""
        for ticker in tickers:
            market = self._markets.pop(ticker, None)
            self._changed.discard(ticker)
            if market is not None:
                self._free.append(market.row)

    def fault(self, ticker: str) -> str | None:
        """Why the book of a market cannot be read; None if it is whole."""
        market = self._markets.get(ticker)
        return NO_SNAPSHOT if market is None else market.fault

    def read(self, tickers: Sequence[str], seen_at: Floats) -> Books:
        """The books of these markets as columns, all of them whole.

        `seen_at`: shape (len(tickers),), seconds UTC. Raises ValueError, naming it, for a market
        whose book is not whole.
        """
        self._refresh()
        rows = np.array([self._row(ticker) for ticker in tickers], dtype=np.intp)
        width = max(1, int(self._depth[:, rows].max(initial=0)))
        bids, asks = self._price[:, rows, :width]
        bid_sizes, ask_sizes = self._size[:, rows, :width]
        return Books(tuple(tickers), seen_at, bids, bid_sizes, asks, ask_sizes)

    def levels(self, ticker: str) -> tuple[Levels, Levels]:
        """All bids and asks of a market, sizes by YES price, in units; ValueError as `read`."""
        self._row(ticker)
        market = self._markets[ticker]
        asks = {PRICE_UNITS - price: size for price, size in market.asks.sizes.items()}
        return dict(market.bids.sizes), asks

    def best(self, ticker: str) -> tuple[int | None, int | None]:
        """Best bid and ask in units, None for an empty side or a book that is not kept."""
        market = self._markets.get(ticker)
        if market is None:
            return None, None
        bids, asks = market.bids.prices, market.asks.prices
        return bids[-1] if bids else None, PRICE_UNITS - asks[-1] if asks else None

    def size(self, ticker: str, side: Side, price: int) -> int:
        """The contracts at one price, in units; 0 where there are none or the book is not whole."""
        market = self._markets.get(ticker)
        if market is None:
            return 0
        if side is Side.BUY:
            return market.bids.sizes.get(price, 0)
        return market.asks.sizes.get(PRICE_UNITS - price, 0)

    def _row(self, ticker: str) -> int:
        market = self._markets.get(ticker)
        if market is None or market.fault is not None:
            raise ValueError(f"{ticker}: {NO_SNAPSHOT if market is None else market.fault}")
        return market.row

    def _joined(self, ticker: str) -> _Market:
        if not self._free:
            self._grow()
        market = self._markets[ticker] = _Market(self._free.pop())
        return market

    def _grow(self) -> None:
        count = self._depth.shape[1]
        more = ((0, 0), (0, max(count, 1)))
        self._price = np.pad(self._price, (*more, (0, 0)), constant_values=np.nan)
        self._size = np.pad(self._size, (*more, (0, 0)))
        self._depth = np.pad(self._depth, more)
        self._free = list(range(self._depth.shape[1] - 1, count - 1, -1))

    def _refresh(self) -> None:
        """Make the columns of all books anew that changed since they were read last."""
        changed = [self._markets[ticker] for ticker in self._changed]
        self._changed.clear()
        if not changed:
            return
        rows = np.array([market.row for market in changed], dtype=np.intp)
        for side, ladders in enumerate(([m.bids for m in changed], [m.asks for m in changed])):
            self._fill(side, rows, ladders)

    def _fill(self, side: int, rows: NDArray[np.intp], ladders: Sequence[_Ladder]) -> None:
        prices: list[int] = []
        sizes: list[int] = []
        depth = np.empty(len(ladders), dtype=np.intp)
        for number, ladder in enumerate(ladders):
            best = ladder.prices[: -MAX_LEVELS - 1 : -1]
            depth[number] = len(best)
            prices += best
            sizes += [ladder.sizes[price] for price in best]
        there = np.arange(MAX_LEVELS) < depth[:, np.newaxis]
        units = np.array(prices, dtype=np.float64)
        price, size = np.full(there.shape, np.nan), np.zeros(there.shape)
        # One division, correctly rounded: the float nearest to the decimal.
        price[there] = (PRICE_UNITS - units if side else units) / PRICE_UNITS
        size[there] = np.array(sizes, dtype=np.float64) / SIZE_UNITS
        self._price[side, rows], self._size[side, rows] = price, size
        self._depth[side, rows] = depth


def _ladder(levels: Levels) -> _Ladder:
    sizes = {price: size for price, size in levels.items() if size}
    return _Ladder(sorted(sizes), sizes)


def _fault(market: _Market) -> str | None:
    for ladder in (market.bids, market.asks):
        if ladder.prices and not 0 < ladder.prices[0] <= ladder.prices[-1] < PRICE_UNITS:
            return OUTSIDE
        if any(size < 0 for size in ladder.sizes.values()):
            return BELOW_ZERO
    return _crossed(market.bids, market.asks)


def _crossed(bids: _Ladder, asks: _Ladder) -> str | None:
    is_crossed = bids.prices and asks.prices and bids.prices[-1] + asks.prices[-1] >= PRICE_UNITS
    return CROSSED if is_crossed else None
