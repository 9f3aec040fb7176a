"""A recording read into arrays: one series per market, long gaps cut."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats, complement
from bot.sim.engine.units import CONTRACT, DOLLAR_TICKS

#: A silence of all markets longer than this is cut down to it, in seconds.
LONGEST_SILENCE = 30.0


@dataclass(frozen=True, slots=True)
class BookSeries:
    """One market's rows in order of time: `at` in seconds from the start of the tape.

    The levels have shape (rows, levels): ticks and units of YES, 0 where there is none. `volume`
    in units and `last` in ticks, 0 where the recording does not say.
    """

    ticker: str
    at: Floats
    bid: NDArray[np.int64]
    bid_size: NDArray[np.int64]
    ask: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    volume: NDArray[np.int64]
    last: NDArray[np.int64]


_NEEDED: Final = frozenset(
    ("ts_ms", "ticker", "yes_bid_px1", "yes_bid_sz1", "no_bid_px1", "no_bid_sz1")
)


def read_tape(path: Path, tickers: Iterable[str] = ()) -> tuple[BookSeries, ...]:
    """The markets of a recording, or some of them, with long gaps cut.

    Columns as in the recordings: `ts_ms`, `ticker`, `yes_bid_px1`, `yes_bid_sz1`, … and the same
    for `no_bid`; `volume` and `last_px` if known. Raises ValueError, naming the file, if it cannot
    be read, lacks a column, or holds none of the markets.
    """
    table = _table(path)
    if tickers:
        table = table.filter(pa.compute.is_in(table["ticker"], pa.array(list(tickers))))
    if not len(table):
        raise ValueError(f"{path} has no rows of the markets asked for; leave them out to see all")
    at = _without_silence(_column(table, "ts_ms") / 1000.0)
    columns = {
        "bid": _whole(_levels(table, "yes_bid_px"), DOLLAR_TICKS),
        "bid_size": _whole(_levels(table, "yes_bid_sz"), CONTRACT),
        "ask": _whole(complement(_levels(table, "no_bid_px")), DOLLAR_TICKS),
        "ask_size": _whole(_levels(table, "no_bid_sz"), CONTRACT),
        "volume": _whole(_column(table, "volume"), CONTRACT),
        "last": _whole(_column(table, "last_px"), DOLLAR_TICKS),
    }
    return tuple(
        BookSeries(ticker, at[rows], **{key: each[rows] for key, each in columns.items()})
        for ticker, rows in _by_market(table, at)
    )


def _table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as a recording of order books: {error}") from error
    if lacking := sorted(_NEEDED - set(table.schema.names)):
        raise ValueError(f"{path} is no recording of order books: it has no {', '.join(lacking)}")
    return table


def _by_market(table: pa.Table, at: Floats) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Each market with its rows in order of time."""
    names = np.array(table["ticker"].to_pylist())
    for ticker in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == ticker)
        yield ticker, rows[np.argsort(at[rows], kind="stable")]


def _column(table: pa.Table, name: str) -> Floats:
    """A column as floats, NaN for nothing; all 0 if the recording does not have it."""
    if name not in table.schema.names:
        return np.zeros(len(table))
    values: Floats = table[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _levels(table: pa.Table, prefix: str) -> Floats:
    """Shape (rows, levels), NaN where there is none."""
    depth = sum(name.startswith(prefix) for name in table.schema.names)
    return np.stack([_column(table, f"{prefix}{level + 1}") for level in range(depth)], axis=1)


def _without_silence(at: Floats) -> Floats:
    """Seconds from the first row, with every silence of all markets cut to the longest allowed."""
    times, place = np.unique(at, return_inverse=True)
    passed = np.concatenate([[0.0], np.cumsum(np.minimum(np.diff(times), LONGEST_SILENCE))])
    cut: Floats = passed[place]
    return cut


def _whole(values: Floats, scale: int) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = np.rint(np.nan_to_num(values) * scale).astype(np.int64)
    return whole
