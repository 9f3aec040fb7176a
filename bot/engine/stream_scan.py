"""Scans streamed books between two cycles: whale rules only, no fetch, score or trade.

Ten times a second the markets with a change that can matter and those with a tracked large order;
twice a second all. So the work is bounded however busy the stream is.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.core.events import Event, WhaleEnded, WhaleSeen
from bot.core.market.market import Market
from bot.core.market.orderbook import Books
from bot.core.whales.detector import Sighting, TradesBetween, Whale
from bot.market_data.trade_feed import TradeFeed, TradeStream

#: Seconds between two scans, and between two of all markets: closer together than what
#: `WhaleRules.apart` takes for one, or a market at rest would seem to be polled.
SCAN_EVERY: Final = 0.1
ALL_EVERY: Final = 0.5


class StreamedBooks(TradeStream, Protocol):
    """The streamed books and their changes."""

    def proved_books(self, tickers: Sequence[str]) -> Books:
        """Those of these books that are proved, as they are now."""
        ...

    def take_urgent(self) -> set[str]:
        """The markets with a change that can matter since the last call."""
        ...


class WhaleWatch(Protocol):
    """Applies the whale rules."""

    def scan(self, books: Books, traded: TradesBetween) -> tuple[Sighting, NDArray[np.bool_]]:
        """What the rules find in these books, and in which of them a large order is tracked."""
        ...


class WhaleObserver(Protocol):
    """Shows whales between two cycles."""

    def on_whales(self, books: Books, whales: Sequence[tuple[int, Whale]]) -> None:
        """Take these detections, each with the row of its book."""
        ...


class Scan(NamedTuple):
    """What one scan found."""

    books: Books
    sighting: Sighting

    def events(self, at: datetime) -> list[Event]:
        """The events to emit; empty if there are none."""
        whales: list[Event] = [WhaleSeen(at, whale) for _, whale in self.sighting.whales]
        return whales + [WhaleEnded(at, ending) for _, ending in self.sighting.endings]


class StreamScan:
    """Chooses which books to scan, and scans them."""

    def __init__(
        self,
        stream: StreamedBooks,
        trade_feed: TradeFeed,
        watch: WhaleWatch,
        observer: WhaleObserver,
    ) -> None:
        self._stream = stream
        self._trade_feed = trade_feed
        self._watch = watch
        self._observer = observer
        self._followed: set[str] = set()
        self._all_at = float("-inf")

    def scan(self, at: datetime, markets: Mapping[str, Market]) -> Scan | None:
        """Scan what is due; None if nothing is."""
        due = self._due(at, markets)
        if not due:
            return None
        books, traded = self._trade_feed.streamed(self._stream.proved_books(due), self._stream)
        if not len(books):
            return None
        sighting, followed = self._watch.scan(books, traded)
        self._followed -= set(books.tickers)
        self._followed |= {books.tickers[row] for row in np.flatnonzero(followed).tolist()}
        return Scan(books, sighting)

    def show(self, scan: Scan) -> None:
        """Show what a scan found."""
        self._observer.on_whales(scan.books, scan.sighting.whales)

    def _due(self, at: datetime, markets: Mapping[str, Market]) -> list[str]:
        urgent, now = self._stream.take_urgent(), at.timestamp()
        chosen: Collection[str] = urgent | self._followed
        if not 0.0 <= now - self._all_at < ALL_EVERY:
            self._all_at, chosen = now, markets
            self._followed &= markets.keys()
        return [t for t in chosen if t in markets and markets[t].is_open(at)]
