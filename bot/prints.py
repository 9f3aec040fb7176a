"""What traded between two books, for the few markets where that decides how a large order ended.

Only markets with a large order that is followed are asked about, and only so many a cycle: the
others' trades stay unknown, and so do those of a market whose answer failed or did not reach back
to its last book.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

import numpy as np

from bot.core.market import Side
from bot.core.money import measured
from bot.core.orderbook import Books
from bot.core.whales import Traded
from bot.ports import ExchangeError

#: Markets asked about in one cycle, and trades asked for in each.
MOST: Final = 10
PAGE: Final = 500


class Print(Protocol):
    """Contracts that changed hands at a YES price."""

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def taker(self) -> Side:
        """The side that crossed the spread."""
        ...

    @property
    def price(self) -> Decimal:
        """YES dollars."""
        ...

    @property
    def count(self) -> Decimal:
        """Contracts."""
        ...

    @property
    def is_block(self) -> bool:
        """Whether it was agreed elsewhere, past the book."""
        ...


class TradeSource(Protocol):
    """Where trades come from."""

    async def trades(self, ticker: str, limit: int) -> Sequence[Print]:
        """The latest trades of a market, newest first. Raises ExchangeError."""
        ...


#: Which of these markets have a large order that is followed, and when their last book was seen.
Follows = Callable[[Sequence[str]], list[tuple[str, float]]]


class Prints:
    """Asks for the trades of the markets where they matter."""

    def __init__(self, source: TradeSource, follows: Follows, most: int = MOST) -> None:
        self._source = source
        self._follows = follows
        self._most = most
        self._turn = 0

    async def since(self, books: Books) -> Traded:
        """What traded between the last book of each market and this one, as far as is known."""
        traded = Traded.unknown(len(books))
        asked = self._asked(books.tickers)
        answers = await asyncio.gather(*(self._answer(ticker) for ticker, _ in asked))
        rows = {ticker: row for row, ticker in enumerate(books.tickers)}
        for (ticker, since), answer in zip(asked, answers, strict=True):
            row = rows[ticker]
            until = float(books.seen_at[row])
            if answer is not None and _reaches_back(answer, since):
                traded.volume[row], traded.reach[row] = _between(answer, since, until)
        return traded

    def _asked(self, tickers: Sequence[str]) -> list[tuple[str, float]]:
        """So many of those followed, others each time if there are more."""
        followed = self._follows(tickers)
        if len(followed) <= self._most:
            return followed
        start = self._turn % len(followed)
        self._turn += self._most
        return [*followed[start:], *followed[:start]][: self._most]

    async def _answer(self, ticker: str) -> Sequence[Print] | None:
        try:
            return await self._source.trades(ticker, PAGE)
        except ExchangeError:
            return None


def _reaches_back(prints: Sequence[Print], since: float) -> bool:
    """Whether these are all trades since then: a full page may have left some out."""
    return len(prints) < PAGE or prints[-1].at.timestamp() <= since


def _between(
    prints: Sequence[Print], since: float, until: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Contracts that met each side, bid and ask, and the worst price of each for its owners."""
    volume, reach = np.zeros(2), np.full(2, np.inf)
    for one in prints:
        if one.is_block or not since < one.at.timestamp() <= until:
            continue
        price = measured(one.price)
        # Who buys YES meets the asks, whose owners pay the NO price.
        side, paid = (1, round(1.0 - price, 6)) if one.taker is Side.BUY else (0, price)
        volume[side] += measured(one.count)
        reach[side] = min(reach[side], paid)
    return (float(volume[0]), float(volume[1])), (float(reach[0]), float(reach[1]))
