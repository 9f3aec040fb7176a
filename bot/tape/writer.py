"""Writes order books to a tape, so that a crash costs minutes and never the recording.

Rows gather in memory and become numbered parts in a folder beside the tape, each whole as soon
as it has its name; `close` joins them into one file. `tape.read` reads the parts of a recording
that was cut off, and a recorder given the same path carries on from them. The columns are
described in `schema`.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats, complement
from bot.tape.errors import TapeError
from bot.tape.schema import part_files, parts_folder

#: Rows in one piece of the finished file: pieces of a few rows are slow to read.
_ROWS_JOINED: Final = 50_000


class Recorder:
    """A tape being written; use it in a `with` block, which makes the tape whole at its end.

    Raises TapeError on entry if something is at `path` already, and on any error of the disk.
    """

    def __init__(
        self,
        path: Path,
        segment: str,
        *,
        rows_per_part: int = 5_000,
        seconds_per_part: float = 300.0,
    ) -> None:
        """`segment` names this recording. A crash loses at most one part's rows or seconds."""
        self._path = path
        self._folder = parts_folder(path)
        self._segment = segment
        self._breaks = 0
        self._rows_per_part = rows_per_part
        self._seconds_per_part = seconds_per_part
        self._pending: list[pa.Table] = []
        self._pending_since = np.inf

    def __enter__(self) -> Self:
        if self._path.exists():
            raise TapeError(f"{self._path} is there already; move it or choose another name")
        with _disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def record(
        self,
        books: Books,
        *,
        seconds_to_close: Floats | None = None,
        volume: Floats | None = None,
        open_interest: Floats | None = None,
    ) -> None:
        """Add these books, seen at whole milliseconds, and what else is known of each.

        The optional columns have shape (len(books),), NaN where unknown.
        """
        if not len(books):
            return
        segment = f"{self._segment}/{self._breaks}"
        known = {
            "secs_to_close": seconds_to_close,
            "volume": volume,
            "open_interest": open_interest,
        }
        self._pending.append(_rows(books, segment, known))
        self._pending_since = min(self._pending_since, float(books.seen_at.min()))
        seconds = float(books.seen_at.max()) - self._pending_since
        rows = sum(table.num_rows for table in self._pending)
        if rows >= self._rows_per_part or seconds >= self._seconds_per_part:
            self.flush()

    def break_off(self) -> None:
        """Books were missed: what comes next is another segment, not a continuation."""
        self._breaks += 1

    def flush(self) -> None:
        """Write the waiting rows as a part."""
        if not self._pending:
            return
        table = pa.concat_tables(self._pending, promote_options="default")
        with _disk(self._folder):
            _write_whole(table, self._folder / f"{self._next_number():06d}.parquet")
        self._pending.clear()
        self._pending_since = np.inf

    def close(self) -> None:
        """Join all parts, also of a recording cut off, into the tape; no tape without books."""
        self.flush()
        parts = part_files(self._folder)
        with _disk(self._path):
            if parts:
                joined = self._folder / "joined.tmp"
                _join(parts, joined)
                joined.replace(self._path)
            shutil.rmtree(self._folder)

    def _next_number(self) -> int:
        taken = [int(file.stem) for file in self._folder.iterdir() if file.stem.isdecimal()]
        return max(taken, default=0) + 1


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turns errors of the disk into a TapeError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise TapeError(f"{path}: cannot be written ({error}); is the disk full?") from error


def _write_whole(table: pa.Table, part: Path) -> None:
    """A file that gets its name only once all of it is on disk."""
    temporary = part.with_suffix(".tmp")
    # Exclusive: a second recorder on the same tape must fail, not overwrite.
    with temporary.open("xb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(part)


def _join(parts: Sequence[Path], joined: Path) -> None:
    """Join all parts in one file, with one piece of it in memory at a time."""
    schema = pa.unify_schemas([pq.read_schema(part) for part in parts])
    pieces = [schema.empty_table()]
    with pq.ParquetWriter(joined, schema, compression="zstd") as writer:
        for part in parts:
            with pq.ParquetFile(part) as file:
                pieces.append(file.read())
            if sum(piece.num_rows for piece in pieces) >= _ROWS_JOINED:
                writer.write_table(pa.concat_tables(pieces, promote_options="default"))
                pieces = [schema.empty_table()]
        writer.write_table(pa.concat_tables(pieces, promote_options="default"))


def _rows(books: Books, segment: str, known: dict[str, Floats | None]) -> pa.Table:
    absent = np.full(len(books), np.nan)
    table = {
        "ts_ms": pa.array(np.rint(books.seen_at * 1000).astype(np.int64)),
        "ticker": pa.array(books.tickers, pa.string()),
        "segment": pa.array([segment] * len(books), pa.string()),
    }
    for name, values in known.items():
        table[name] = _column(absent if values is None else values)
    table |= _side("yes_bid", books.bid_price, books.bid_size)
    table |= _side("no_bid", complement(books.ask_price), books.ask_size)
    return pa.table(table)


def _side(side: str, price: Floats, size: Floats) -> dict[str, pa.Array]:
    """One side's columns, no deeper than its deepest book."""
    is_absent = np.isnan(price)
    levels = max(1, int(np.count_nonzero(~is_absent.all(axis=0))))
    columns: dict[str, pa.Array] = {}
    for level in range(levels):
        columns[f"{side}_px{level + 1}"] = _column(price[:, level], is_absent[:, level])
        columns[f"{side}_sz{level + 1}"] = _column(size[:, level], is_absent[:, level])
    return columns


def _column(values: Floats, is_absent: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers, null where absent or NaN."""
    mask = np.isnan(values) if is_absent is None else is_absent
    return pa.array(values, mask=mask)
