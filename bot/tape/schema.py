"""The tape's file format: its columns, its parts, and reading them with their types checked.

One row for each book: `ts_ms` (receive clock, ms UTC), `ticker`, `yes_bid_px1..n`,
`yes_bid_sz1..n` and the same for `no_bid` (each side's bids in its own dollar prices, with
contracts; level 1 is the best), and where known `secs_to_close`, `volume`, `open_interest`,
`segment` (an unbroken recording) and what takers traded since the row before (`BARS`). Other
columns are left alone. What the rows mean is in `tape`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bot.tape.errors import TapeError

SIDES: Final = ("yes_bid", "no_bid")
WORDS: Final = ("ticker", "segment")
#: Columns a tape may lack; where one is missing, every value is NaN.
OPTIONAL: Final = ("secs_to_close", "volume", "open_interest")
DAY_MS: Final = 86_400_000
#: Trades since the row before of the same market, and what takers bought and sold, in contracts.
BARS: Final = ("trades_in_bar", "buy_vol_in_bar", "sell_vol_in_bar")


#: Rows decoded at once where only some of a file are wanted, or only their times.
_BATCH: Final = 16_384


class TimeWindow(NamedTuple):
    """A stretch of time, ms UTC: from `begin` up to, not with, `end`."""

    begin: float
    end: float

    @classmethod
    def of_day(cls, day: int) -> "TimeWindow":
        """A UTC day, counted from 1970."""
        return cls(day * DAY_MS, (day + 1) * DAY_MS)


def table(path: Path, *, sizes_required: bool = True, within: TimeWindow | None = None) -> pa.Table:
    """The columns of the tape at `path` as one pyarrow table: numbers as float64, words as text.

    With a window its rows alone; of each file only the row groups that reach into it are read.
    Raises TapeError for an absent or unreadable file and for missing or mistyped columns.
    """
    parts = [_typed(file, _read_columns(file, sizes_required, within)) for file in _files(path)]
    return pa.concat_tables(parts, promote_options="default").combine_chunks()


def row_count(path: Path) -> int:
    """How many rows a tape has, without reading them. Raises TapeError."""
    return sum(_metadata(file).num_rows for file in _files(path))


def times(path: Path) -> Iterator[NDArray[np.float64]]:
    """When its rows were seen, ms UTC and NaN where not known, piece by piece. Raises TapeError."""
    for file in _files(path):
        try:
            with pq.ParquetFile(file) as parquet:
                _wanted(file, parquet.schema_arrow.names, sizes_required=False)
                for batch in parquet.iter_batches(_BATCH, columns=["ts_ms"], use_threads=False):
                    typed = _typed(file, pa.Table.from_batches([batch]))
                    yield typed["ts_ms"].to_numpy()
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(file, error) from error


def _metadata(file: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def days(path: Path) -> list[int]:
    """The UTC days with a row, counted from 1970; read piece by piece. Raises TapeError."""
    found: set[int] = set()
    for at in times(path):
        found.update(np.unique(at[np.isfinite(at)] // DAY_MS).astype(int).tolist())
    return sorted(found)


def _files(path: Path) -> list[Path]:
    if files := part_files(path):
        return files
    raise TapeError(f"{path}: no such tape; 'python -m bot record --out {path}' makes one")


def _unreadable(file: Path, error: Exception) -> TapeError:
    return TapeError(f"{file}: not a parquet file that can be read: {error}")


def part_files(path: Path) -> list[Path]:
    """The files that make up the tape at `path`: itself, or the parts of one not yet whole."""
    if path.is_file():
        return [path]
    folder = path if path.is_dir() else parts_folder(path)
    return sorted(folder.glob("*.parquet"))


def parts_folder(path: Path) -> Path:
    """The folder of a tape's parts while it is being recorded."""
    return path.with_name(path.name + ".parts")


def price_names(side: str, names: Sequence[str]) -> list[str]:
    """The price columns of a side from level 1 to the deepest named, those missing too."""
    matches = [re.fullmatch(rf"{side}_px([1-9]\d{{0,2}})", name) for name in names]
    deepest = max((int(match[1]) for match in matches if match), default=1)
    return [f"{side}_px{level}" for level in range(1, deepest + 1)]


