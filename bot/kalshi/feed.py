"""Where order books and trades come from: streamed, or polled over REST.

Both answer the same questions. The streamed feed asks REST for whatever the stream cannot prove,
market by market, so that a stream that fails costs one interval at most and never a wrong book; and
now and then it compares the two.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple, Protocol

import numpy as np

from bot.clock import pause
from bot.core.events import Noted, NoteKind
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.kalshi.batches import BATCH
from bot.kalshi.stream.changes import StreamChanges
from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.wire.books import joined
from bot.kalshi.wire.markets import PublicTrade
from bot.ports.exchange import BookAnswer, Clock, ExchangeError
from bot.ports.views import FeedView

log = logging.getLogger("main")

#: Seconds between two comparisons with REST, of one request's markets each.
COMPARE_EVERY: Final = 30.0
#: Seconds for which a book must not have changed to be compared, and until the second look.
QUIET: Final = 1.0
#: Ages of books remembered, for their quantiles.
AGES: Final = 20_000
#: A market is streamed until so many calls, and so many seconds, have not asked for it.
UNASKED_CALLS: Final = 2
UNASKED_SECONDS: Final = 120.0
#: Levels of a book that a notice shows.
SHOWN: Final = 5


class RestFeed(Protocol):
    """The reads over REST. All may raise ExchangeError."""

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets, now."""
        ...

    async def trades(self, ticker: str, limit: int) -> Sequence[PublicTrade]:
        """The latest trades of a market, newest first."""
        ...

    async def recent_trades(
        self, since: datetime, pages: int
    ) -> tuple[Sequence[PublicTrade], bool, frozenset[str]]:
        """The trades of all markets from `since` on, whether those are all, whose are doubtful."""
        ...


class Connection(Protocol):
    """What keeps the stream connected."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Be connected until the event is set."""
        ...


class ReadListener(Protocol):
    """Records which books cycles read."""

    def on_read(self, books: Books, streamed: frozenset[str]) -> None:
        """Take the books that a cycle reads; which of them are streamed."""
        ...


class _Ages:
    """How old the books were that were read lately, in seconds."""

    def __init__(self) -> None:
        self._ages: deque[float] = deque(maxlen=AGES)

    def note(self, books: Books, at: float) -> None:
        self._ages.extend(np.maximum(at - books.seen_at, 0.0).tolist())

    def quantile(self, share: float) -> float | None:
        """In milliseconds; None before the first book."""
        if not self._ages:
            return None
        return round(float(np.quantile(self._ages, share)) * 1_000, 1)


class PolledFeed:
    """Books and trades are polled each cycle. `reason` is why they are not streamed."""

    def __init__(
        self,
        rest: RestFeed,
        clock: Clock,
        reason: str,
        reader: ReadListener | None = None,
        *,
        is_fault: bool = False,
    ) -> None:
        """With `is_fault` an operator has to fix the reason, and is notified."""
        self._rest = rest
        self._clock = clock
        self._ages = _Ages()
        self._reader = reader
        self._is_fault = self._is_unsaid = is_fault
        self.reason = reason
        self.trades = rest.trades
        self.recent_trades = rest.recent_trades

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets, now. Raises ExchangeError."""
        answer = await self._rest.books(tickers)
        if self._reader is not None:
            self._reader.on_read(answer.books, frozenset())
        self._ages.note(answer.books, self._clock.now().timestamp())
        if not self._is_unsaid:
            return answer
        self._is_unsaid = False
        message = f"Order books are polled: {self.reason}"
        return replace(answer, notes=(Noted(self._clock.now(), NoteKind.FEED_CHANGED, message),))

    def status(self) -> FeedView:
        """The status of the feed."""
        p50, p99 = self._ages.quantile(0.5), self._ages.quantile(0.99)
        return FeedView(
            source="poll",
            reason=self.reason,
            age_ms_p50=p50,
            age_ms_p99=p99,
            fault=self.reason if self._is_fault else None,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Nothing to run."""


class _Asked(NamedTuple):
    """The call of `books` that asked for a market last, and when that was."""

    call: int
    at: float

    def is_over(self, calls: int, at: float) -> bool:
        return calls - self.call > UNASKED_CALLS and at - self.at > UNASKED_SECONDS


