import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import MAX_LEVELS, Books, Level, OrderBook
from bot.tape.reader import Tape, TapeError, cycle_rows, days, read, transposed
from bot.tape.schema import parts_folder
from bot.tape.writer import Recorder

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
START = datetime(2026, 5, 11, tzinfo=UTC).timestamp()
ROW = {
    "ts_ms": int(START * 1000),
    "ticker": "A",
    "yes_bid_px1": 0.40,
    "yes_bid_sz1": 10.0,
    "no_bid_px1": 0.55,
    "no_bid_sz1": 20.0,
}

quick = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def order_books(draw: st.DrawFn) -> OrderBook:
    prices = st.integers(1, 9999)
    ticks = sorted(draw(st.sets(prices, max_size=8)))
    split = draw(st.integers(0, len(ticks)))
    sizes = st.integers(1, 10**9)
    levels = [Level(Decimal(tick) / 10_000, Decimal(draw(sizes)) / 100) for tick in ticks]
    return OrderBook(bids=tuple(reversed(levels[:split])), asks=tuple(levels[split:]))


sightings = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 5_000_000), order_books()),
    min_size=1,
    max_size=12,
)


def seen(*sighted: tuple[str, float, OrderBook]) -> Books:
    """Books in time order."""
    return Books.of(sorted(sighted, key=lambda one: one[1]))


def at(seconds: float, ticker: str = "A") -> tuple[str, float, OrderBook]:
    bid, ask = Level(Decimal("0.40"), Decimal(10)), Level(Decimal("0.45"), Decimal(20))
    return ticker, START + seconds, OrderBook((bid,), (ask,))


def exactly(books: Books) -> list[tuple[str, float, OrderBook]]:
    return [(t, books.seen_at[i], books.book(i)) for i, t in enumerate(books.tickers)]


def written(folder: Path, *rows: dict[str, object], **types: pa.DataType) -> Path:
    table = pa.Table.from_pylist(list(rows))
    for name, kind in types.items():
        table = table.set_column(
            table.column_names.index(name), name, pa.array(table[name].to_pylist(), kind)
        )
    path = folder / "some.parquet"
    pq.write_table(table, path)
    return path


# Reading


def test_no_bids_become_asks_and_what_is_unknown_is_nan(tmp_path: Path) -> None:
    tape = read(written(tmp_path, ROW | {"secs_to_close": 90.5, "volume": None}))

    expected = OrderBook(
        (Level(Decimal("0.4"), Decimal(10)),), (Level(Decimal("0.45"), Decimal(20)),)
    )
    assert exactly(tape.books) == [("A", START, expected)]
    assert tape.seconds_to_close.tolist() == [90.5]
    assert np.isnan([tape.volume, tape.open_interest]).all()
    assert tape.segment.tolist() == [0]
    assert tape.skipped == {}


def test_rows_come_in_time_order_with_what_belongs_to_them(tmp_path: Path) -> None:
    rows = [
        ROW
        | {"ts_ms": int(START * 1000) + after, "volume": after, "segment": word, "ticker": ticker}
        for after, word, ticker in [(9, "x", "B"), (1, "y", "A"), (5, None, "C"), (7, "x", "B")]
    ]

    tape = read(written(tmp_path, *rows))

    assert tape.books.tickers == ("A", "C", "B", "B")
    assert tape.volume.tolist() == [1, 5, 7, 9]
    assert tape.segment[2] == tape.segment[3]
    assert len(set(tape.segment[:3].tolist())) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"yes_bid_px1": 0.45}, "the book is crossed"),
        ({"yes_bid_px1": 0.50}, "the book is crossed"),
        ({"yes_bid_px1": 1.2}, "a price is not inside (0, 1)"),
        ({"no_bid_px1": 0.0}, "a price is not inside (0, 1)"),
        ({"yes_bid_sz1": -3.0}, "a size is negative or not finite"),
        ({"no_bid_sz1": float("inf")}, "a size is negative or not finite"),
        ({"yes_bid_px2": 0.40, "yes_bid_sz2": 1.0}, "a price stands twice on one side"),
        ({"no_bid_sz1": None}, "a level has a price or a size alone"),
        ({"yes_bid_px1": None}, "a level has a price or a size alone"),
        ({"ts_ms": None}, "the row has no time in milliseconds"),
        ({"ts_ms": 1778475779}, "the row has no time in milliseconds"),
        ({"ts_ms": 1778475779862000000}, "the row has no time in milliseconds"),
        ({"ticker": None}, "the row has no ticker"),
        ({"ticker": ""}, "the row has no ticker"),
    ],
)
def test_a_broken_row_is_left_out_and_counted_by_reason(
    tmp_path: Path, fault: dict[str, object], reason: str
) -> None:
    deeper = {"yes_bid_px2": None, "yes_bid_sz2": None}
    sound = ROW | deeper | {"ticker": "SOUND"}

    tape = read(written(tmp_path, sound, ROW | deeper | fault, sound))

    assert tape.books.tickers == ("SOUND", "SOUND")
    assert tape.skipped == {reason: 1}


