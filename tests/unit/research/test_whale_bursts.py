"""What recorded trades say of bursts."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.whales.thresholds import WhaleRules
from bot.research.whales.bursts import main, read, unusual

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "trades.parquet"
ORDINARY = [(second, 0.50, 10.0, "yes") for second in range(0, 200, 2)]


def recording(path: Path, trades: Sequence[tuple[float, float, float, str]]) -> Path:
    at, price, size, side = zip(*trades, strict=True)
    columns = {
        "ts_ms": [int(1_000 * second) for second in at],
        "ticker": ["KXMADEUP-A"] * len(at),
        "yes_px": price,
        "size": size,
        "taker_side": side,
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("last", "count"),
    [
        ([(300.0, 0.50, 300.0, "yes"), (300.0, 0.51, 300.0, "yes")], 1),
        ([(300.0, 0.50, 600.0, "yes")], 0),
        ([(300.0, 0.50, 90.0, "yes"), (300.0, 0.51, 90.0, "yes")], 0),
        ([(300.0, 0.50, 300.0, "yes"), (310.0, 0.51, 300.0, "yes")], 0),
        ([(300.0, 0.50, 300.0, "no"), (300.0, 0.49, 300.0, "no")], 1),
    ],
)
def test_large_bursts_through_several_prices_are_counted(tmp_path, last, count) -> None:
    _, found = read(recording(tmp_path / "trades.parquet", [*ORDINARY, *last]))

    assert unusual(found, WhaleRules()) == count


def test_nothing_is_unusual_before_there_is_a_past(tmp_path) -> None:
    large = [(0.0, 0.50, 300.0, "yes"), (0.0, 0.51, 300.0, "yes")]
    _, found = read(recording(tmp_path / "trades.parquet", [*large, *ORDINARY]))

    assert unusual(found, WhaleRules()) == 0


def test_the_table_has_a_line_a_series(tmp_path, capsys) -> None:
    main([str(recording(tmp_path / "trades.parquet", ORDINARY))])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2] == "| KXMADEUP | 1 | 0.1 | 100 | 100% | 0.0% | 10 | 10 | 10 | 0.00 |"


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded trades are not at hand")
def test_on_recorded_trades_what_looks_like_a_sweep_is_rare() -> None:
    tickers, found = read(SHARED)
    hours = sum(
        (at[-1] - at[0]) / 3_600
        for at in (found.at[found.row == row] for row in range(len(tickers)))
    )

    assert unusual(found, WhaleRules()) / hours < 0.5
