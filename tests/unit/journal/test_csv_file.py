"""CSV files that grow: what is written reads back, part by part, whatever happens to the files."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.journal.csv_rotation import RotatedParts
from bot.journal.csv_rows import cell, plain
from bot.journal.csv_writer import CsvFile
from tests.support.journals import FillingUp

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COLUMNS = ("timestamp", "text")


def day(number: int) -> datetime:
    return NOON + timedelta(days=number)


def files(path: Path) -> list[Path]:
    """The parts in the order of their names, and at last the file that grows."""
    found = {}
    for one in path.parent.iterdir():
        if called := re.fullmatch(rf"{path.stem}\.(....-..-..)(?:\.(\d+))?\.csv", one.name):
            found[called[1], int(called[2] or 1)] = one
    return [*(found[name] for name in sorted(found)), path]


def rows(path: Path) -> list[tuple[str, ...]]:
    """What is under the header, of which there must be one."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *found = map(tuple, csv.reader(file, strict=True))
    assert header == COLUMNS
    assert COLUMNS not in found
    return found


def everything(path: Path) -> list[tuple[str, ...]]:
    return [row for one in files(path) for row in rows(one)]


def write(file: CsvFile, *moments: datetime, text: str = "") -> None:
    for at in moments:
        file.add((at.isoformat(), text), at)
    file.flush()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


@pytest.fixture
def begin(path: Path) -> Iterator[Callable[..., CsvFile]]:
    """Opens the file as a process that starts does."""
    with ExitStack() as stack:

        def begun(**options: int) -> CsvFile:
            file = CsvFile(path, COLUMNS, **options)
            stack.callback(file.close)
            return file

        yield begun