def size_name(price_name: str) -> str:
    """The column of the sizes that belong to a column of prices."""
    return price_name.replace("_px", "_sz")


def _read_columns(file: Path, sizes_required: bool, within: TimeWindow | None) -> pa.Table:
    try:
        with pq.ParquetFile(file) as parquet:
            wanted = _wanted(file, parquet.schema_arrow.names, sizes_required)
            if within is None:
                return parquet.read(columns=wanted)
            return _rows_within(parquet, wanted, within)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from error


def _rows_within(parquet: pq.ParquetFile, wanted: list[str], within: TimeWindow) -> pa.Table:
    """The rows of a window, never more of the others at once than a batch."""
    groups = [
        group for group in range(parquet.num_row_groups) if _reaches_into(parquet, group, within)
    ]
    none = parquet.schema_arrow.empty_table().select(wanted)
    batches = parquet.iter_batches(_BATCH, row_groups=groups, columns=wanted, use_threads=False)
    tables = [_only_within(pa.Table.from_batches([batch]), within) for batch in batches]
    return pa.concat_tables([none, *tables], promote_options="default")


def _only_within(batch: pa.Table, within: TimeWindow) -> pa.Table:
    at = batch["ts_ms"]
    return batch.filter(
        pc.and_(pc.greater_equal(at, within.begin), pc.less(at, within.end)),
    )


def _reaches_into(parquet: pq.ParquetFile, group: int, within: TimeWindow) -> bool:
    """Whether a row group may have rows of the window; one that does not say may."""
    columns = parquet.metadata.row_group(group)
    # `parquet.schema` would tie the file's metadata into a knot that only the garbage collector
    # undoes, and rarely: a long tape's take megabytes, in each window anew.
    places = (columns.column(place) for place in range(columns.num_columns))
    known = next(one.statistics for one in places if one.path_in_schema == "ts_ms")
    if known is None or not known.has_min_max:
        return True
    return bool(known.max >= within.begin and known.min < within.end)


def _wanted(file: Path, names: Sequence[str], sizes_required: bool) -> list[str]:
    prices = [price for side in SIDES for price in price_names(side, names)]
    sizes = [size_name(price) for price in prices]
    if missing := [name for name in ("ts_ms", "ticker", *prices) if name not in names]:
        raise TapeError(
            f"{file}: no column {', '.join(missing)}; a tape has ts_ms, ticker, and for each level "
            "from 1 yes_bid_px, yes_bid_sz, no_bid_px, no_bid_sz"
        )
    missing = [name for name in sizes if name not in names]
    if missing and sizes_required:
        raise TapeError(
            f"{file}: no column {', '.join(missing)}; prices without sizes are no order book: add "
            "the contracts of each level, or use the file only where prices alone are measured"
        )
    wanted = [
        name for name in ("ts_ms", *WORDS, *OPTIONAL, *BARS, *prices, *sizes) if name in names
    ]
    if twice := [name for name in wanted if names.count(name) > 1]:
        raise TapeError(f"{file}: column {', '.join(twice)} is there twice; keep one")
    return wanted


def _mistyped(file: Path, field: pa.Field, wanted: str) -> TapeError:
    return TapeError(
        f"{file}: column {field.name} is {field.type}; write it as {wanted}, null if absent"
    )


def _typed(file: Path, part: pa.Table) -> pa.Table:
    """The same columns as float64, and as text where they are words."""
    for place, field in enumerate(part.schema):
        is_word = field.name in WORDS
        if not _fits(field.type, is_word):
            raise _mistyped(file, field, "text" if is_word else "a number (float64)")
        kind = pa.string() if is_word else pa.float64()
        part = part.set_column(place, field.name, part[field.name].cast(kind, safe=False))
    return part


def _fits(kind: pa.DataType, is_word: bool) -> bool:
    if pa.types.is_null(kind):
        return True
    if not is_word:
        number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
        return any(fits(kind) for fits in number)
    if pa.types.is_dictionary(kind):
        return _fits(kind.value_type, is_word)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
