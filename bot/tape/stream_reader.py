"""A recorded stream as a tape: the books that cycles read, rebuilt from the recorded changes.

Each row of the tape is a book as a cycle saw it, to the microsecond and the last contract; so a
replay decides as the bot did. What cannot be folded, because its beginning is not there any more,
is left out and counted.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.core.market.book_store import PRICE_UNITS, SIZE_UNITS, BookStore
from bot.core.market.market import Side
from bot.core.market.orderbook import Books, Floats
from bot.tape.errors import TapeError
from bot.tape.stream_rows import RowKind, StreamRow, parts
from bot.tape.trades import RecordedTrade, TapeTrades

#: Why a book that a cycle read is not on the tape.
NOT_WHOLE: Final = "the beginning of the book is not in the recording"


@dataclass(slots=True)
class StreamTape:
    """What was read of a recording, row by row; `segment` counts the breaks of the recording."""

    books: list[Books] = field(default_factory=list)
    tickers: list[str] = field(default_factory=list)
    seconds_to_close: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    trades: list[RecordedTrade] = field(default_factory=list)
    breaks: list[float] = field(default_factory=list)

    def traded(self) -> TapeTrades:
        """The trades of all markets that were read; none if the stream had none."""
        if not self.trades:
            return TapeTrades()
        return TapeTrades.of(self.trades, set(self.tickers), self.breaks)


def _table(part: Path) -> pa.Table:
    try:
        return pq.read_table(part)
    except (OSError, ValueError) as error:
        raise TapeError(f"{part}: not a part of a recording that can be read: {error}") from error


def read_rows(folder: Path) -> Iterator[StreamRow]:
    """All rows of a recording in their order. Raises TapeError for a part that cannot be read."""
    for part in parts(folder):
        table = _table(part)
        columns = [table[name].to_pylist() for name in StreamRow._fields]
        yield from map(StreamRow._make, zip(*columns, strict=True))


def folded(folder: Path) -> StreamTape:
    """The books that cycles read, in the order in which they did. Raises TapeError."""
    return _Fold().run(read_rows(folder))


class _Fold:
    def __init__(self) -> None:
        self._store = BookStore()
        self._tape = StreamTape()
        self._markets: dict[str, tuple[float, float]] = {}
        self._snapshot: dict[bool, dict[int, int]] = {}
        self._levels_left = 0
        self._breaks = 0

    def run(self, rows: Iterator[StreamRow]) -> StreamTape:
        for row in rows:
            self._take(row)
        self._describe_waiting()
        return self._tape

    def _trade(self, row: StreamRow) -> None:
        at, price, size = row.at_us / 1_000_000, row.price / PRICE_UNITS, row.size / SIZE_UNITS
        self._tape.trades.append(RecordedTrade(row.ticker, at, size, price, row.is_bid))

    def _take(self, row: StreamRow) -> None:
        if not self._tape.breaks:
            self._tape.breaks.append(row.at_us / 1_000_000)
        match row.kind:
            case RowKind.CHANGE:
                side = Side.BUY if row.is_bid else Side.SELL
                self._store.change(row.ticker, side, row.price, row.size)
            case RowKind.SNAPSHOT:
                self._snapshot, self._levels_left = {True: {}, False: {}}, row.size
                self._whole(row.ticker)
            case RowKind.LEVEL if self._levels_left:
                self._snapshot[row.is_bid][row.price] = row.size
                self._levels_left -= 1
                self._whole(row.ticker)
            case RowKind.BREAK:
                self._break(row)
            case RowKind.READ:
                self._read(row)
            case RowKind.TRADE:
                self._trade(row)
            case RowKind.MARKET:
                self._markets[row.ticker] = row.event_ms / 1_000, row.size / SIZE_UNITS

    def _whole(self, ticker: str) -> None:
        if not self._levels_left:
            self._store.replace(ticker, self._snapshot[True], self._snapshot[False])

    def _break(self, row: StreamRow) -> None:
        if row.ticker:
            self._store.drop([row.ticker])
            return
        self._tape.breaks.append(row.at_us / 1_000_000)
        self._store = BookStore()
        self._breaks += 1

    def _read(self, row: StreamRow) -> None:
        if self._store.fault(row.ticker) is not None:
            self._tape.skipped[NOT_WHOLE] += 1
            return
        at = row.at_us / 1_000_000
        self._tape.books.append(self._store.read((row.ticker,), np.array([at])))
        self._tape.tickers.append(row.ticker)
        closes, volume = self._markets.get(row.ticker, (np.nan, np.nan))
        self._tape.seconds_to_close.append(closes - at)
        self._tape.volume.append(volume)
        self._tape.segment.append(self._breaks)

    def _describe_waiting(self) -> None:
        """The first cycle reads a book before its market is described: what came later counts."""
        for row, ticker in enumerate(self._tape.tickers):
            if np.isnan(self._tape.seconds_to_close[row]) and ticker in self._markets:
                closes, volume = self._markets[ticker]
                at = float(self._tape.books[row].seen_at[0])
                self._tape.seconds_to_close[row] = closes - at
                self._tape.volume[row] = volume


def together(books: list[Books]) -> Books:
    """Single books as columns, with all levels."""
    width = max((max(b.bid_price.shape[1], b.ask_price.shape[1]) for b in books), default=1)
    return Books(
        tuple(ticker for book in books for ticker in book.tickers),
        np.concatenate([book.seen_at for book in books]),
        _stacked([book.bid_price for book in books], width, np.nan),
        _stacked([book.bid_size for book in books], width, 0.0),
        _stacked([book.ask_price for book in books], width, np.nan),
        _stacked([book.ask_size for book in books], width, 0.0),
    )


def _stacked(matrices: list[Floats], width: int, filler: float) -> Floats:
    whole = np.full((len(matrices), width), filler)
    for row, matrix in enumerate(matrices):
        whole[row, : matrix.shape[1]] = matrix[0]
    return whole