def test_an_empty_or_one_sided_book_and_levels_in_any_order_are_sound(tmp_path: Path) -> None:
    empty = {name: None for name in ROW if name not in ("ts_ms", "ticker")}
    shuffled = {"yes_bid_px2": 0.42, "yes_bid_sz2": 7.0}

    books = read(written(tmp_path, ROW | shuffled, ROW | empty)).books

    assert books.best_bid[0] == 0.42
    assert books.book(1) == OrderBook((), ())


def test_nan_and_zero_contracts_mean_no_level_like_null(tmp_path: Path) -> None:
    row = ROW | {"no_bid_px1": float("nan"), "no_bid_sz1": float("nan"), "yes_bid_sz1": 0.0}

    tape = read(written(tmp_path, row))

    assert tape.books.book(0) == OrderBook((), ())
    assert tape.skipped == {}


def test_numbers_of_any_width_and_coded_words_are_read_exactly(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ROW | {"yes_bid_px1": 0.37, "segment": "x", "yes_bid_sz1": Decimal("5.25")},
        yes_bid_px1=pa.float32(),
        ts_ms=pa.float64(),
        ticker=pa.dictionary(pa.int32(), pa.large_string()),
        no_bid_sz1=pa.int16(),
    )

    (level,) = read(path).books.book(0).bids

    assert level == Level(Decimal("0.37"), Decimal("5.25"))


@pytest.mark.parametrize("name", [name for name in ROW if "_sz" not in name])
def test_a_missing_column_is_named_with_the_file_and_the_remedy(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, {key: value for key, value in ROW.items() if key != name})

    with pytest.raises(TapeError, match=rf"some\.parquet: no column {name}; a tape has"):
        read(path)


def test_a_gap_in_the_levels_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, ROW | {"yes_bid_px3": 0.3, "yes_bid_sz3": 1.0})

    with pytest.raises(TapeError, match="no column yes_bid_px2"):
        read(path)


def test_prices_without_sizes_are_no_book_unless_only_prices_are_measured(tmp_path: Path) -> None:
    bare = {name: value for name, value in ROW.items() if "_sz" not in name}
    path = written(tmp_path, bare, bare | {"yes_bid_px1": None})

    with pytest.raises(TapeError, match="no column yes_bid_sz1, no_bid_sz1; prices without sizes"):
        read(path)

    books = read(path, sizes_required=False).books
    assert books.mid[0] == pytest.approx(0.425)
    assert np.isnan(books.bid_size[0, 0])
    assert books.bid_size[1, 0] == 0


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("yes_bid_px1", pa.string(), "0.40"),
        ("ts_ms", pa.timestamp("ms"), datetime(2026, 5, 11)),  # noqa: DTZ001 -- as files have it
        ("ticker", pa.int64(), 7),
        ("segment", pa.list_(pa.int64()), [1]),
        ("ticker", pa.dictionary(pa.int8(), pa.int64()), 7),
    ],
)
def test_a_column_of_the_wrong_type_is_named(
    tmp_path: Path, name: str, kind: pa.DataType, value: object
) -> None:
    path = written(tmp_path, ROW | {name: value}, **{name: kind})

    with pytest.raises(TapeError, match=rf"some\.parquet: column {name} is .*; write it as"):
        read(path)


