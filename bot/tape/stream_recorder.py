"""Records the stream to disk: by day, in parts, within a bound on space.

Rows gather in memory; every few seconds they become a part, which bears its name only once all of
it is on the disk, so a crash costs those seconds. The oldest parts go when there is no room for
more. Nothing here may hold up the stream or the cycle: what cannot be kept is dropped and counted,
and what comes after it is marked as no continuation.
"""

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from bot.clock import pause
from bot.core.events import Event
from bot.core.market.book_store import PRICE_UNITS, SIZE_UNITS, Levels
from bot.core.market.market import Side
from bot.core.market.orderbook import Books, Floats
from bot.market_data.trade_feed import ReportedTrade
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import Clock
from bot.signals.analyzer import Predictions
from bot.tape.stream_rows import RowKind, StreamRow, write

log = logging.getLogger("main")

#: Seconds between two parts, and rows that make one earlier.
EVERY: Final = 10.0
PART: Final = 50_000
#: Rows that may wait; beyond that they are dropped.
ROOM: Final = 500_000
#: Seconds between two snapshots of everything, so that reading can start in the middle.
WHOLE_EVERY: Final = 600.0
_MEGABYTE: Final = 1_000_000


class Change(Protocol):
    """A change of one level, in units."""

    @property
    def ticker(self) -> str:
        """Its market."""
        ...

    @property
    def side(self) -> Side:
        """The side of the level."""
        ...

    @property
    def price(self) -> int:
        """YES price."""
        ...

    @property
    def by(self) -> int:
        """Contracts added, or taken if below zero."""
        ...

    @property
    def ts_ms(self) -> int:
        """When, by the exchange's clock."""
        ...


class WholeBooks(Protocol):
    """The current books."""

    @property
    def tickers(self) -> tuple[str, ...]:
        """The markets that are recorded."""
        ...

    def fault(self, ticker: str) -> str | None:
        """Why a book is not whole; None if it is."""
        ...

    def levels(self, ticker: str) -> tuple[Levels, Levels]:
        """All bids and asks of a whole one."""
        ...


