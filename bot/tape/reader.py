"""Recorded order books: a tape as a value, and walking it in time or across markets.

The columns of the file are described in `schema`; writing is in `writer`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bot.core.market.orderbook import PRICE_DIGITS, Books, Floats, Ladder, columns
from bot.tape import schema, stream_reader, stream_rows
from bot.tape.errors import TapeError
from bot.tape.schema import TimeWindow
from bot.tape.trades import NO_TRADES, TapeTrades

__all__ = [
    "NO_TIME",
    "Continuation",
    "Rows",
    "Tape",
    "TapeError",
    "TimeWindow",
    "cycle_rows",
    "days",
    "is_time",
    "joined",
    "market_numbers",
    "next_window",
    "no_books",
    "read",
    "rows_by_market",
    "shown_rows",
    "taken",
    "transposed",
]

Rows = NDArray[np.intp]

#: 2000 and 2100: a time outside was written in another unit than milliseconds.
_EARLIEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000
#: Why a row is left out whose time cannot be true.
NO_TIME: Final = "the row has no time in milliseconds"
#: What to do where no row is sound.
_REMEDIES: Final = {
    NO_TIME: "write ts_ms in milliseconds since 1970 (UTC), not in seconds or microseconds",
    "a price is not inside (0, 1)": "write prices in dollars, 0.42 for 42 cents",
}


@dataclass(frozen=True, slots=True)
class Tape:
    """All sound books of a recording in time order, and what else was known of each row.

    `seconds_to_close`, `volume` and `open_interest` (contracts) have shape (len(books),), NaN
    where unknown; `segment` numbers the unbroken recordings: never difference across two.
    `skipped` counts the rows left out, by reason; `trades` are those that takers did, where the
    tape says.
    """

    books: Books
    seconds_to_close: Floats
    volume: Floats
    open_interest: Floats
    segment: Rows
    skipped: Mapping[str, int]
    trades: TapeTrades = NO_TRADES


def days(path: Path) -> list[int]:
    """The UTC days of a tape, counted from 1970, without reading it whole. Raises TapeError."""
    if stream_rows.is_stream(path):
        raise TapeError(f"{path}: a recorded stream is folded from its beginning, not by day")
    return schema.days(path)


def read(path: Path, *, sizes_required: bool = True, day: int | None = None) -> Tape:
    """The tape at `path`: a file, a folder of parts, a recording that was cut off, or a stream.

    Broken rows are left out and counted, never repaired. Only with `sizes_required=False` may
    size columns be missing: then every size is NaN and the books serve to measure prices only.
    With a `day` of `days`, only that one is read, in the memory of one.
    Raises TapeError if the file cannot be read, lacks a column, or has no sound book.
    """
    if stream_rows.is_stream(path):
        return _of_stream(path)
    within = None if day is None else TimeWindow.of_day(day)
    tape = next_window(path, within, Continuation(), sizes_required=sizes_required)
    if not len(tape.books):
        raise TapeError(no_books(path, tape.skipped))
    return tape


@dataclass(slots=True)
class Continuation:
    """What goes over from one window of a tape to the next.

    `segments` numbers their names in order of appearance, `latest` is that of each market's last
    row so far.
    """

    segments: dict[str | None, int] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)


def next_window(
    path: Path, within: TimeWindow | None, before: Continuation, *, sizes_required: bool = True
) -> Tape:
    """The rows of a window of a tape of books, which may be none, or the tape; see `read`."""
    table = schema.table(path, sizes_required=sizes_required, within=within)
    yes, no = (_ladder(table, side) for side in schema.SIDES)
    rows, skipped = _readable(table, (yes, no))
    # Many rows share a ticker, so while rows are checked each is named by its number.
    labels = tuple([str(row) for row in rows.tolist()])
    seen_at = _numbers(table, "ts_ms")[rows] / 1000
    books, broken = columns(labels, seen_at, _picked(yes, rows), _picked(no, rows))
    skipped.update(broken.values())
    return _tape(table, books, dict(skipped), before)


def _tape(table: pa.Table, books: Books, skipped: dict[str, int], before: Continuation) -> Tape:
    """The tape of sound books, which are still named by the number of their row."""
    rows = np.array([int(label) for label in books.tickers], dtype=np.intp)
    books = replace(books, tickers=_tickers(table, rows))
    segment = _segments(table, before)[rows]
    bars = np.column_stack([_numbers(table, name)[rows] for name in schema.BARS])
    trades = TapeTrades.counted(books.tickers, books.seen_at, segment, bars, before.latest)
    before.latest |= dict(zip(books.tickers, segment.tolist(), strict=True))
    return Tape(
        books if _is_sized(table) else _without_sizes(books),
        seconds_to_close=_numbers(table, "secs_to_close")[rows],
        volume=_numbers(table, "volume")[rows],
        open_interest=_numbers(table, "open_interest")[rows],
        segment=segment,
        skipped=skipped,
        trades=trades,
    )


def no_books(path: Path, skipped: Mapping[str, int]) -> str:
    """That no row of a tape is sound, why, and what to do."""
    if not skipped:
        return f"{path}: no sound order book in it: it has no rows; record for longer"
    reasons = ", ".join(f"{rows:,} × {reason}" for reason, rows in skipped.items())
    remedies = "; ".join(_REMEDIES[reason] for reason in skipped if reason in _REMEDIES)
    why = f"{path}: no sound order book in it; rows left out: {reasons}"
    return f"{why}; {remedies}" if remedies else why


def taken(tape: Tape, rows: Sequence[int]) -> Tape:
    """The tape with these rows only, in rising order."""
    index = np.array(rows, dtype=np.intp)
    return replace(
        tape,
        books=tape.books.take(index),
        seconds_to_close=tape.seconds_to_close[index],
        volume=tape.volume[index],
        open_interest=tape.open_interest[index],
        segment=tape.segment[index],
    )


def joined(tapes: Sequence[Tape]) -> Tape:
    """Several tapes as one, in time order; a market may be on several.

    Segments stay apart. Skipped rows are added up.
    """
    if len(tapes) == 1:
        return tapes[0]
    books = Books.joined([tape.books for tape in tapes])
    order = np.argsort(books.seen_at, kind="stable")
    starts = np.cumsum([0, *(int(tape.segment.max(initial=0)) + 1 for tape in tapes)])
    return Tape(
        books=books.take(order),
        seconds_to_close=np.concatenate([tape.seconds_to_close for tape in tapes])[order],
        volume=np.concatenate([tape.volume for tape in tapes])[order],
        open_interest=np.concatenate([tape.open_interest for tape in tapes])[order],
        segment=np.concatenate(
            [tape.segment + start for tape, start in zip(tapes, starts[:-1], strict=True)]
        )[order],
        skipped=dict(sum((Counter(tape.skipped) for tape in tapes), Counter())),
        trades=TapeTrades.joined([tape.trades for tape in tapes]),
    )


def cycle_rows(books: Books, every: float) -> Iterator[Rows]:
    """The rows of each cycle of `every` seconds on the receive clock: a market's latest book.

    `books` are in time order; so are the cycles, and the rows of each. A market without a book
    in a cycle is absent from it; a cycle without books does not appear. Raises ValueError for
    books out of order and for `every` not above 0.
    """
    return _runs(*shown_rows(books, every))


def shown_rows(books: Books, every: float) -> tuple[Rows, Rows]:
    """The same as one: the rows that count, and the number of each one's cycle. Raises ValueError.

    Cycles are numbered from 0, without those that have no book.
    """
    if not every > 0:
        raise ValueError(f"a cycle cannot last {every} seconds; give a number above 0")
    if np.any(books.seen_at[1:] < books.seen_at[:-1]):
        raise ValueError("books are not in time order")
    cycle = np.cumsum(_differs(np.floor(books.seen_at / every))) - 1
    market = market_numbers(books.tickers)
    # In time order the last row of a cycle and market is the one that stays.
    key = cycle * (int(market.max(initial=-1)) + 1) + market
    order = np.argsort(key, kind="stable")
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = key[order][1:] != key[order][:-1]
    rows = np.sort(order[is_last])
    return rows, cycle[rows]


def transposed(books: Books) -> Iterator[Rows]:
    """Rows for rules with memory: the first of every market, then the second of each."""
    market = market_numbers(books.tickers)
    order = np.argsort(market, kind="stable")
    starts = np.flatnonzero(_differs(market[order]))
    turn = np.empty_like(order)
    turn[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    rows = np.argsort(turn, kind="stable")
    return _runs(rows, turn[rows])


def _runs(rows: Rows, key: NDArray[Any]) -> Iterator[Rows]:
    """The rows, cut where the key changes."""
    edges = [*np.flatnonzero(_differs(key)).tolist(), len(rows)]
    return (rows[start:end] for start, end in pairwise(edges))


def _differs(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each value differs from the one before; the first does."""
    differs = np.ones(len(values), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def market_numbers(tickers: Sequence[str]) -> Rows:
    """A number for each ticker in order of appearance, from 0; shape (len(tickers),)."""
    numbers = {ticker: number for number, ticker in enumerate(dict.fromkeys(tickers))}
    return np.fromiter(map(numbers.__getitem__, tickers), np.intp, len(tickers))


def rows_by_market(tickers: Sequence[str], rows: Rows | None = None) -> dict[str, Rows]:
    """The rows of each market, or those of them that are named, in their order."""
    market = market_numbers(tickers)
    picked = np.arange(len(market)) if rows is None else rows
    order = picked[np.argsort(market[picked], kind="stable")]
    starts = np.flatnonzero(_differs(market[order])).tolist()
    parts = [order[start:end] for start, end in pairwise([*starts, len(order)])]
    return {tickers[part[0]]: part for part in parts}


def is_time(ts_ms: Floats) -> NDArray[np.bool_]:
    """Whether each is a time in milliseconds UTC; shape (N,)."""
    return (ts_ms >= _EARLIEST_MS) & (ts_ms < _LATEST_MS)


def _readable(table: pa.Table, ladders: Sequence[Ladder]) -> tuple[Rows, Counter[str]]:
    """The rows that say which market, when, and whole levels, by time; and what others lack."""
    ts_ms = _numbers(table, "ts_ms")
    faults = {
        NO_TIME: ~is_time(ts_ms),
        "the row has no ticker": pc.equal(pc.fill_null(table["ticker"], ""), "").to_numpy(),
        "a level has a price or a size alone": np.logical_or(*map(_has_half_levels, ladders)),
    }
    is_sound = np.ones(len(ts_ms), dtype=np.bool_)
    skipped: Counter[str] = Counter()
    for reason, is_broken in faults.items():
        skipped[reason] += int(np.count_nonzero(is_broken & is_sound))
        is_sound &= ~is_broken
    rows = np.flatnonzero(is_sound)
    return rows[np.argsort(ts_ms[rows], kind="stable")], +skipped


def _of_stream(path: Path) -> Tape:
    """The books that cycles read of a recorded stream, by time."""
    found = stream_reader.folded(path)
    if not found.books:
        raise TapeError(no_books(path, found.skipped))
    books = stream_reader.together(found.books)
    rows = np.argsort(books.seen_at, kind="stable")
    closes, volume = np.array(found.seconds_to_close), np.array(found.volume)
    return Tape(
        books.take(rows),
        seconds_to_close=closes[rows],
        volume=volume[rows],
        open_interest=np.full(len(rows), np.nan),
        segment=np.array(found.segment, dtype=np.intp)[rows],
        skipped=dict(found.skipped),
        trades=found.traded(),
    )


def _ladder(table: pa.Table, side: str) -> Ladder:
    names = schema.price_names(side, table.column_names)
    price = np.column_stack([_numbers(table, name) for name in names])
    if _is_sized(table):
        sizes = [_numbers(table, schema.size_name(name)) for name in names]
        size = np.column_stack(sizes)
    else:
        size = np.where(np.isnan(price), np.nan, 1.0)
    # Prices have few digits; a file in 32 bits, or one that computed 1 - 0.63, has more.
    return Ladder(np.round(price, PRICE_DIGITS), size)


def _has_half_levels(ladder: Ladder) -> NDArray[np.bool_]:
    has_price, has_size = ~np.isnan(ladder.price), np.nan_to_num(ladder.size, nan=0.0) != 0
    half: NDArray[np.bool_] = np.any(
        has_price & np.isnan(ladder.size) | ~has_price & has_size, axis=1
    )
    return half


def _picked(ladder: Ladder, rows: Rows) -> Ladder:
    return Ladder(ladder.price[rows], ladder.size[rows])


def _is_sized(table: pa.Table) -> bool:
    names = table.column_names
    prices = [name for side in schema.SIDES for name in schema.price_names(side, names)]
    return all(schema.size_name(price) in names for price in prices)


def _without_sizes(books: Books) -> Books:
    return replace(
        books,
        bid_size=np.where(np.isnan(books.bid_price), 0.0, np.nan),
        ask_size=np.where(np.isnan(books.ask_price), 0.0, np.nan),
    )


def _numbers(table: pa.Table, name: str) -> Floats:
    """A column, null as NaN; all NaN if there is none."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _tickers(table: pa.Table, rows: Rows) -> tuple[str, ...]:
    coded = pc.fill_null(table["ticker"], "").combine_chunks().dictionary_encode()
    words = coded.dictionary.to_pylist()
    return tuple([words[code] for code in coded.indices.to_numpy()[rows].tolist()])


def _segments(table: pa.Table, before: Continuation) -> Rows:
    """The segment of each row as a number; one number if there is no such column."""
    if "segment" not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.intp)
    coded = table["segment"].combine_chunks().dictionary_encode(null_encoding="encode")
    known = before.segments
    numbers = [known.setdefault(name, len(known)) for name in coded.dictionary.to_pylist()]
    found: Rows = np.array(numbers, dtype=np.intp)[coded.indices.to_numpy()]
    return found