def test_a_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([ROW])
    path = tmp_path / "twice.parquet"
    pq.write_table(table.append_column("ts_ms", table["ts_ms"]), path)

    with pytest.raises(TapeError, match="column ts_ms is there twice"):
        read(path)


def test_a_file_without_a_sound_book_says_what_was_wrong_with_its_rows(tmp_path: Path) -> None:
    path = written(tmp_path, ROW | {"yes_bid_px1": 0.6})

    with pytest.raises(TapeError, match=r"no sound order book .*: 1 × the book is crossed$"):
        read(path)


@pytest.mark.parametrize(
    ("column", "factor", "remedy"),
    [
        ("ts_ms", 1e-3, "write ts_ms in milliseconds since 1970"),
        ("ts_ms", 1e3, "write ts_ms in milliseconds since 1970"),
        ("yes_bid_px1", 100, "write prices in dollars, 0.42 for 42 cents"),
    ],
)
def test_a_file_in_other_units_says_which_are_wanted(
    tmp_path: Path, column: str, factor: float, remedy: str
) -> None:
    path = written(tmp_path, ROW | {column: float(str(ROW[column])) * factor})

    with pytest.raises(TapeError, match=remedy):
        read(path)


def test_a_file_without_rows_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    pq.write_table(pa.Table.from_pylist([ROW]).slice(0, 0), path)

    with pytest.raises(TapeError, match="it has no rows"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"ts_ms,ticker\n1,A\n", b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_what_is_not_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "what.parquet"
    path.write_bytes(content)

    with pytest.raises(TapeError, match=r"what\.parquet: not a parquet file"):
        read(path)


def test_a_file_cut_short_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(TapeError, match="not a parquet file"):
        read(path)


def test_an_absent_tape_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no such tape; 'python -m bot record --out"):
        read(tmp_path / "absent.parquet")


@pytest.mark.parametrize(
    ("name", "sizes_required"),
    [
        ("btc15m-l2-1s", True),
        ("btc15m-top5", True),
        ("btc15m-ticker", True),
        ("rest-books-hourly", True),
        ("tennis-tob", True),
        ("weather-tob", False),
    ],
)
def test_every_recording_of_real_books_reads_without_a_broken_row(
    name: str, sizes_required: bool
) -> None:
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"the recordings are not beside the project: {path}")

    tape = read(path, sizes_required=sizes_required)

    assert len(tape.books) == pq.read_metadata(path).num_rows
    assert tape.skipped == {}
    assert np.all(np.diff(tape.books.seen_at) >= 0)
    assert not np.any(tape.books.best_bid >= tape.books.best_ask)


# Walking


def test_a_cycle_has_the_latest_book_of_each_market() -> None:
    books = seen(at(0), at(1, "B"), at(2), at(61), at(200, "B"))

    cycles = [rows.tolist() for rows in cycle_rows(books, 60)]

    assert cycles == [[1, 2], [3], [4]]


@quick
@given(sightings, st.floats(0.001, 10_000))
def test_cycles_part_the_time_and_hold_each_market_once(
    sighted: list[tuple[str, int, OrderBook]], every: float
) -> None:
    books = seen(*[(t, START + ms / 1000, book) for t, ms, book in sighted])
    expected: dict[tuple[int, str], int] = {}
    for row, ticker in enumerate(books.tickers):
        expected[int(np.floor(books.seen_at[row] / every)), ticker] = row

    cycles = [rows.tolist() for rows in cycle_rows(books, every)]

    assert sorted(row for rows in cycles for row in rows) == sorted(expected.values())
    assert [row for rows in cycles for row in rows] == sorted(expected.values())
    for rows in cycles:
        assert len({int(np.floor(books.seen_at[row] / every)) for row in rows}) == 1
    assert len(cycles) == len({cycle for cycle, _ in expected})


