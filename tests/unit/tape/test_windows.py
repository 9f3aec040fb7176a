"""A tape read in windows has the same books, and never many of them at once."""

import gc
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.backtest.pieces import Recording, Scoring
from bot.backtest.run import ScoredTape, run, run_over
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.tape import reader, schema
from bot.tape.errors import TapeError
from bot.tape.windows import SHORTEST, planned, windows_of
from bot.tape.writer import Recorder
from bot.trading.decision import TradeRules, Worth
from tests.support.tapes import START, SizeScorer, made_up

SCORING = Scoring(SizeScorer(), Thresholds(), Gates())
CASH = Decimal(10_000)
RULES = TradeRules(
    Thresholds(), Sizing(Decimal(50), Decimal("0.01")), RiskLimits(), 0.0, patience=10.0
)


def recorded(path, tape):
    with Recorder(path, "s") as recorder:
        half, left = len(tape.books) // 2, tape.seconds_to_close
        for rows in (slice(0, half), slice(half, None)):
            recorder.record(tape.books.take(rows), seconds_to_close=left[rows])
            recorder.break_off()
    return path


def counted(path, groups=200, seed=1):
    """The same file in small row groups, with trades counted by row, but of M1 not in all."""
    rng, table = np.random.default_rng(seed), pq.read_table(path)
    rows = table.num_rows
    buys = np.round(rng.lognormal(3, 1, rows), 2) * (rng.random(rows) < 0.3)
    sells = np.round(rng.lognormal(3, 1, rows), 2) * (rng.random(rows) < 0.3)
    unknown = np.zeros(rows, dtype=bool)
    unknown[np.flatnonzero(np.array(table["ticker"].to_pylist()) == "M1")[5]] = True
    bars = {
        "trades_in_bar": (buys > 0) * 1.0 + (sells > 0),
        "buy_vol_in_bar": buys,
        "sell_vol_in_bar": sells,
    }
    for name, values in bars.items():
        table = table.append_column(name, pa.array(values, mask=unknown))
    pq.write_table(table, path, row_group_size=groups)
    return path


def recording(paths, rows, every=1.0, day=None):
    tapes = planned(paths, every, rows, day)
    return Recording(tapes, [tape.contents() for tape in tapes], frozenset(), every)


