"""The older parts of CSV logs: small, few, readable; all logs together keep to their bound."""

import errno
import gzip
import logging
import os
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.events import Action, PnlMarked
from bot.journal import csv_writer
from bot.journal.csv_retention import Tidier, TidyRules, compress
from bot.journal.csv_rotation import RotatedParts
from bot.journal.csv_rows import LOGS
from logging_utils import CsvJournal
from tests.support.journals import NOW, pnl, signal, whale

TODAY = date(2026, 11, 21)
ROOMY = TidyRules(keep_days=14, max_total=1_000_000_000, reserve=0)
TEXT = "".join(f"2026-11-20T12:00:{n % 60:02}+00:00,row {n}\r\n" for n in range(20_000))


def tidied(folder: Path, rules: TidyRules = ROOMY, day: date = TODAY) -> Tidier:
    tidier = Tidier({name: folder / one.file for name, one in LOGS.items()}, rules)
    tidier.begin(day)
    tidier.wait()
    return tidier


def part(folder: Path, log: str, day: int, size: int = 1_000, number: str = "") -> Path:
    path = folder / f"{log}_log.2026-11-{day:02}{number}.csv"
    path.write_bytes(b"x" * size)
    return path


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*_log*"))


def test_older_parts_are_compressed_and_read_back_whole(tmp_path):
    path = tmp_path / "signals_log.2026-11-20.csv"
    path.write_text(TEXT, newline="")
    os.utime(path, (1, 1))
    small = part(tmp_path, "pnl", 20)

    assert tidied(tmp_path).fault is None

    packed = path.with_name(f"{path.name}.gz")
    assert sorted(tmp_path.iterdir()) == [small, packed]
    assert gzip.decompress(packed.read_bytes()) == TEXT.encode()
    assert packed.stat().st_size < len(TEXT) / 5
    assert packed.stat().st_mtime == 1
    listed = RotatedParts(tmp_path / "signals_log.csv").listed()
    assert [one.name for one in listed] == [path.name]


def test_a_new_part_never_takes_the_name_of_a_compressed_one(tmp_path):
    growing = tmp_path / "pnl_log.csv"
    (tmp_path / "pnl_log.2026-11-21.csv.gz").write_bytes(gzip.compress(b"old"))
    growing.write_text("new")

    RotatedParts(growing).put_away(TODAY)

    assert (tmp_path / "pnl_log.2026-11-21.2.csv").read_text() == "new"


def test_a_death_while_compressing_loses_nothing(tmp_path):
    path = tmp_path / "signals_log.2026-11-20.csv"
    path.write_text(TEXT, newline="")
    path.with_name(f"{path.name}.gz.tmp").write_bytes(b"half of it")
    path.with_name(f"{path.name}.gz").write_bytes(b"finished, but the other is still there")
    assert [one.path for one in RotatedParts(tmp_path / "signals_log.csv").listed()] == [path]

    tidied(tmp_path)

    (packed,) = tmp_path.iterdir()
    assert gzip.decompress(packed.read_bytes()) == TEXT.encode()


