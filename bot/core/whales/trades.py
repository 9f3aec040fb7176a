"""What takers did between two books: how much met each side, and in which bursts.

A burst is all that one side took of a market without a pause; one order that walks through the
book is one, whatever number of trades it makes. What nobody knows is NaN, never zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats, complement
from bot.core.whales.book_sides import Flags

Index = NDArray[np.intp]
#: Seconds without a trade of that side that end a burst: the trades of one order carry nearly
#: the same time.
PAUSE: Final = 0.5
# Prices are this close to the decimal that is meant.
_SAME_PRICE: Final = 1e-6


class MarketTrades(NamedTuple):
    """Trades in any order: market by its row, seconds, YES dollars, contracts; shape (K,).

    `buys` where the taker bought YES. Block trades are not among them: they never met the book.
    """

    row: Index
    at: Floats
    price: Floats
    size: Floats
    buys: Flags


_NONE: Final = np.zeros(0)
_NOTHING: Final = MarketTrades(_NONE.astype(np.intp), _NONE, _NONE, _NONE, _NONE > 0)


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
        return cls.of(_NOTHING)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, some: Index | Flags) -> Self:
        """Some of the bursts, in that order."""
        return type(self)(*(getattr(self, name)[some] for name in self.__slots__))

    def moved(self, place: Index) -> Self:
        """The bursts of the markets whose new row, `place[row]`, is not below 0."""
        staying = self.take(place[self.row] >= 0)
        return type(self)(place[staying.row], *(getattr(staying, n) for n in self.__slots__[1:]))


class Met(NamedTuple):
    """Trades by what they met; shape (K,): row, side (0 bid, 1 ask), its owners' price, contracts.

    A resting order trades at its own price and at no other. So what traded there is all that can
    have met it, whatever else happened in between, and in whatever order.
    """

    row: Index
    side: Index
    price: Floats
    size: Floats

    @classmethod
    def of(cls, tape: MarketTrades) -> Self:
        """Who buys YES meets the asks, whose owners pay the NO price."""
        owners = np.where(tape.buys, complement(tape.price), tape.price)
        return cls(tape.row, np.where(tape.buys, 1, 0), owners, tape.size)

    def moved(self, place: Index) -> Self:
        """The trades of the markets whose new row, `place[row]`, is not below 0."""
        stays = place[self.row] >= 0
        return type(self)(
            place[self.row[stays]], self.side[stays], self.price[stays], self.size[stays]
        )

    def at(self, prices: Floats) -> Floats:
        """Contracts that traded at each of these owners' prices, shape (N, 2, orders)."""
        there = np.abs(prices[self.row, self.side] - self.price[:, None]) < _SAME_PRICE
        total = np.zeros(prices.shape)
        np.add.at(total, (self.row, self.side), np.where(there, self.size[:, None], 0.0))
        return total


@dataclass(frozen=True, slots=True)
class TradesBetween:
    """What takers did between the book before and this one, per market; shape (N, 2): bid, ask.

    `volume` contracts met that side; `reach` is the worst price among them for its owners (YES
    for bids, NO for asks), +inf without trades. NaN volume: not known, and then no burst is.
    `met` is None where it is not known at which prices they traded.
    """

    volume: Floats
    reach: Floats
    bursts: Bursts = field(default_factory=Bursts.none)
    met: Met | None = None

    @classmethod
    def of(cls, known: Flags, tape: MarketTrades) -> Self:
        """All trades of the markets that are `known`, shape (N,); of the others none is told."""
        volume = np.where(known[:, None], np.zeros((len(known), 2)), np.nan)
        reach = np.where(known[:, None], np.full((len(known), 2), np.inf), -np.inf)
        met = Met.of(tape)
        np.add.at(volume, (met.row, met.side), met.size)
        np.minimum.at(reach, (met.row, met.side), met.price)
        return cls(volume, reach, Bursts.of(tape), met)

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
            _joined([part.met for part in parts], firsts),
        )

    @classmethod
    def unknown(cls, count: int) -> Self:
        """No knowledge of trades in `count` markets."""
        return replace(cls.anywhere(np.full(count, np.nan)), met=Met.of(_NOTHING))

    @classmethod
    def anywhere(cls, volume: Floats) -> Self:
        """Contracts traded per market, shape (N,), at prices and on sides that are not known."""
        reach = np.full((len(volume), 2), -np.inf)
        return cls(np.column_stack([volume, volume]), reach, Bursts.none())

    def take(self, rows: Index | slice) -> Self:
        """The trades of some markets, in that order."""
        place = np.full(len(self.volume), -1, dtype=np.intp)
        place[rows] = np.arange(len(place[rows]))
        met = self.met and self.met.moved(place)
        return type(self)(self.volume[rows], self.reach[rows], self.bursts.moved(place), met)

    def at(self, prices: Floats, closely: Flags) -> Floats:
        """Contracts that can have met orders at these owners' prices, shape (N, 2, orders).

        At most; NaN where nothing is known. Those watched `closely` (same shape) met trades at
        their very price; others, and where prices are not known, all of a side that reached them.
        """
        volume = self.volume[..., None]
        bound = np.where(self.reach[..., None] <= prices, volume, 0.0)
        if self.met is None:
            return bound
        return np.where(closely & ~np.isnan(volume), self.met.at(prices), bound)


def _joined(many: Sequence[Met | None], firsts: Index) -> Met | None:
    """Trades of several sets of markets as of one; None if one of them does not know prices."""
    known = [met for met in many if met is not None]
    if len(known) < len(many):
        return None
    rows = [each.row + first for each, first in zip(known, firsts, strict=False)]
    others = (np.concatenate([each[column] for each in known]) for column in (1, 2, 3))
    return Met(np.concatenate(rows), *others)


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