@given(rows=st.lists(st.tuples(st.text(), st.text().map(cell)).map(lambda r: tuple(map(plain, r)))))
def test_what_is_written_reads_back(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "file.csv"
    file = CsvFile(path, ("a", "b"))
    for row in rows:
        file.add(row, NOON)
    file.flush()
    file.close()

    with path.open(newline="", encoding="utf-8") as written:
        assert [*map(tuple, csv.reader(written, strict=True))] == [("a", "b"), *rows]


@dataclass(frozen=True)
class Step:
    """A row, and what happens around it. `later` and `late` in days, `writer` is whose it is."""

    text: str
    later: int
    late: int
    writer: int
    flush: bool
    restart: bool


STEPS = st.builds(
    Step,
    text=st.text(max_size=40).map(cell),
    later=st.sampled_from((0, 0, 0, 0, 1, 3)),
    late=st.sampled_from((0, 0, 0, 1)),
    writer=st.sampled_from((0, 0, 0, 1)),
    flush=st.booleans(),
    restart=st.sampled_from((False, False, False, True)),
)


def written(path: Path, steps: Sequence[Step], max_bytes: int) -> Iterator[tuple[str, ...]]:
    """Let two writers take these steps in turn; gives the rows in order."""
    writers = [CsvFile(path, COLUMNS, max_bytes) for _ in range(2)]
    now, last = NOON, writers[0]
    for step in steps:
        writer = writers[step.writer]
        if writer is not last:
            last.flush()
        now += timedelta(days=step.later)
        at = now - timedelta(days=step.late)
        writer.add((at.isoformat(), step.text), at)
        yield at.isoformat(), step.text
        if step.flush or step.restart:
            writer.flush()
        if step.restart:
            writer.close()
            writers[step.writer] = writer = CsvFile(path, COLUMNS, max_bytes)
        last = writer
    for writer in writers:
        writer.flush()
        writer.close()


@given(steps=st.lists(STEPS, max_size=30), max_bytes=st.integers(1, 400))
def test_the_parts_in_their_order_are_exactly_the_rows(steps, max_bytes, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "file.csv"

    expected = list(written(path, steps, max_bytes))

    assert everything(path) == expected
    for part in files(path):
        assert part.stat().st_size <= max_bytes or len(rows(part)) <= 1
    if not any(step.late for step in steps):
        for part in files(path)[:-1]:
            assert {row[0][:10] for row in rows(part)} == {part.name.split(".")[1]}


def test_a_new_day_begins_a_new_file(path, begin):
    file = begin()

    write(file, day(0), day(0), day(1), day(4))

    assert [one.name for one in files(path)] == [
        "file.2026-11-21.csv",
        "file.2026-11-22.csv",
        "file.csv",
    ]
    assert [len(rows(one)) for one in files(path)] == [2, 1, 1]


def test_a_full_file_is_begun_anew_and_its_parts_are_numbered(path, begin):
    file = begin(max_bytes=60)

    write(file, *[day(0)] * 12)

    assert [one.name for one in files(path)][:3] == [
        "file.2026-11-21.csv",
        "file.2026-11-21.2.csv",
        "file.2026-11-21.3.csv",
    ]
    assert len(files(path)) == 12
    assert everything(path) == [(NOON.isoformat(), "")] * 12


def test_a_row_larger_than_a_part_has_one_of_its_own(path, begin):
    file = begin(max_bytes=100)

    write(file, day(0))
    write(file, day(0), text="x" * 500)
    write(file, day(0))

    assert [len(rows(one)) for one in files(path)] == [1, 1, 1]


def test_a_day_is_that_of_utc(path, begin):
    file = begin()
    evening = NOON.replace(hour=23).astimezone(UTC)
    elsewhere = evening.astimezone(tz=datetime.strptime("+0500", "%z").tzinfo)

    write(file, evening, elsewhere)

    assert files(path) == [path]


def test_after_a_restart_the_last_row_tells_the_day_whatever_was_done_to_the_file(path, begin):
    write(begin(), day(0))
    os.utime(path, (day(9).timestamp(),) * 2)

    write(begin(), day(1))

    assert [one.name for one in files(path)] == ["file.2026-11-21.csv", "file.csv"]


def test_a_torn_row_does_not_hide_the_day(path, begin):
    write(begin(), day(0), text="x" * 300_000)
    with path.open("ab") as torn:
        torn.write(b"2026-1")
    write(begin(), day(0))
    with path.open("ab") as torn:
        torn.write(b"2026-1")

    write(begin(), day(1))

    assert [one.name for one in files(path)] == ["file.2026-11-21.csv", "file.csv"]


def test_rows_without_a_day_belong_to_that_of_the_next(path, begin):
    path.write_text("timestamp,text\nyesterday,\n")

    write(begin(), day(0))
    write(begin(), day(1))

    assert [len(rows(one)) for one in files(path)] == [2, 1]


@pytest.mark.parametrize("shift", range(11))
def test_a_day_in_the_midst_of_a_row_is_not_its_day(path, begin, shift):
    path.write_text("timestamp,text\nyesterday," + "2020-01-01," * 30_000 + "x" * shift + "\n")

    write(begin(), day(0))

    assert files(path) == [path]


def test_a_clock_that_was_wrong_for_a_while_spoils_one_part_only(path, begin):
    file = begin(max_bytes=200)
    write(file, day(0), day(30_000), *[day(0)] * 20, day(1))

    names = [one.name for one in files(path)]
    assert len([name for name in names if not name.startswith("file.2026-11-21")]) == 2
    assert f"file.{day(30_000).date()}.csv" in names
    assert len(everything(path)) == 23


def test_a_part_never_takes_the_name_of_another(path, begin):
    write(begin(), day(0))
    path.with_name("file.2026-11-21.7.csv").write_text("timestamp,text\n")

    write(begin(), day(1))

    assert path.with_name("file.2026-11-21.8.csv").exists()
    assert not path.with_name("file.2026-11-21.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be renamed there")
def test_who_reads_a_file_keeps_it(path, begin):
    file = begin()
    write(file, day(0), text="old")
    with path.open() as reader:
        write(file, day(1), text="new")
        RotatedParts(path).expire(date(2030, 1, 1), 1)

        assert "old" in reader.read()
    assert "old" not in path.read_text()


def test_a_death_after_the_rename_loses_nothing(path, begin):
    write(begin(), day(0), text="old")
    RotatedParts(path).put_away(day(0).date())

    write(begin(), day(0), text="new")

    assert [row[1] for row in everything(path)] == ["old", "new"]


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be renamed there")
def test_a_file_that_may_not_be_renamed_takes_the_rows(tmp_path, caplog):
    # With the day in it the name would be longer than any file system allows.
    path = tmp_path / f"{'x' * 250}.csv"
    with closing(CsvFile(path, COLUMNS, max_bytes=100)) as file:
        for number in range(3):
            write(file, day(number), day(number), day(number))

    assert len(rows(path)) == 9
    assert file.stuck == f"{path.name}: File name too long"
    assert len(caplog.messages) == 1


def test_a_disk_that_fills_up_leaves_whole_rows(path):
    file = CsvFile(path, ("a", "b"))
    file.add(("1", "2"), NOON)
    file.flush()
    file.close()
    file._file = FillingUp(path, room=3)  # type: ignore[assignment]  # a file in all it is asked

    file.add(("3", "4"), NOON)
    with pytest.raises(OSError, match="No space left"):
        file.flush()
    assert file.drop() == 1
    file.close()

    assert path.read_text() == "a,b\n1,2\n"


def test_rows_that_a_failure_kept_are_written_by_the_next_flush(path, begin):
    path.parent.joinpath("file.csv").mkdir()
    file = begin()
    file.add((NOON.isoformat(), "x"), NOON)
    with pytest.raises(IsADirectoryError):
        file.flush()
    assert file.pending == 1

    path.rmdir()
    file.flush()

    assert everything(path) == [(NOON.isoformat(), "x")]


def test_only_parts_of_this_file_that_are_old_enough_are_deleted(path, caplog):
    ours = [
        "file.2026-11-10.csv",
        "file.2026-11-10.2.csv",
        "file.2026-11-10.3.csv.gz",
        "file.2026-11-10.11.csv",
    ]
    others = [
        "file.csv",
        "file.1.csv",
        "file.2026-11-11.csv",
        "file.2026-11-11.2.csv.gz",
        "file.2026-11-10.csv.gz.tmp",
        "file.2026-11-10.1.csv",
        "file.2026-11-10.02.csv",
        "file.2026-11-1.csv",
        "file.2026-02-31.csv",
        "file.2026-11-10.1٢.csv",
        "other.file.2026-11-10.csv",
        "other.2026-11-10.csv",
    ]
    for name in (*ours, *others):
        path.with_name(name).write_text("")
    stubborn = path.with_name("file.2026-11-09.csv")
    stubborn.mkdir()

    RotatedParts(path).expire(day(0).date(), keep_days=10)

    assert sorted(one.name for one in path.parent.iterdir()) == sorted([*others, stubborn.name])
    (message,) = caplog.messages
    assert message.startswith("file.2026-11-09.csv is old and cannot be deleted: ")


def test_where_no_folder_is_nothing_is_old(tmp_path):
    RotatedParts(tmp_path / "none" / "file.csv").expire(date(2026, 1, 1), 1)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from bot.journal.csv_writer import CsvFile

file = CsvFile(Path(sys.argv[1]), ("timestamp", "text"), 1_000)
at = datetime(2026, 11, 21, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
for number in range(300):
    file.add((at.isoformat(), f"{sys.argv[2]} {number}"), at)
    file.flush()
"""


def writer(path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_write_at_the_same_moment_lose_no_row(path):
    with ExitStack() as stack:
        both = [stack.enter_context(writer(path, name)) for name in ("a", "b")]
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        assert [one.wait(60) for one in both] == [0, 0]

    texts = [row[1] for one in files(path) for row in rows(one) if row]
    for name in ("a", "b"):
        assert [text for text in texts if text[0] == name] == [f"{name} {n}" for n in range(300)]
