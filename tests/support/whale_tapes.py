"""Tapes with and without a large order."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_778_457_600_000


def whale_tape(
    path: Path, sizes: list[list[float]], *, segments: int = 1, volume: float = 0.0
) -> Path:
    """One market a list, a book every ten seconds, its third bid as large as given."""
    tables = []
    for market, third in enumerate(sizes):
        many = len(third)
        columns: dict[str, object] = {
            "ts_ms": START + np.arange(many) * 10_000,
            "ticker": [f"MADE{market}-1"] * many,
            "segment": [f"s{i * segments // many}" for i in range(many)],
            "volume": np.arange(many) * volume,
        }
        for level in range(4):
            columns[f"yes_bid_px{level + 1}"] = np.full(many, (45 - level) / 100)
            columns[f"yes_bid_sz{level + 1}"] = (
                np.array(third) if level == 2 else np.full(many, 300.0)
            )
            columns[f"no_bid_px{level + 1}"] = np.full(many, (53 - level) / 100)
            columns[f"no_bid_sz{level + 1}"] = np.full(many, 300.0)
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), path)
    return path


CALM = [300.0] * 20


WHALE = [*[300.0] * 8, *[9_000.0] * 4, *[300.0] * 8]