class StreamedFeed:
    """Books and trades are streamed; what is not proved is polled."""

    def __init__(
        self,
        rest: RestFeed,
        protocol: StreamProtocol,
        connection: Connection,
        clock: Clock,
        reader: ReadListener | None = None,
    ) -> None:
        self._rest = rest
        self._stream = protocol
        self._connection = connection
        self._reader = reader
        self._clock = clock
        self._ages = _Ages()
        self._notes: list[Noted] = []
        self._asked: dict[str, _Asked] = {}
        self._calls = 0
        self._source: str | None = None
        self._unproved: str | None = "no order book has been asked for yet"
        self._turn = 0
        self.changes = StreamChanges()
        self.take_changed, self.take_urgent = self.changes.take_changed, self.changes.take_urgent
        self.take_scorable = self.changes.take_scorable
        protocol.listeners.append(self.changes)

    def proved_books(self, tickers: Sequence[str]) -> Books:
        """Those of these books that are proved, as they stand; nothing is asked for."""
        return self._stream.books(tickers, self._now()).books

    def read(self, books: Books) -> None:
        """Hear that a decision is made on these proved books, between two cycles."""
        self._read(books, books.tickers)
        self._ages.note(books, self._now())

    def streamed_trades(
        self, since: datetime
    ) -> tuple[Sequence[PublicTrade], frozenset[str]] | None:
        """The trades from `since` on as the stream told them, newest first; None if it told none.

        Last the watched markets of which it did not tell all.
        """
        start = since.timestamp()
        unknown = self._stream.trades_since(self._watched, start)
        return None if unknown is None else (self._stream.trades.since(start), unknown)

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets as they stand; those not proved are asked for.

        Raises ExchangeError only if no book is proved and the exchange answers nothing.
        """
        self._watch(tickers, self._now())
        streamed = self._stream.books(tickers, self._now())
        reasons = iter(streamed.missing.values())
        self._unproved = None if len(streamed.books) else next(reasons, None)
        # Before anything else can happen: it is the state that counts.
        self._read(streamed.books, streamed.books.tickers)
        answer = await self._completed(streamed)
        at = self._now()
        self._ages.note(answer.books, at)
        self._note_source()
        notes, self._notes = tuple(self._notes), []
        skew = self._stream.timing.offset if answer.skew is None else answer.skew
        return replace(answer, skew=skew, notes=notes)

    async def trades(self, ticker: str, limit: int) -> Sequence[PublicTrade]:
        """The latest trades of a market, newest first. Raises ExchangeError."""
        return await self._rest.trades(ticker, limit)

    async def recent_trades(
        self, since: datetime, pages: int
    ) -> tuple[Sequence[PublicTrade], bool, frozenset[str]]:
        """Trades of the watched markets since then: streamed, or asked for if none is."""
        streamed = self.streamed_trades(since)
        if streamed is None or len(streamed[1]) == len(self._watched):
            return await self._rest.recent_trades(since, pages)
        return streamed[0], True, streamed[1]

    def status(self) -> FeedView:
        """The status of the feed."""
        stream, counts = self._stream, self._stream.counts
        fault = stream.general_fault(self._now()) or self._unproved
        return FeedView(
            source="stream" if fault is None else "poll",
            connected=stream.fault is None,
            subscriptions=stream.subscriptions,
            gaps=counts["gaps"],
            resyncs=counts["resyncs"],
            age_ms_p50=self._ages.quantile(0.5),
            age_ms_p99=self._ages.quantile(0.99),
            dropped=counts["overflows"] + counts["unreadable"] + stream.trades.dropped,
            reason=fault,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Be connected, and compare with REST now and then, until the event is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connected(stopping), name="stream")
            group.create_task(self._comparing(stopping), name="stream comparison")

    async def _connected(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._connection.run(stopping)
            except Exception:  # a defect here must cost the stream, not the bot: it polls meanwhile
                log.exception("The stream broke off; it starts again")
                self._stream.lost("a defect: see the log", self._now())
                await pause(stopping, COMPARE_EVERY)

    async def _comparing(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await pause(stopping, COMPARE_EVERY)
            try:
                await self.compare()
            except ExchangeError as error:
                log.info("The books of the stream could not be compared: %s", error)

    async def compare(self) -> int:
        """Compare some books with REST, others each time; how many differ. Raises ExchangeError."""
        suspects = await self._differing(self._turns())
        if not suspects:
            return 0
        # A change may have been on its way: only what stays different is.
        await asyncio.sleep(QUIET)
        differing = await self._differing(tuple(suspects))
        for ticker, polled in differing.items():
            self._differs(ticker, polled)
        return len(differing)

    def _turns(self) -> tuple[str, ...]:
        count = len(self._watched)
        if not count:
            return ()
        start, self._turn = self._turn % count, self._turn + BATCH
        turned = (*self._watched[start:], *self._watched[:start])
        return tuple(islice(turned, BATCH))

    async def _differing(self, tickers: Sequence[str]) -> dict[str, OrderBook]:
        """The books of REST that are not those of the stream, though nothing changed meanwhile."""
        before = self._stream.books(tickers, self._now())
        if not len(before.books):
            return {}
        asked_at = self._now()
        polled = (await self._rest.books(before.books.tickers)).books
        after = self._stream.books(polled.tickers, self._now())
        rows = {ticker: row for row, ticker in enumerate(polled.tickers)}
        return {
            ticker: polled.book(rows[ticker])
            for row, ticker in enumerate(after.books.tickers)
            if self._stream.changed_at(ticker) < asked_at - QUIET
            and after.books.book(row) != polled.book(rows[ticker])
        }

    def _differs(self, ticker: str, polled: OrderBook) -> None:
        shown = self._stream.books((ticker,), self._now()).books
        streamed = _words(shown.book(0)) if len(shown) else "none"
        words = f"{ticker}: the stream has {streamed}; REST has {_words(polled)}"
        self._stream.counts["differences"] += 1
        self._stream.distrust(ticker, "it differs from the book of REST", self._now())
        self._note(NoteKind.BOOK_DIFFERED, words)

    @property
    def _watched(self) -> tuple[str, ...]:
        return tuple(self._asked)

    def _watch(self, tickers: Sequence[str], at: float) -> None:
        """Stream these too, and no longer those that nobody has asked for in a while.

        Who asks for a few, as when one position is closed by hand, gives up none of the others.
        """
        self._calls += 1
        self._asked.update(dict.fromkeys(tickers, _Asked(self._calls, at)))
        streamed = {t: one for t, one in self._asked.items() if not one.is_over(self._calls, at)}
        self._asked = streamed
        self._stream.watch(streamed, at)

    async def _completed(self, streamed: BookAnswer) -> BookAnswer:
        """With the books that the stream does not prove, as REST has them."""
        found = streamed.books
        halted = {t: why for t, why in streamed.missing.items() if self._stream.is_halted(t)}
        asked = tuple([ticker for ticker in streamed.missing if ticker not in halted])
        if not asked:
            return BookAnswer(found, halted=halted)
        try:
            polled = await self._rest.books(asked)
        except ExchangeError as error:
            if not len(found):
                raise
            reasons = {ticker: f"{streamed.missing[ticker]}; {error}" for ticker in asked}
            return BookAnswer(found, reasons, halted=halted)
        self._read(polled.books, ())
        both = joined([BookAnswer(found), polled])
        return BookAnswer(both.books, both.missing, polled.skew, halted=halted)

    def _read(self, books: Books, streamed: Sequence[str]) -> None:
        if self._reader is not None:
            self._reader.on_read(books, frozenset(streamed))

    def _note_source(self) -> None:
        status = self.status()
        if status.source == self._source:
            return
        if self._source is not None or status.source == "stream":
            why = f": {status.reason}" if status.reason else ""
            way = "streamed" if status.source == "stream" else "polled"
            self._note(NoteKind.FEED_CHANGED, f"Order books are {way} from now on{why}")
        self._source = status.source

    def _note(self, kind: NoteKind, message: str) -> None:
        self._notes.append(Noted(self._clock.now(), kind, message))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _words(book: OrderBook) -> str:
    """The best levels of both sides, in dollars and contracts."""
    sides = (("bids", book.bids), ("asks", book.asks))
    texts = [f"{name} {_side(levels)}" for name, levels in sides]
    return ", ".join(texts)


def _side(levels: Sequence[Level]) -> str:
    shown = " ".join(f"{size:.10g}@{price:.10g}" for price, size in map(_plain, levels[:SHOWN]))
    more = f" and {len(levels) - SHOWN} more" if len(levels) > SHOWN else ""
    return f"{shown}{more}" if levels else "none"


def _plain(level: Level) -> tuple[float, float]:
    return measured(level.price), measured(level.size)
