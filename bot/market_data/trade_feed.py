"""What traded between two books: all that takers did in the watched markets, as far as is known.

The exchange lists the trades of all markets together, so a few pages cover every watched one.
Where they do not reach back to the last book of a market, its trades stay unknown, which is not
zero; those with a large order that is followed are then asked for one by one, so many a cycle.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import inf, isfinite, nan
from typing import Annotated, Final, Protocol

import numpy as np
from msgspec import Meta

from bot.core.market.market import Side
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Floats
from bot.core.market.queue import TakerTrade
from bot.core.whales.detector import TradesBetween
from bot.core.whales.trades import MarketTrades
from bot.ports.exchange import ExchangeError
from bot.ports.json_types import Count

log = logging.getLogger("main")

#: Pages of trades of all markets asked for in one cycle, a thousand on each.
PAGES: Final = 5
#: Markets asked about by themselves in one cycle, and trades asked for in each.
MOST: Final = 10
PAGE: Final = 500
#: Seconds after which a market that is not looked at counts as new; no list reaches so far.
FORGOTTEN: Final = 3_600.0
_NEW: Final = "some markets have no earlier book"


class ReportedTrade(Protocol):
    """Contracts that changed hands at a YES price."""

    @property
    def ticker(self) -> str:
        """Where."""
        ...

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

    async def trades(self, ticker: str, limit: int) -> Sequence[ReportedTrade]:
        """The latest trades of a market, newest first. Raises ExchangeError."""
        ...

    async def recent_trades(
        self, since: datetime, pages: int
    ) -> tuple[Sequence[ReportedTrade], bool, frozenset[str]]:
        """The trades of all markets from `since` on, newest first, and whether those are all.

        Last the markets of trades that could not be read. Raises ExchangeError.
        """
        ...


class TradeStream(Protocol):
    """A stream of trades."""

    def streamed_trades(
        self, since: datetime
    ) -> tuple[Sequence[ReportedTrade], frozenset[str]] | None:
        """The trades from `since` on, newest first; None if none are told.

        Last the markets of which not all were told.
        """
        ...


#: Which of these markets have a large order that is followed, and when their last book was seen.
Follows = Callable[[Sequence[str]], list[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of how many watched markets the trades since the book before are known, and why not of all.

    A sweep in a market whose trades are not known is not seen, and nothing says that there was
    none.
    """

    markets: Count
    known: Count
    reason: Annotated[
        str | None, Meta(description="Why not of all: sweeps in the others are not seen")
    ]


@dataclass(frozen=True, slots=True)
class _Recent:
    """Trades of all markets, from which moment on they are known, and why not from earlier.

    Those of `doubtful` markets are not known at all.
    """

    trade_feed: Sequence[ReportedTrade] = ()
    reach: float = inf
    reason: str | None = None
    doubtful: frozenset[str] = frozenset()