class StreamRecorder:
    """Receives the stream and what cycles read of it; `run` writes it to disk."""

    def __init__(
        self, folder: Path, store: WholeBooks | None, clock: Clock, most_mb: float
    ) -> None:
        """Without a `store` only books that cycles read are recorded, each as a whole."""
        self._folder = folder
        self._store = store
        self._clock = clock
        self._most = int(most_mb * _MEGABYTE)
        self._rows: list[StreamRow] = [StreamRow(self._now_us(), RowKind.BREAK, "")]
        self._whole_at = 0.0
        self._described: dict[str, tuple[int, int]] = {}
        self.dropped = 0
        self.fault: str | None = None

    # From the stream.

    def on_change(self, change: Change, at: float) -> None:
        """A level of a sound book has changed."""
        is_bid = change.side is Side.BUY
        self._add(
            StreamRow(
                _us(at),
                RowKind.CHANGE,
                change.ticker,
                is_bid,
                change.price,
                change.by,
                change.ts_ms,
            )
        )

    def on_snapshot(self, ticker: str, at: float) -> None:
        """A whole sound book has come."""
        if self._store is not None:
            self._whole(ticker, self._store.levels(ticker), at)

    def on_break(self, tickers: Sequence[str], reason: str, at: float) -> None:  # noqa: ARG002  # the same for all who hear
        """These books are no longer valid."""
        for ticker in tickers:
            self._add(StreamRow(_us(at), RowKind.BREAK, ticker))

    def on_trade(self, trade: ReportedTrade, at: float) -> None:
        """Contracts changed hands."""
        price, size = units(trade.price, PRICE_UNITS), units(trade.count, SIZE_UNITS)
        is_buy = trade.taker is Side.BUY
        self._add(StreamRow(_us(at), RowKind.TRADE, trade.ticker, is_buy, price, size))

    # From the cycle.

    def on_read(self, books: Books, streamed: frozenset[str]) -> None:
        """A cycle has read these; those not `streamed` are written whole."""
        for row, ticker in enumerate(books.tickers):
            at = float(books.seen_at[row])
            if ticker not in streamed:
                self._add(StreamRow(_us(at), RowKind.BREAK, ticker))
                self._whole(ticker, _levels(books, row), at)
            self._add(StreamRow(_us(at), RowKind.READ, ticker))
            if ticker not in streamed:
                self._resume(ticker, at)

    def on_events(self, events: Sequence[Event]) -> None:
        """Nothing: events are stored elsewhere."""

    def on_predictions(self, predictions: Predictions) -> None:
        """Nothing: they follow from the books."""

    async def on_cycle_end(self, result: CycleResult) -> None:
        """What is known of the markets, where it changed."""
        for ticker, market in result.markets.items():
            close_ms = round(market.close_time.timestamp() * 1_000)
            known = close_ms, units(market.volume_24h, SIZE_UNITS)
            if self._described.get(ticker) != known:
                self._described[ticker] = known
                at_us = _us(result.at.timestamp())
                row = StreamRow(at_us, RowKind.MARKET, ticker, size=known[1], event_ms=close_ms)
                self._add(row)

    # To the disk.

    async def run(self, stopping: asyncio.Event) -> None:
        """Write rows to disk until the event is set, then the rest."""
        while not stopping.is_set():
            await pause(stopping, EVERY)
            self._snapshot_all()
            await self.flush()

    async def flush(self) -> None:
        """Write the waiting rows as a part."""
        if all(row.kind == RowKind.BREAK for row in self._rows):
            return
        rows, self._rows = self._rows, []
        try:
            await asyncio.to_thread(self._write, rows)
        except (OSError, pa.ArrowException) as error:
            self._lose(len(rows), f"{self._folder}: cannot be written ({error})")
            return
        self.fault = None

    def _write(self, rows: list[StreamRow]) -> None:
        for day, of_day in _by_day(rows):
            folder = self._folder / day
            folder.mkdir(parents=True, exist_ok=True)
            number = max((int(file.stem) for file in folder.glob("[0-9]*.parquet")), default=0) + 1
            _write_part(of_day, folder / f"{number:06d}.parquet")
        self._prune()

    def _prune(self) -> None:
        """Delete the oldest parts until the rest fits."""
        files = sorted(self._folder.glob("????-??-??/*.parquet"))
        sizes = {file: file.stat().st_size for file in files}
        total = sum(sizes.values())
        for file in files[:-1]:
            if total <= self._most:
                return
            total -= sizes[file]
            file.unlink(missing_ok=True)
            if not any(file.parent.iterdir()):
                file.parent.rmdir()

    def _resume(self, ticker: str, at: float) -> None:
        """The stream goes on from its own book, if that is whole."""
        self._add(StreamRow(_us(at), RowKind.BREAK, ticker))
        if self._store is not None and self._store.fault(ticker) is None:
            self._whole(ticker, self._store.levels(ticker), at)

    def _snapshot_all(self) -> None:
        now = self._clock.now().timestamp()
        if self._store is None or now - self._whole_at < WHOLE_EVERY:
            return
        self._whole_at = now
        for ticker in self._store.tickers:
            if self._store.fault(ticker) is None:
                self._whole(ticker, self._store.levels(ticker), now)

    def _whole(self, ticker: str, sides: tuple[Levels, Levels], at: float) -> None:
        at_us = _us(at)
        levels = [
            StreamRow(at_us, RowKind.LEVEL, ticker, is_bid, price, size)
            for is_bid, side in zip((True, False), sides, strict=True)
            for price, size in side.items()
        ]
        self._add(StreamRow(at_us, RowKind.SNAPSHOT, ticker, size=len(levels)), *levels)

    def _add(self, *rows: StreamRow) -> None:
        if len(self._rows) + len(rows) > ROOM:
            self._lose(len(rows), "more rows wait than there is room for")
            return
        self._rows += rows

    def _lose(self, count: int, reason: str) -> None:
        if self.fault is None:
            log.warning("The recording loses rows: %s", reason)
        self.fault = reason
        self.dropped += count
        # Nothing that follows continues what came before.
        self._rows = [StreamRow(self._now_us(), RowKind.BREAK, "")]
        self._described.clear()
        self._whole_at = 0.0

    def _now_us(self) -> int:
        return _us(self._clock.now().timestamp())


def units(amount: Decimal, per: int) -> int:
    """A decimal amount as whole units."""
    return int(amount * per)


def _us(at: float) -> int:
    return round(at * 1_000_000)


def _levels(books: Books, row: int) -> tuple[Levels, Levels]:
    """One book of columns, in units."""
    bids = _side(books.bid_price[row], books.bid_size[row])
    return bids, _side(books.ask_price[row], books.ask_size[row])


def _side(prices: Floats, sizes: Floats) -> Levels:
    return {
        round(price * PRICE_UNITS): round(size * SIZE_UNITS)
        for price, size in zip(prices.tolist(), sizes.tolist(), strict=True)
        if size
    }


def _write_part(rows: list[StreamRow], part: Path) -> None:
    temporary = part.with_suffix(".tmp")
    write(rows, temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(part)


def _by_day(rows: Sequence[StreamRow]) -> Iterator[tuple[str, list[StreamRow]]]:
    """The rows of each day (UTC), in their order."""

    def day(row: StreamRow) -> str:
        return datetime.fromtimestamp(row.at_us / 1_000_000, UTC).date().isoformat()

    for name, of_day in groupby(rows, day):
        yield name, list(of_day)