def test_windows_are_the_tape(tmp_path):
    path = counted(recorded(tmp_path / "tape.parquet", made_up(4, 400)))
    whole = reader.read(path)

    tapes = planned([path], 1.0, 500)
    parts = list(windows_of(tapes, [tape.contents() for tape in tapes]))

    assert len(parts) > 4
    together = reader.joined([replace(part, segment=part.segment * 0) for part in parts])
    assert together.books.tickers == whole.books.tickers
    for name in ("seen_at", "bid_price", "bid_size", "ask_price", "ask_size"):
        np.testing.assert_array_equal(
            getattr(together.books, name), getattr(whole.books, name), err_msg=name
        )
    assert whole.trades.markets.keys() == {"M0", "M2", "M3"}
    assert together.trades.markets.keys() == whole.trades.markets.keys()
    for ticker, market in whole.trades.markets.items():
        for ours, theirs in zip(together.trades.markets[ticker], market, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for one, other in pairwise(parts):
        assert len(one.books) <= max(500, SHORTEST * 4)
        assert one.books.seen_at[-1] < other.books.seen_at[0]


@pytest.mark.parametrize("every", [1.0, 7.0, 0.3])
def test_no_window_cuts_a_cycle(every, tmp_path):
    path = recorded(tmp_path / "tape.parquet", made_up(3, 300))
    tapes = planned([path], every, 100)

    parts = list(windows_of(tapes, [tape.contents() for tape in tapes]))

    cycles = [set(np.floor(part.books.seen_at / every).tolist()) for part in parts]
    assert len(parts) > 2
    assert all(one.isdisjoint(other) for one, other in pairwise(cycles))


def test_a_tape_read_in_windows_is_traded_as_a_whole_one(tmp_path):
    path = counted(recorded(tmp_path / "tape.parquet", made_up(4, 400)))
    whole = ScoredTape.of(reader.read(path), SizeScorer(), Thresholds(), Gates(), 1.0)

    ours = run_over(recording([path], 500).pieces(SCORING), RULES, CASH)

    theirs = run(whole, RULES, CASH)
    assert ours.trades == theirs.trades
    assert theirs.exit_fills.at_rest > 0
    assert len(theirs.trips) > 30


def test_two_tapes_in_any_order_of_rows_are_traded_as_one(tmp_path):
    paths = []
    for number in (1, 2):
        path = tmp_path / f"{number}.parquet"
        table = pq.read_table(recorded(path, made_up(3, 300, seed=number)))
        # Books of one moment stay in the order of the file.
        order = np.lexsort((np.arange(table.num_rows), -table["ts_ms"].to_numpy()))
        tickers = [f"{ticker}-{number}" for ticker in table["ticker"].to_pylist()]
        place = table.column_names.index("ticker")
        renamed = table.set_column(place, "ticker", pa.array(tickers))
        pq.write_table(renamed.take(order), path, row_group_size=100)
        paths.append(path)
    joined = reader.joined([reader.read(path) for path in paths])
    whole = ScoredTape.of(joined, SizeScorer(), Thresholds(), Gates(), 1.0)

    ours = run_over(recording(paths, 500).pieces(SCORING), RULES, CASH)

    assert ours.trades == run(whole, RULES, CASH).trades
    assert len(ours.trips) > 30


def test_of_a_large_file_only_the_row_groups_of_a_window_are_decoded(tmp_path, monkeypatch):
    path = counted(recorded(tmp_path / "tape.parquet", made_up(4, 400)), groups=100)
    asked = []
    wanted = pq.ParquetFile.iter_batches

    def noted(self, *args, row_groups=None, **options):
        asked.append(row_groups)
        return wanted(self, *args, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    begin = START * 1000 + 100_000
    table = schema.table(path, within=schema.TimeWindow(begin, begin + 30_000))

    assert table.num_rows == 30 * 4
    assert [len(groups) for groups in asked] == [2]


def test_what_a_window_took_is_free_without_the_garbage_collector(tmp_path):
    path = counted(recorded(tmp_path / "tape.parquet", made_up(2, 100)))
    gc.collect()
    gc.disable()
    try:
        schema.table(path, within=schema.TimeWindow(START * 1000, START * 1000 + 30_000))
        left = [one for one in gc.get_objects() if isinstance(one, pq.FileMetaData)]
    finally:
        gc.enable()

    assert left == []


def test_rows_without_a_time_are_counted(tmp_path):
    path = recorded(tmp_path / "tape.parquet", made_up(2, 300))
    table = pq.read_table(path)
    times = table["ts_ms"].to_numpy().copy()
    times[7] = 5
    pq.write_table(table.set_column(0, "ts_ms", pa.array(times)), path)

    (tape,) = planned([path], 1.0, 100)

    assert tape.contents().skipped == reader.read(path).skipped
    assert tape.contents().books == 599


def test_a_tape_without_a_sound_book_is_named(tmp_path):
    path = recorded(tmp_path / "tape.parquet", made_up(2, 300))
    table = pq.read_table(path)
    place = table.column_names.index("yes_bid_px1")
    broken = pa.array(np.full(table.num_rows, 42.0))
    pq.write_table(table.set_column(place, "yes_bid_px1", broken), path)

    (tape,) = planned([path], 1.0, 100)

    with pytest.raises(TapeError, match="600 × a price is not inside"):
        tape.contents()


def peak(path):
    """Bytes at most in the hands of Python and NumPy over a tape with few orders."""
    # Once it is known how lively a market is, no entry pays.
    idle = replace(RULES, worth=Worth(0.0, 1.0), min_edge=100.0)
    run_over(recording([path], 600).pieces(SCORING), idle, CASH)
    tracemalloc.start()
    try:
        outcome = run_over(recording([path], 600).pieces(SCORING), idle, CASH)
        assert sum(outcome.orders.values()) < 30
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_tape(tmp_path):
    short, long = (
        peak(counted(recorded(tmp_path / f"{seconds}.parquet", made_up(3, seconds))))
        for seconds in (600, 2_400)
    )

    assert long < 1.3 * short
