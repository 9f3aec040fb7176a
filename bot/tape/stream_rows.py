"""The rows of a recorded stream: what each kind of row means, and its Parquet columns.

One folder a day (UTC) with numbered parts; rows in the order in which things happened. Prices and
sizes are whole units (`core.market.book_store`), times our clock in microseconds, `event_ms` the
exchange's.
"""

from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq


class RowKind(IntEnum):
    """The kinds of rows."""

    #: A level changed by `size` contracts.
    CHANGE = 0
    #: A whole book begins; `size` levels follow.
    SNAPSHOT = 1
    LEVEL = 2
    #: What was known of a book is not true any more; without a ticker, of any.
    BREAK = 3
    #: Contracts changed hands; `is_bid` if the taker bought.
    TRADE = 4
    #: A cycle read this book as it stood.
    READ = 5
    #: What is known of a market: it closes at `event_ms`, its volume of 24 hours is `size`.
    MARKET = 6


class StreamRow(NamedTuple):
    """One row."""

    at_us: int
    kind: int
    ticker: str
    is_bid: bool = False
    price: int = 0
    size: int = 0
    event_ms: int = 0


SCHEMA: Final = pa.schema(
    [
        ("at_us", pa.int64()),
        ("kind", pa.int8()),
        ("ticker", pa.dictionary(pa.int32(), pa.string())),
        ("is_bid", pa.bool_()),
        ("price", pa.int32()),
        ("size", pa.int64()),
        ("event_ms", pa.int64()),
    ]
)
#: Numbers that rise slowly are written as their differences.
DIFFERENCES: Final = {"at_us": "DELTA_BINARY_PACKED", "event_ms": "DELTA_BINARY_PACKED"}


def write(rows: list[StreamRow], file: Path) -> None:
    """Write rows to a file. May raise OSError."""
    columns = [
        pa.array([row[place] for row in rows], field.type) for place, field in enumerate(SCHEMA)
    ]
    pq.write_table(
        pa.table(columns, schema=SCHEMA),
        file,
        compression="zstd",
        use_dictionary=["ticker", "price", "size"],
        column_encoding=DIFFERENCES,
    )


def parts(folder: Path) -> list[Path]:
    """The parts of a recorded stream in their order: of one day's folder, or of all days in it."""
    return sorted(folder.glob("*.parquet")) or sorted(folder.glob("????-??-??/*.parquet"))


def is_stream(path: Path) -> bool:
    """Whether this is a recorded stream, not a tape of books."""
    if not path.is_dir():
        return False
    found = parts(path)
    try:
        return bool(found) and {"kind", "at_us"} <= set(pq.read_schema(found[0]).names)
    except (OSError, pa.ArrowException):
        # The reader of tapes reports what is wrong with the file.
        return False
