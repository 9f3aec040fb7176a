"""Room on disks, and lines that would come in floods."""

import logging
from pathlib import Path

import pytest

from bot.app.disk_space import EVERY, LEAST, LOW, DiskWatch
from bot.telemetry.folded_lines import WINDOW, Folded

LOGS = Path("/somewhere/logs")


class Disk:
    def __init__(self):
        self.room = 10 * LOW
        self.time = 0.0
        self.watch = DiskWatch([LOGS, LOGS], self.free, lambda: self.time)

    def free(self, folder):
        if self.room is None:
            raise FileNotFoundError(folder)
        return self.room

    def later(self, room):
        self.room = room
        self.time += EVERY
        return self.watch.reason()


def test_a_disk_that_fills_is_said_before_entries_stop(caplog):
    disk = Disk()
    assert disk.watch.reason() is None

    assert disk.later(LOW - 1) is None
    assert disk.later(LOW - 2) is None
    assert caplog.text.count("The disk of logs has 999 MB left: free some space") == 1
    assert "the disk of logs has 99 MB left" in disk.later(LEAST - 1)
    assert disk.later(10 * LOW) is None


def test_the_fullest_disk_is_named_as_long_as_it_is_low():
    room = {LOGS: 10 * LOW, Path("/elsewhere/data"): LOW - 1}
    time = [0.0]
    watch = DiskWatch(room, room.__getitem__, lambda: time[0])
    first = watch.warning()
    room[LOGS], time[0] = 2 * LEAST, EVERY
    second, stops = watch.warning(), watch.reason()
    room[LOGS] = room[Path("/elsewhere/data")] = LOW
    time[0] = 2 * EVERY

    assert first is not None
    assert "the disk of data has 999 MB left" in first
    assert second is not None
    assert "the disk of logs has 200 MB left" in second
    assert stops is None
    assert watch.warning() is None


def test_between_two_looks_nothing_is_asked():
    disk = Disk()
    disk.watch.reason()
    disk.room = 0

    assert disk.watch.reason() is None


def test_a_folder_that_is_not_there_is_no_full_disk():
    assert Disk().later(None) is None


@pytest.mark.parametrize("count", [1, 360])
def test_a_flapping_database_is_one_line_a_minute_with_a_count(caplog, count):
    time = [0.0]
    folded = Folded(lambda: time[0])

    for _ in range(count):
        folded.log(logging.WARNING, "The database is away: %s", "refused")
    time[0] = WINDOW
    folded.log(logging.WARNING, "The database is away: %s", "refused")

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0] == "The database is away: refused"
    assert lines[1].endswith(f"({count - 1} more like this since the last one)") or count == 1
