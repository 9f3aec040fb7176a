import gzip
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.sim.world.experiment import DEPTH, Experiment, Frames
from bot.sim.world.recordings import feed_rates, recorded, snapshots, volume_rate, weather
from bot.sim.world.statistics import mid, summary

pytest.importorskip("matplotlib")

from bot.sim.report import Run, domain, main, simulated, table, write

SMALL = tuple(
    Run(preset, 2, 40, 1) for preset in ("fast15m", "null", "slow_day", "game", "illiquid")
)


def save(path: Path, seen: Frames, sizes: bool = True) -> None:
    """Frames as a recording has them: bids of both sides, each in its own prices."""
    columns: dict[str, object] = {
        "ts_ms": np.round(seen.at * 1000).astype(np.int64),
        "ticker": [f"KX-{int(market)}" for market in seen.market],
        "segment": [None] * len(seen),
        "volume": seen.volume,
    }
    for level in range(DEPTH):
        columns[f"yes_bid_px{level + 1}"] = seen.bid_price[:, level]
        columns[f"no_bid_px{level + 1}"] = np.round(1 - seen.ask_price[:, level], 4)
        if sizes:
            columns[f"yes_bid_sz{level + 1}"] = seen.bid_size[:, level]
            columns[f"no_bid_sz{level + 1}"] = seen.ask_size[:, level]
    pq.write_table(pa.table(columns), path)


@pytest.fixture(scope="module")
def seen() -> Frames:
    return Experiment("fast15m", markets=3, seed=2).run(timedelta(seconds=150))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, seen: Frames) -> Path:
    """A folder with what the report reads, made from simulated books."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("btc15m-l2-1s", "rest-books-hourly", "weather-tob"):
        save(folder / f"{name}.parquet", seen, sizes=name != "weather-tob")
    feed = folder / "btc15m-ws" / "run" / "orderbook_delta.ndjson.gz"
    feed.parent.mkdir(parents=True)
    with gzip.open(feed, "wt") as lines:
        for second in (1, 1, 1, 2):
            stamp = f"2026-05-15T09:17:0{second}.5+00:00"
            lines.write(json.dumps({"market_ticker": "KX", "local_recv_ts": stamp}) + "\n")
    return folder


def test_a_recording_reads_back_as_the_books_it_was_made_of(data, seen):
    read = recorded(data / "btc15m-l2-1s.parquet")

    assert np.allclose(mid(read), mid(seen), equal_nan=True)
    assert np.allclose(read.bid_size, seen.bid_size)
    assert summary(read, (5,)) == pytest.approx(summary(seen, (5,)))


def test_rates_are_counted_by_market_and_second(data, seen):
    rate = volume_rate(recorded(data / "btc15m-l2-1s.parquet"))["contracts a minute"]
    last = np.append(np.diff(seen.market) != 0, True)

    (feed,) = data.glob("btc15m-ws/*/*.gz")
    assert feed_rates(feed) == {"level changes a second": 2.0}
    assert rate == pytest.approx(seen.volume[last].sum() / 3 / 150 * 60, rel=0.3)


def test_snapshots_are_chosen_by_their_spread(data):
    tight = snapshots(data / "rest-books-hourly.parquet", widest=1.0)
    wide = snapshots(data / "rest-books-hourly.parquet", widest=50.0, narrowest=1.5)

    assert tight["spread of 1 cent"] == 1.0
    assert wide["spread of 1 cent"] == 0.0
    assert tight["books with both sides"] == wide["books with both sides"]


def test_best_prices_alone_say_how_often_a_market_moves(data):
    world_statistics = weather(data / "weather-tob.parquet", horizons=(60,))

    assert 0.0 <= world_statistics["60 s: no move"] <= 1.0
    assert world_statistics["60 s: sd of the mid"] > 0.0


def test_a_run_counts_changes_trades_and_contracts():
    seen, world_statistics = simulated(SMALL[0], seed=1)

    assert len(seen) == 2 * 40
    assert world_statistics["level changes a second"] > world_statistics["trades a second"] > 0.0
    assert world_statistics["contracts a minute"] > 0.0


def test_books_lie_in_their_own_domain(seen):
    inside = domain(seen, seen)

    assert "imb1" in inside
    assert min(inside.values()) >= 0.97


def test_quantiles_share_a_row_and_absence_is_a_dash():
    text = table({"a": {"size, p5": 1.0, "size, p95": 2000.0, "x": 0.5}, "b": {"x": np.nan}})

    assert "| size | 1 / 2,000 | – |" in text
    assert "| x | 0.5 | – |" in text


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
def test_the_report_is_a_table_and_five_pictures(data, tmp_path):
    write(tmp_path / "out", data, seed=1, runs=SMALL)
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")

    assert "| spread of 1 cent |" in text
    assert "What could not be matched" in text
    for picture in (tmp_path / "out").glob("*.png"):
        assert f"({picture.name})" in text
    assert len(list((tmp_path / "out").glob("*.png"))) == 5


def test_without_recordings_the_command_says_where_to_point_it(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "out"), "--data", str(tmp_path / "nowhere")])

    assert "--data" in capsys.readouterr().err
