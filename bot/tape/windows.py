"""Tapes too large for memory: read window by window, in time order, as often as asked.

A window is as long as it takes for so many rows, whole cycles of a reader that goes through the
tape in such. Only tapes of books are read like that; a recorded stream is folded from its
beginning and is one window.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Final, Self

import numpy as np

from bot.core.market.orderbook import Floats
from bot.tape import reader, schema, stream_rows
from bot.tape.errors import TapeError
from bot.tape.reader import Continuation, Tape, TimeWindow

#: Rows read at once: enough to be fast, and about 100 MB with all that is made of them.
WINDOW_ROWS: Final = 60_000
#: Seconds that a window covers at least, so that the next one holds what follows its last rows.
SHORTEST: Final = 65.0


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """A market's first and last row; of the last the close and the volume, NaN where unknown.

    Times are seconds UTC.
    """

    first: float
    last: float
    closes: float
    volume: float


@dataclass(frozen=True, slots=True)
class TapeContents:
    """All of a tape but its books: its markets in order of appearance, rows left out by reason.

    `uncounted` are the markets with a row that does not say what was traded.
    """

    books: int
    markets: Mapping[str, RecordedMarket]
    skipped: Mapping[str, int]
    uncounted: frozenset[str]


@dataclass(frozen=True, slots=True)
class WindowedTape:
    """A tape on the disk, in windows; one that is small is at hand as a `whole`.

    `untimed` counts the rows that are in no window, for their time is broken.
    """

    path: Path
    windows: tuple[TimeWindow, ...] = ()
    untimed: int = 0
    whole: Tape | None = None

    def contents(self) -> TapeContents:
        """Read it once for what it holds. Raises TapeError if it has no sound book."""
        markets: dict[str, RecordedMarket] = {}
        skipped, uncounted, books = Counter[str](), set[str](), 0
        for tape in self.tapes():
            note(markets, tape)
            skipped.update(tape.skipped)
            uncounted |= set(tape.books.tickers) - tape.trades.markets.keys()
            books += len(tape.books)
        if self.untimed:
            skipped[reader.NO_TIME] += self.untimed
        if not books:
            raise TapeError(reader.no_books(self.path, skipped))
        return TapeContents(books, markets, dict(skipped), frozenset(uncounted))

    def tapes(self) -> Iterator[Tape]:
        """Each window, which may be without a book. Raises TapeError."""
        if self.whole is not None:
            yield self.whole
        before = Continuation()
        for window in self.windows:
            yield reader.next_window(self.path, window, before)


def planned(
    paths: Sequence[Path], every: float, rows: int = WINDOW_ROWS, day: int | None = None
) -> list[WindowedTape]:
    """The tapes with windows in common, whole cycles of `every` seconds; or a UTC day of them.

    Raises TapeError.
    """
    is_stream = any(stream_rows.is_stream(path) for path in paths)
    if is_stream or sum(map(schema.row_count, paths)) <= rows:
        return [WindowedTape(path, whole=reader.read(path, day=day)) for path in paths]
    scans = [
        _Scan.of(path, every, None if day is None else TimeWindow.of_day(day)) for path in paths
    ]
    windows = _windows(scans, rows)
    return [
        WindowedTape(path, windows, scan.untimed) for path, scan in zip(paths, scans, strict=True)
    ]


def windows_of(
    tapes: Sequence[WindowedTape], contents: Sequence[TapeContents], left_out: Collection[str] = ()
) -> Iterator[Tape]:
    """The windows of tapes as `planned`, joined in time, without some markets. Raises TapeError."""
    for parts in zip(*(tape.tapes() for tape in tapes), strict=True):
        counted = [_counted(part, one.uncounted) for part, one in zip(parts, contents, strict=True)]
        tape = _without(reader.joined(counted), left_out)
        if len(tape.books):
            yield tape


def note(markets: dict[str, RecordedMarket], tape: Tape) -> None:
    """Add the markets of a window to those of the windows before."""
    at = tape.books.seen_at
    for ticker, rows in reader.rows_by_market(tape.books.tickers).items():
        first, last = float(at[rows[0]]), float(at[rows[-1]])
        closes = last + float(tape.seconds_to_close[rows[-1]])
        seen = RecordedMarket(first, last, closes, float(tape.volume[rows[-1]]))
        _add(markets, ticker, seen)


def merged(
    seen: Sequence[Mapping[str, RecordedMarket]], left_out: Collection[str] = ()
) -> dict[str, RecordedMarket]:
    """What several tapes know of their markets, without some."""
    found: dict[str, RecordedMarket] = {}
    for markets in seen:
        for ticker, one in markets.items():
            if ticker not in left_out:
                _add(found, ticker, one)
    return found


def _add(markets: dict[str, RecordedMarket], ticker: str, seen: RecordedMarket) -> None:
    known = markets.get(ticker, seen)
    last = seen if seen.last >= known.last else known
    markets[ticker] = replace(last, first=min(known.first, seen.first))


@dataclass(slots=True)
class _Scan:
    """How many rows each stretch of `SHORTEST` seconds has, when its first is, and the last."""

    rows: Counter[int]
    begin: dict[int, float]
    last: float = -np.inf
    untimed: int = 0

    @classmethod
    def of(cls, path: Path, every: float, within: TimeWindow | None) -> Self:
        found = cls(Counter(), {})
        for times in schema.times(path):
            is_sound = reader.is_time(times)
            found.untimed += int(np.count_nonzero(~is_sound)) if within is None else 0
            at = times[is_sound]
            if within is not None:
                at = at[(at >= within.begin) & (at < within.end)]
            found._add(np.sort(at), every)
        return found

    def _add(self, at: Floats, every: float) -> None:
        if not len(at):
            return
        # As a cycle is numbered, so that no cycle is cut.
        stretch = np.floor(at / 1000 / every).astype(np.int64) // ceil(SHORTEST / every)
        names, first, count = np.unique(stretch, return_index=True, return_counts=True)
        for name, place, rows in zip(names.tolist(), first.tolist(), count.tolist(), strict=True):
            self.rows[name] += rows
            self.begin[name] = min(self.begin.get(name, np.inf), float(at[place]))
        self.last = max(self.last, float(at[-1]))


def _windows(scans: Sequence[_Scan], rows: int) -> tuple[TimeWindow, ...]:
    """Stretches together, as many as have so many rows in all tapes."""
    count = sum((scan.rows for scan in scans), Counter[int]())
    begins: list[float] = []
    held = 0
    for stretch in sorted(count):
        if not begins or held + count[stretch] > rows:
            begins.append(min(scan.begin.get(stretch, np.inf) for scan in scans))
            held = 0
        held += count[stretch]
    ends = [*begins[1:], max((scan.last for scan in scans), default=0.0) + 1]
    return tuple(TimeWindow(begin, end) for begin, end in zip(begins, ends, strict=True))


def _without(tape: Tape, left_out: Collection[str]) -> Tape:
    rows = [row for row, ticker in enumerate(tape.books.tickers) if ticker not in left_out]
    return tape if len(rows) == len(tape.books) else reader.taken(tape, rows)


def _counted(tape: Tape, uncounted: Collection[str]) -> Tape:
    """Of a market of whose trades something is missing elsewhere, none are known here either."""
    return replace(tape, trades=tape.trades.without(uncounted)) if uncounted else tape