class TradeFeed:
    """Fetches what traded since the last call."""

    def __init__(self, source: TradeSource, follows: Follows, most: int = MOST) -> None:
        """`most` markets are asked about by themselves in one cycle."""
        self._source = source
        self._follows = follows
        self._most = most
        self._turn = 0
        self._looked: dict[str, float] = {}
        # The same of cycles alone: a stream is looked at between them, too.
        self._read: dict[str, float] = {}
        self._coverage = Coverage(0, 0, "no books yet")
        # From when on the trades of a market are known, and those, as of the last cycle.
        self._known: dict[str, tuple[float, list[ReportedTrade]]] = {}

    @property
    def coverage(self) -> Coverage:
        """What is known of the trades before the books of the last cycle."""
        return self._coverage

    async def since(self, books: Books) -> TradesBetween:
        """What traded between the last book of each market and this one, as far as is known."""
        followed = dict(self._follows(books.tickers))
        before = {**self._looked, **followed}
        since = np.array([before.get(ticker, nan) for ticker in books.tickers], dtype=np.float64)
        read = [self._read.get(ticker, nan) for ticker in books.tickers]
        earliest = np.fmin(since, np.array(read, dtype=np.float64))
        self._look(books)
        read_now = {ticker: self._looked[ticker] for ticker in books.tickers}
        self._read = {t: at for t, at in self._read.items() if t in self._looked} | read_now
        recent = await self._all(earliest)
        known = since >= recent.reach
        rows = {ticker: row for row, ticker in enumerate(books.tickers)}
        known[[rows[ticker] for ticker in recent.doubtful if ticker in rows]] = False
        asked = self._turns([ticker for ticker in followed if not known[rows[ticker]]])
        apart = await asyncio.gather(*(self._answer(t, before[t]) for t in asked))
        found = [one for one in recent.trade_feed if one.ticker in rows and known[rows[one.ticker]]]
        for ticker, answer in zip(asked, apart, strict=True):
            known[rows[ticker]] = answer is not None
            found += answer or ()
        reach = np.where(earliest >= recent.reach, earliest, since).tolist()
        self._known = {t: (reach[row], []) for t, row in rows.items() if known[row]}
        for one in found:
            self._known[one.ticker][1].append(one)
        self._note(len(books), int(known.sum()), recent.reason)
        return TradesBetween.of(known, _tape(found, rows, since, books.seen_at))

    def between(self, ticker: str, since: float, until: float) -> Sequence[TakerTrade] | None:
        """The trades of a market after `since` up to `until`, seconds UTC; None: not known."""
        reach, found = self._known.get(ticker, (inf, []))
        return taker_trades(found, since, until) if reach <= since else None

    def streamed(self, books: Books, source: "TradeStream") -> tuple[Books, TradesBetween]:
        """Those of the books since whose last look all trades were told, and these trades.

        Nothing is asked for. The others wait for a cycle, which asks.
        """
        since = np.array([self._looked.get(t, nan) for t in books.tickers], dtype=np.float64)
        starts = since[np.isfinite(since)]
        reported = (
            source.streamed_trades(datetime.fromtimestamp(starts.min(), UTC))
            if len(starts)
            else None
        )
        if reported is None:
            return books.take(slice(0, 0)), TradesBetween.unknown(0)
        trades, unknown = reported
        some = np.flatnonzero(np.isfinite(since) & [t not in unknown for t in books.tickers])
        known, since = books.take(some), since[some]
        self._look(known)
        rows = {ticker: row for row, ticker in enumerate(known.tickers)}
        found = [one for one in trades if one.ticker in rows]
        tape = _tape(found, rows, since, known.seen_at)
        return known, TradesBetween.of(np.ones(len(known), dtype=np.bool_), tape)

    def _look(self, books: Books) -> None:
        seen = dict(zip(books.tickers, books.seen_at.tolist(), strict=True))
        oldest = max(seen.values(), default=-inf) - FORGOTTEN
        self._looked = {t: at for t, at in self._looked.items() if at > oldest} | seen

    async def _all(self, since: Floats) -> _Recent:
        """All trades since the earliest of these moments, as far as they are known."""
        starts = since[np.isfinite(since)]
        if not len(starts):
            return _Recent(reason=_NEW)
        first = float(starts.min())
        try:
            trade_feed, whole, doubtful = await self._source.recent_trades(
                datetime.fromtimestamp(first, UTC), PAGES
            )
        except ExchangeError as error:
            return _Recent(reason=str(error))
        if whole:
            return _Recent(trade_feed, first, _unread(doubtful), doubtful)
        reach = trade_feed[-1].at.timestamp() if trade_feed else inf
        reason = f"{len(trade_feed)} trades do not reach back to the last poll"
        return _Recent(trade_feed, reach, reason, doubtful)

    def _turns(self, tickers: Sequence[str]) -> Sequence[str]:
        """So many of these, others each time if there are more."""
        if len(tickers) <= self._most:
            return tickers
        start = self._turn % len(tickers)
        self._turn += self._most
        return [*tickers[start:], *tickers[:start]][: self._most]

    async def _answer(self, ticker: str, since: float) -> Sequence[ReportedTrade] | None:
        """The trades of one market since then; None if those are not known."""
        if not isfinite(since):
            return None
        try:
            trade_feed = await self._source.trades(ticker, PAGE)
        except ExchangeError:
            return None
        return trade_feed if _reaches(trade_feed, since) else None

    def _note(self, markets: int, known: int, reason: str | None) -> None:
        coverage = Coverage(markets, known, None if known == markets else reason or _NEW)
        if (coverage.reason or _NEW) not in (_NEW, self._coverage.reason):
            text = "Trades of %d of %d markets are unknown: %s"
            log.warning(text, markets - known, markets, coverage.reason)
        self._coverage = coverage


async def traded_since(
    source: TradeSource, ticker: str, since: float, until: float
) -> Sequence[TakerTrade] | None:
    """The trades of one market after `since` up to `until`, seconds UTC; None: not known."""
    try:
        trade_feed = await source.trades(ticker, PAGE)
    except ExchangeError:
        return None
    return taker_trades(trade_feed, since, until) if _reaches(trade_feed, since) else None


def taker_trades(
    trade_feed: Sequence[ReportedTrade], since: float, until: float
) -> list[TakerTrade]:
    """Those of these trades that met the book after `since` up to `until`, in their order."""
    return [
        TakerTrade(at, one.taker, one.count, one.price)
        for one in reversed(trade_feed)
        if not one.is_block and since < (at := one.at.timestamp()) <= until
    ]


def _reaches(trade_feed: Sequence[ReportedTrade], since: float) -> bool:
    # A full page may have left some out.
    return len(trade_feed) < PAGE or trade_feed[-1].at.timestamp() <= since


def _unread(tickers: frozenset[str]) -> str | None:
    return f"some trades of {', '.join(sorted(tickers)[:3])} are not known" if tickers else None


def _tape(
    trade_feed: Sequence[ReportedTrade], rows: Mapping[str, int], since: Floats, until: Floats
) -> MarketTrades:
    """Of these trades, what met the books between those moments, by row."""
    found = list(_met(trade_feed, rows, since, until))
    row, at, price, size, buys = zip(*found, strict=True) if found else ((),) * 5
    return MarketTrades(
        row=np.array(row, dtype=np.intp),
        at=np.array(at, dtype=np.float64),
        price=np.array(price, dtype=np.float64),
        size=np.array(size, dtype=np.float64),
        buys=np.array(buys, dtype=np.bool_),
    )


def _met(
    trade_feed: Sequence[ReportedTrade], rows: Mapping[str, int], since: Floats, until: Floats
) -> Iterator[tuple[int, float, float, float, bool]]:
    for one in trade_feed:
        row, at = rows[one.ticker], one.at.timestamp()
        if not one.is_block and since[row] < at <= until[row]:
            yield row, at, measured(one.price), measured(one.count), one.taker is Side.BUY
