"""Looks at the watched markets again and again and writes what it sees to a tape.

Trades nothing and judges nothing. Leaves out the file (`recorder`) and which markets are watched.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bot.clock import pause
from bot.core.market.market import Market
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Floats
from bot.market_data.universe import seconds_to_close
from bot.ports.exchange import ExchangeError, MarketData

log = logging.getLogger("main")


class RecordedWatchlist(Protocol):
    """The markets to record, as last described by the exchange."""

    async def refresh(self) -> None:
        """Read the watched markets again. Raises ExchangeError; then the last known stay."""
        ...

    def watched(self) -> Mapping[str, Market]:
        """The markets to record, by ticker."""
        ...


class Sink(Protocol):
    """Where books are written to; may raise if it cannot."""

    def record(
        self,
        books: Books,
        *,
        seconds_to_close: Floats | None = None,
        volume: Floats | None = None,
        open_interest: Floats | None = None,
    ) -> None:
        """Add these books; the columns have shape (len(books),), NaN where unknown."""
        ...

    def break_off(self) -> None:
        """Books were missed: what comes next does not continue what came before."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """The counts of a recording; `failures` are looks without an answer."""

    looks: int = 0
    books: int = 0
    failures: int = 0


async def record(
    data: MarketData,
    watchlist: RecordedWatchlist,
    sink: Sink,
    every: float,
    stopping: asyncio.Event,
) -> Recorded:
    """Record every `every` seconds until `stopping` is set.

    A failure of the exchange is logged and breaks the segment; what `sink` raises ends it.
    """
    loop = asyncio.get_running_loop()
    recorded = Recorded()
    while not stopping.is_set():
        due = loop.time() + every
        recorded = await _look(data, watchlist, sink, recorded)
        await pause(stopping, due - loop.time())
    return recorded


async def _look(
    data: MarketData, watchlist: RecordedWatchlist, sink: Sink, before: Recorded
) -> Recorded:
    await _refresh(watchlist)
    markets = watchlist.watched()
    books = await _books(data, tuple(markets)) if markets else None
    if books is None:
        sink.break_off()
        return Recorded(before.looks + 1, before.books, before.failures + 1)
    sink.record(
        books,
        seconds_to_close=seconds_to_close(books, markets),
        open_interest=_open_interest(books, markets),
    )
    return Recorded(before.looks + 1, before.books + len(books), before.failures)


async def _books(data: MarketData, tickers: tuple[str, ...]) -> Books | None:
    try:
        answer = await data.books(tickers)
    except ExchangeError as error:
        log.warning("Nothing recorded: %s", error)
        return None
    for ticker, reason in answer.missing.items():
        log.info("No order book of %s: %s", ticker, reason)
    return answer.books


async def _refresh(watchlist: RecordedWatchlist) -> None:
    try:
        await watchlist.refresh()
    except ExchangeError as error:
        log.warning("The markets could not be read: %s", error)


def _open_interest(books: Books, markets: Mapping[str, Market]) -> Floats:
    interest = [measured(markets[ticker].open_interest) for ticker in books.tickers]
    return np.array(interest, dtype=np.float64)
