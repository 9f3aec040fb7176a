"""What takers did between two books: how much met each side, and in which bursts.

A burst is all that one side took of a market without a pause; one order that walks through the
book is one, whatever number of trades it makes. What nobody knows is NaN, never zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats, complement
from bot.core.whales.book_sides import Flags

Index = NDArray[np.intp]
#: Seconds without a trade of that side that end a burst: the trades of one order carry nearly
#: the same time.
PAUSE: Final = 0.5


class MarketTrades(NamedTuple):
    """Trades in any order: market by its row, seconds, YES dollars, contracts; shape (K,).

    `buys` where the taker bought YES. Block trades are not among them: they never met the book.
    """

    row: Index
    at: Floats
    price: Floats
    size: Floats
    buys: Flags


@dataclass(frozen=True, slots=True)
class Bursts:
    """M bursts of trades; shape (M,).

    `side` is 0 where takers bought YES and 1 where they sold it; `at` seconds of the last trade;
    `size` contracts in all, `paid` dollars in all and `worst` the worst price among them, both in
    the taker's own price (YES for buyers, NO for sellers); `levels` how many prices they walked
    through.
    """

    row: Index
    side: Index
    at: Floats
    size: Floats
    paid: Floats
    worst: Floats
    levels: Index

    @classmethod
    def of(cls, tape: MarketTrades) -> Self:
        """The bursts of these trades, by market, side and time."""
        side = np.where(tape.buys, 0, 1)
        paid = np.where(tape.buys, tape.price, complement(tape.price))
        order = np.lexsort((tape.at, side, tape.row))
        row, side, at = tape.row[order], side[order], tape.at[order]
        size, paid = tape.size[order], paid[order]
        begins = np.ones(len(order), dtype=np.bool_)
        begins[1:] = (np.diff(row) != 0) | (np.diff(side) != 0) | (np.diff(at) > PAUSE)
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(order))[: len(first)] - 1
        return cls(
            row=row[first],
            side=side[first],
            at=at[last],
            size=_by_burst(np.add, size, first),
            paid=_by_burst(np.add, size * paid, first),
            worst=_by_burst(np.maximum, paid, first),
            levels=_prices(np.cumsum(begins) - 1, paid, len(first)),
        )

    @classmethod
    def none(cls) -> Self:
        """No burst, or none that is known."""
        nothing = np.zeros(0)
        return cls.of(MarketTrades(nothing.astype(np.intp), nothing, nothing, nothing, nothing > 0))

    def __len__(self) -> int:
        return len(self.row)

    def take(self, some: Index | Flags) -> Self:
        """Some of the bursts, in that order."""
        return type(self)(*(getattr(self, name)[some] for name in self.__slots__))

    def moved(self, place: Index) -> Self:
        """The bursts of the markets whose new row, `place[row]`, is not below 0."""
        staying = self.take(place[self.row] >= 0)
        return type(self)(place[staying.row], *(getattr(staying, n) for n in self.__slots__[1:]))


@dataclass(frozen=True, slots=True)
class TradesBetween:
    """What takers did between the book before and this one, per market; shape (N, 2): bid, ask.

    `volume` contracts met that side; `reach` is the worst price among them for its owners (YES
    for bids, NO for asks), +inf without trades. NaN volume: not known, and then no burst is.
    """

    volume: Floats
    reach: Floats
    bursts: Bursts = field(default_factory=Bursts.none)

    @classmethod
    def of(cls, known: Flags, tape: MarketTrades) -> Self:
        """All trades of the markets that are `known`, shape (N,); of the others none is told."""
        volume = np.where(known[:, None], np.zeros((len(known), 2)), np.nan)
        reach = np.where(known[:, None], np.full((len(known), 2), np.inf), -np.inf)
        # Who buys YES meets the asks, whose owners pay the NO price.
        met = np.where(tape.buys, 1, 0)
        np.add.at(volume, (tape.row, met), tape.size)
        owners = np.where(tape.buys, complement(tape.price), tape.price)
        np.minimum.at(reach, (tape.row, met), owners)
        return cls(volume, reach, Bursts.of(tape))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The trades of several sets of markets, one after the other."""
        firsts = np.cumsum([0, *(len(part.volume) for part in parts)])
        many = [part.bursts for part in parts]
        rows = [each.row + first for each, first in zip(many, firsts, strict=False)]
        columns = (np.concatenate([getattr(b, n) for b in many]) for n in Bursts.__slots__[1:])
        return cls(
            np.concatenate([part.volume for part in parts]),
            np.concatenate([part.reach for part in parts]),
            Bursts(np.concatenate(rows), *columns),
        )

    @classmethod
    def unknown(cls, count: int) -> Self:
        """No knowledge of trades in `count` markets."""
        return cls.anywhere(np.full(count, np.nan))

    @classmethod
    def anywhere(cls, volume: Floats) -> Self:
        """Contracts traded per market, shape (N,), at prices and on sides that are not known."""
        reach = np.full((len(volume), 2), -np.inf)
        return cls(np.column_stack([volume, volume]), reach, Bursts.none())

    def take(self, rows: Index | slice) -> Self:
        """The trades of some markets, in that order."""
        place = np.full(len(self.volume), -1, dtype=np.intp)
        place[rows] = np.arange(len(place[rows]))
        return type(self)(self.volume[rows], self.reach[rows], self.bursts.moved(place))


def _by_burst(sum_: np.ufunc, values: Floats, first: Index) -> Floats:
    summed: Floats = sum_.reduceat(values, first) if len(first) else np.zeros(0)
    return summed


def _prices(burst: Index, price: Floats, count: int) -> Index:
    """How many prices each burst has, shape (count,)."""
    order = np.lexsort((price, burst))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(burst[order]) != 0) | (np.diff(price[order]) != 0)
    prices: Index = np.bincount(burst[order], weights=new, minlength=count).astype(np.intp)
    return prices
