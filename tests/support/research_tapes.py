"""Small tapes made up for the tests of training and evaluation."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LEVELS = 5


def made_tape(
    path: Path, *, markets: int = 12, seconds: int = 80, days: int = 3, series: str = "MADE"
) -> Path:
    """A tape in which a heavier bid is followed by a rise more often than not, seeded."""
    rng = np.random.default_rng(3)
    tables = [
        _market(rng, f"{series}-{number}-0", number, seconds, days * number // markets)
        for number in range(markets)
    ]
    pq.write_table(pa.concat_tables(tables), path)
    return path


def _market(rng: np.random.Generator, ticker: str, number: int, seconds: int, day: int) -> pa.Table:
    lean = np.clip(np.repeat(rng.normal(0, 0.5, seconds // 5), 5), -0.9, 0.9)
    drift = np.repeat(rng.random(seconds // 5) < (1 + lean[::5]) / 2, 5)
    step = np.where(np.arange(seconds) % 5 == 4, np.where(drift, 1, -1), 0)
    bid = np.clip(50 + np.concatenate([[0], np.cumsum(step)[:-1]]), 20, 80)
    columns: dict[str, object] = {
        "ts_ms": 1_778_457_600_000 + day * 86_400_000 + (number * 1000 + np.arange(seconds)) * 1000,
        "ticker": [ticker] * seconds,
        "segment": ["one"] * seconds,
        "secs_to_close": 900.0 - np.arange(seconds),
    }
    for level in range(LEVELS):
        size = 500 * (1 + level) * rng.lognormal(0, 0.2, (2, seconds))
        columns[f"yes_bid_px{level + 1}"] = (bid - level) / 100
        columns[f"yes_bid_sz{level + 1}"] = np.round(size[0] * (1 + lean), 2)
        columns[f"no_bid_px{level + 1}"] = np.round(1 - (bid + 1 + level) / 100, 2)
        columns[f"no_bid_sz{level + 1}"] = np.round(size[1] * (1 - lean), 2)
    return pa.table(columns)