@quick
@given(sightings)
def test_batches_hold_each_market_once_and_keep_its_order(
    sighted: list[tuple[str, int, OrderBook]],
) -> None:
    books = seen(*[(t, START + ms / 1000, book) for t, ms, book in sighted])

    batches = [rows.tolist() for rows in transposed(books)]

    assert sorted(row for rows in batches for row in rows) == list(range(len(books)))
    for rows in batches:
        assert len({books.tickers[row] for row in rows}) == len(rows)
    for ticker in "ABC":
        own = [row for rows in batches for row in rows if books.tickers[row] == ticker]
        assert own == sorted(own)
    assert [len(rows) for rows in batches] == sorted((len(rows) for rows in batches), reverse=True)


def test_without_books_there_are_no_cycles_and_no_batches() -> None:
    nothing = Books.of([])

    assert list(cycle_rows(nothing, 60)) == []
    assert list(transposed(nothing)) == []


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_a_cycle_must_last(every: float) -> None:
    with pytest.raises(ValueError, match="a cycle cannot last"):
        cycle_rows(seen(at(0)), every)


def test_books_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="not in time order"):
        cycle_rows(Books.of([at(1), at(0)]), 60)


# Recording


@quick
@given(sightings, st.integers(1, 6), st.integers(1, 6))
def test_what_is_recorded_reads_as_it_was_seen(
    tmp_path_factory: pytest.TempPathFactory,
    sighted: list[tuple[str, int, OrderBook]],
    at_once: int,
    rows_per_part: int,
) -> None:
    books = seen(*[(t, START + ms / 1000, book) for t, ms, book in sighted])
    path = tmp_path_factory.mktemp("tape") / "a.parquet"

    with Recorder(path, "run", rows_per_part=rows_per_part) as recorder:
        for start in range(0, len(books), at_once):
            recorder.record(books.take(slice(start, start + at_once)))

    assert exactly(read(path).books) == exactly(books)
    assert list(path.parent.iterdir()) == [path]


def test_the_deepest_book_keeps_all_its_levels(tmp_path: Path) -> None:
    size = Decimal("0.01")
    bids = tuple(Level(Decimal(300 - n) / 1000, size) for n in range(MAX_LEVELS))
    asks = tuple(Level(Decimal(301 + n) / 1000, size) for n in range(MAX_LEVELS))
    path = tmp_path / "deep.parquet"

    with Recorder(path, "run", rows_per_part=1) as recorder:
        recorder.record(seen(("A", START, OrderBook(bids, asks)), at(1)))
        recorder.record(seen(at(2)))

    books = read(path).books
    assert books.book(0) == OrderBook(bids, asks)
    assert books.book(2) == at(2)[2]