def test_a_stop_leaves_a_part_as_it_is(tmp_path):
    path = tmp_path / "signals_log.2026-11-20.csv"
    path.write_text(TEXT, newline="")
    stopping = threading.Event()
    stopping.set()

    compress(path, stopping)

    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_oldest_parts_go_first_and_those_about_money_last(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "main")
    for log in ("trades", "pnl", "signals", "whale", "grades"):
        for day in (18, 19, 20):
            part(tmp_path, log, day)
    part(tmp_path, "signals", 20, number=".10")
    part(tmp_path, "signals", 20, number=".2")

    tidied(tmp_path, TidyRules(14, max_total=9_500, reserve=1_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"pnl_log.2026-11-{day}.csv" for day in (18, 19, 20)),
        *("signals_log.2026-11-20.10.csv", "signals_log.2026-11-20.2.csv"),
        *(f"trades_log.2026-11-{day}.csv" for day in (18, 19, 20)),
    ]
    (message,) = caplog.messages
    assert message.startswith("CSV logs may take 0.0095 MB (LOG_MAX_TOTAL_MB): deleted ")
    assert "signals_log.2026-11-18.csv" in message
    assert not any(name in message for name in ("trades", "pnl"))

    tidied(tmp_path, TidyRules(14, max_total=4_000, reserve=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("pnl_log.2026-11-19.csv", "pnl_log.2026-11-20.csv"),
        *("trades_log.2026-11-19.csv", "trades_log.2026-11-20.csv"),
    ]


@given(
    sizes=st.lists(
        st.tuples(st.sampled_from(sorted(LOGS)), st.integers(1, 20), st.integers(1, 3_000)),
        unique_by=lambda one: one[:2],
    ),
    bound=st.integers(1_000, 20_000),
)
def test_whatever_lies_there_the_bound_holds_and_money_outlives_the_rest(
    sizes, bound, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("logs")
    paths = [part(folder, log, day, size) for log, day, size in sizes]

    tidied(folder, TidyRules(30, max_total=bound, reserve=0))

    gone = [path for path in paths if not path.exists()]
    assert total(folder) <= bound
    if any(path.name.startswith(("trades", "pnl")) for path in gone):
        assert all(path.name.startswith(("trades", "pnl")) for path in folder.iterdir())


def test_the_growing_files_count_and_are_never_deleted(tmp_path):
    (tmp_path / "trades_log.csv").write_bytes(b"x" * 5_000)
    old = part(tmp_path, "signals", 20)

    tidied(tmp_path, TidyRules(14, max_total=5_500, reserve=0))

    assert not old.exists()
    assert total(tmp_path) == 5_000


@pytest.mark.parametrize("sizes", [(60_000, 400_000), (50_000_000, 400_000)])
def test_all_logs_together_keep_to_their_bound_while_they_grow(tmp_path, sizes):
    max_bytes, bound = sizes
    with CsvJournal(tmp_path, max_bytes=max_bytes, max_total=bound) as journal:
        for cycle in range(120):
            at = NOW + timedelta(seconds=2 * cycle)
            events = [signal(at=at, ticker=f"M{n}", score=(cycle + n) % 10 / 10) for n in range(20)]
            journal.record([*events, whale(), pnl()])
            journal.flush()
            journal._tidier.wait()
            assert total(tmp_path) <= bound

    assert list(tmp_path.glob("signals_log.*.gz"))
    assert journal.fault is None


def test_a_folder_that_cannot_be_read_is_a_fault_until_it_can(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "main")
    broken = OSError(5, "Input/output error", str(tmp_path))

    def failing(_: RotatedParts) -> list[object]:
        raise broken

    with CsvJournal(tmp_path) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(RotatedParts, "all", failing)
            for minute in range(3):
                at = NOW + timedelta(minutes=minute)
                journal.record([signal(at=at)])
                journal._tidier.wait()
            assert journal.fault is not None
            assert "Old CSV logs cannot be pruned" in journal.fault
            assert "Input/output error" in journal.fault
        journal.record([signal(at=NOW + timedelta(minutes=9))])
        journal._tidier.wait()
        journal.flush()
        assert journal.fault is None

    assert len(caplog.messages) == 1


def test_a_full_disk_leaves_the_part_and_still_keeps_the_bound(tmp_path, monkeypatch):
    path = tmp_path / "signals_log.2026-11-20.csv"
    path.write_text(TEXT, newline="")
    old = part(tmp_path, "signals", 18, 4_000)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(os, "fsync", full)
    tidier = tidied(tmp_path, TidyRules(14, max_total=len(TEXT) + 1_000, reserve=0))

    assert tidier.fault is not None
    assert "No space left on device" in tidier.fault
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert not old.exists()


def test_what_another_process_compresses_is_left_to_it(tmp_path, monkeypatch):
    path = tmp_path / "signals_log.2026-11-20.csv"
    path.write_text(TEXT, newline="")

    def taken(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(os, "lockf", taken)

    assert tidied(tmp_path).fault is None
    assert path.read_bytes() == TEXT.encode()


def test_a_day_of_a_thousand_quiet_markets_stays_small(tmp_path):
    """Rows a second, by what is said of a minute: 1,000 markets every two seconds."""
    with CsvJournal(tmp_path) as journal:
        for cycle in range(30):
            at = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=2 * cycle)
            journal.record(
                [
                    signal(
                        at=at,
                        ticker=f"M{n}",
                        action=Action.HOLD,
                        position_after=Decimal(0),
                        score=0.5 + (n + cycle) % 2 / 100,
                    )
                    for n in range(1_000)
                ]
            )
            journal.flush()

    lines = (tmp_path / "signals_log.csv").read_text().count("\n") - 1
    assert lines == 1_000


ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.ESTALE]


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (csv_writer, "_append"),
        (csv_writer.CsvFile, "_look"),
        (csv_writer.CsvFile, "_opened"),
        (RotatedParts, "all"),
        (Path, "mkdir"),
        (Path, "stat"),
        (os, "fstat"),
    ],
)
def test_no_error_of_the_disk_stops_who_writes_and_rows_come_again(
    owner, name, number, tmp_path, monkeypatch
):
    def broken(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "pnl_log.csv"))

    with CsvJournal(tmp_path) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            journal.turn_to("a 1")
            for minute in range(3):
                journal.record([pnl_after(minute)])
                journal.flush()
            journal._tidier.wait()
            shown = journal.fault
        journal.record([pnl_after(9)])
        journal.flush()
        journal._tidier.wait()

        assert journal.fault is None
        assert shown is None or os.strerror(number) in shown
        assert "2026-01-18T22:24:02" in (tmp_path / "pnl_log.csv").read_text()
        if (owner, name) in {
            (csv_writer, "_append"),
            (RotatedParts, "all"),
            (csv_writer.CsvFile, "_look"),
        }:
            assert shown is not None


def pnl_after(minutes: int) -> PnlMarked:
    return replace(pnl(), at=NOW + timedelta(minutes=minutes))
