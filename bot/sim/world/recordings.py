"""Recordings of real books for comparison: as frames, or as figures where there is no more."""

import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats, complement
from bot.sim.world.experiment import DEPTH, Frames, frames
from bot.sim.world.statistics import CENT_MOVE, WorldStatistics, central, mid, summary


def recorded(path: Path) -> Frames:
    """The books of a recording with `ts_ms`, `ticker`, `segment` and levels a side."""
    table = pq.read_table(path)
    facts = [
        _codes(table, "ticker"),
        _codes(table, "segment"),
        _column(table, "ts_ms") / 1000,
        _column(table, "volume"),
    ]
    levels = [
        _levels(table, "yes_bid_px"),
        np.nan_to_num(_levels(table, "yes_bid_sz")),
        complement(_levels(table, "no_bid_px")),
        np.nan_to_num(_levels(table, "no_bid_sz")),
    ]
    return frames(np.hstack([np.stack(facts, axis=1), *levels]))


def feed_rates(path: Path) -> WorldStatistics:
    """Level changes per second and market in a recorded feed."""
    decoder = msgspec.json.Decoder(dict[str, object])
    seconds: Counter[tuple[object, str]] = Counter()
    with gzip.open(path, "rb") as lines:
        for line in lines:
            row = decoder.decode(line)
            seconds[row["market_ticker"], str(row["local_recv_ts"])[:19]] += 1
    return {"level changes a second": sum(seconds.values()) / len(seconds)}


def volume_rate(seen: Frames) -> WorldStatistics:
    """Contracts per minute, where the recording counts them."""
    follows = (np.diff(seen.market) == 0) & (np.diff(seen.segment) == 0)
    passed, traded = np.diff(seen.at)[follows], np.diff(seen.volume)[follows]
    known = np.isfinite(traded) & (passed < 5.0)
    return {"contracts a minute": float(traded[known].sum() / passed[known].sum() * 60)}


def snapshots(path: Path, widest: float, narrowest: float = 0.0) -> WorldStatistics:
    """Sizes and spreads of the books of a recording within a range of spreads, in cents."""
    seen = recorded(path)
    spread = np.round((seen.ask_price[:, 0] - seen.bid_price[:, 0]) * 100, 1)
    fits = (spread >= narrowest) & (spread <= widest)
    world_statistics = summary(_rows(seen, np.flatnonzero(fits)), horizons=())
    both = float(np.isfinite(mid(seen)).mean())
    return {**world_statistics, "books with both sides": both}


def weather(path: Path, horizons: Sequence[int] = (60, 300)) -> WorldStatistics:
    """How slow markets move: best prices on change, read every minute of recorded time."""
    seen = recorded(path)
    world_statistics: WorldStatistics = {}
    for horizon in horizons:
        change = _minutely(seen, horizon)
        if not len(change):
            continue
        world_statistics[f"{horizon} s: no move"] = float((np.abs(change) < 1e-9).mean())
        world_statistics[f"{horizon} s: moves by a cent"] = float(
            (np.abs(change) >= CENT_MOVE).mean()
        )
        world_statistics[f"{horizon} s: sd of the mid"] = float(change.std() * 100)
    return world_statistics


def _rows(seen: Frames, rows: NDArray[np.intp]) -> Frames:
    return Frames(*(getattr(seen, name)[rows] for name in Frames.__slots__))


def _minutes(
    seen: Frames, rows: NDArray[np.intp], horizon: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The row of each full minute of a market, and the one a horizon later."""
    at = seen.at[rows]
    grid = np.arange(at[0], at[-1] - horizon, 60.0)
    now, then = (rows[np.searchsorted(at, grid + w, side="right") - 1] for w in (0.0, horizon))
    return now, then


def _minutely(seen: Frames, horizon: float) -> Floats:
    """Changes of the mid over the horizon, begun every minute, of all markets."""
    changes = []
    for market in np.unique(seen.market):
        now, then = _minutes(seen, np.flatnonzero(seen.market == market), horizon)
        change = mid(seen)[then] - mid(seen)[now]
        changes.append(change[central(seen)[now] & np.isfinite(change)])
    return np.concatenate(changes)


def _column(table: pa.Table, name: str) -> Floats:
    if name not in table.schema.names:
        return np.full(len(table), np.nan)
    values: Floats = table[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _codes(table: pa.Table, name: str) -> Floats:
    _, place = np.unique(np.array(table[name].to_pylist(), dtype=str), return_inverse=True)
    return place.astype(np.float64)


def _levels(table: pa.Table, prefix: str) -> Floats:
    return np.stack([_column(table, f"{prefix}{level + 1}") for level in range(DEPTH)], axis=1)