def test_what_else_is_known_is_recorded_and_a_break_starts_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    with Recorder(path, "run") as recorder:
        recorder.record(
            seen(at(0), at(1, "B")),
            seconds_to_close=np.array([9.0, np.nan]),
            volume=np.array([5.0, 6.0]),
            open_interest=np.array([np.nan, 2.0]),
        )
        recorder.record(seen(at(2)))
        recorder.break_off()
        recorder.record(seen(at(3)))

    tape: Tape = read(path)
    np.testing.assert_array_equal(tape.seconds_to_close, [9.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(tape.volume, [5.0, 6.0, np.nan, np.nan])
    np.testing.assert_array_equal(tape.open_interest, [np.nan, 2.0, np.nan, np.nan])
    assert tape.segment.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("rows", "seconds"), [(2, 1e9), (1_000, 1.0)])
def test_memory_is_bounded_by_rows_and_by_time(tmp_path: Path, rows: int, seconds: float) -> None:
    path = tmp_path / "a.parquet"

    with Recorder(path, "run", rows_per_part=rows, seconds_per_part=seconds) as recorder:
        for second in range(6):
            recorder.record(seen(at(second)))

        assert len(list(parts_folder(path).glob("*.parquet"))) == 3


def test_a_recording_still_running_or_killed_is_read_from_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    code = (
        "import os, signal; from pathlib import Path; from bot.tape.writer import Recorder\n"
        "from tests.unit.tape.test_reader import at, seen\n"
        f"with Recorder(Path({str(path)!r}), 'first', rows_per_part=1) as recorder:\n"
        "    recorder.record(seen(at(0)))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(read(path).books) == 1

    with Recorder(path, "second") as recorder:
        recorder.record(seen(at(1)))

    tape = read(path)
    assert len(tape.books) == 2
    assert tape.segment.tolist() == [0, 1]


def test_a_part_half_written_is_not_read_and_not_reused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with Recorder(path, "run", rows_per_part=1) as recorder:
        (parts_folder(path) / "000001.tmp").write_bytes(b"PAR1 half")

        recorder.record(seen(at(0)))

    assert len(read(path).books) == 1


def test_an_error_while_recording_still_makes_the_tape_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def stopped_by_hand() -> None:
        with Recorder(path, "run") as recorder:
            recorder.record(seen(at(0)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_by_hand()

    assert len(read(path).books) == 1


def test_a_recorder_overwrites_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)

    with pytest.raises(TapeError, match="is there already"), Recorder(path, "run"):
        pass

    assert len(read(path).books) == 1


def test_nothing_seen_leaves_nothing_behind(tmp_path: Path) -> None:
    with Recorder(tmp_path / "deep" / "a.parquet", "run") as recorder:
        recorder.record(Books.of([]))

    assert list((tmp_path / "deep").iterdir()) == []


def test_what_the_disk_refuses_is_a_tape_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(TapeError, match="cannot be written"),
        Recorder(tmp_path / "file" / "a.parquet", "run"),
    ):
        pass


def test_a_long_recording_is_joined_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.tape.writer._ROWS_JOINED", 3)
    path = tmp_path / "a.parquet"

    with Recorder(path, "run", rows_per_part=1) as recorder:
        for second in range(7):
            recorder.record(seen(at(second)))

    assert pq.read_metadata(path).num_row_groups == 3
    assert len(read(path).books) == 7
    assert os.listdir(tmp_path) == ["a.parquet"]


def days_long(path: Path, length: int, a_day: int) -> Path:
    """A tape of so many days, in row groups of one day each."""
    at = START * 1000 + np.arange(length * a_day) * (86_400_000 // a_day)
    columns = {name: [value] * len(at) for name, value in ROW.items()}
    pq.write_table(pa.table({**columns, "ts_ms": at}), path, row_group_size=a_day)
    return path


def test_a_tape_can_be_read_day_by_day(tmp_path: Path) -> None:
    path = days_long(tmp_path / "tape.parquet", 3, 50)

    parts = [read(path, day=day) for day in days(path)]

    first = int(START // 86_400)
    assert days(path) == [first, first + 1, first + 2]
    assert [len(part.books) for part in parts] == [50, 50, 50]
    seen_at = np.concatenate([part.books.seen_at for part in parts])
    np.testing.assert_array_equal(seen_at, read(path).books.seen_at)


def test_a_day_takes_the_memory_of_a_day_however_long_the_tape(tmp_path: Path) -> None:
    path = days_long(tmp_path / "tape.parquet", 40, 2_000)

    def peak(day: int | None) -> int:
        pool = pa.proxy_memory_pool(pa.default_memory_pool())
        before = pa.default_memory_pool()
        pa.set_memory_pool(pool)
        try:
            days(path)
            read(path, day=day)
        finally:
            pa.set_memory_pool(before)
        return int(pool.max_memory() or 0)

    assert peak(days(path)[20]) < peak(None) / 5


@pytest.mark.parametrize(
    ("columns", "words"), [({"ticker": ["A"]}, "no column ts_ms"), (None, "no such tape")]
)
def test_days_of_what_is_no_tape_are_refused(
    tmp_path: Path, columns: dict[str, list[str]] | None, words: str
) -> None:
    path = tmp_path / "odd.parquet"
    if columns:
        pq.write_table(pa.table(columns), path)

    with pytest.raises(TapeError, match=words):
        days(path)
