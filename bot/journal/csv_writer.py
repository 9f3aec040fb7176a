"""A CSV file, rotated daily and by size.

One header in each part, whole rows, RFC 4180, kept open. It survives what happens to log files:
a restart at any instant, a torn last row, another header, deletion while it is open, another
process that writes the same file, a disk that is full or refuses a new name for a while. Leaves
out what the cells mean, but that a row begins with its moment, and where parts go (`csv_rotation`).
"""

import errno
import io
import logging
import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime
from itertools import accumulate, count
from pathlib import Path
from typing import Final

from bot.journal.csv_rotation import RotatedParts, last_day, turned_day

log = logging.getLogger("main")

#: Default size at which a part is rotated, bytes.
MAX_BYTES: Final = 50_000_000

_needs_quotes = re.compile('[",\r\n]').search
_LINE_END = b"\r\n"
#: A first line longer than this is no header of ours.
_LONGEST_HEADER = 4_096


class CsvFile:
    """Rows gather in memory and reach the file with `flush`.

    `stuck` is why the file could not be rotated; None if all is well.
    """

    def __init__(self, path: Path, columns: Sequence[str], max_bytes: int = MAX_BYTES) -> None:
        """`path` is where the file is, or will be, with its folder; nothing is opened yet.

        Only a part of a single row may be larger than `max_bytes`.
        """
        self.path = path
        self.parts = RotatedParts(path)
        self.stuck: str | None = None
        self._header = ",".join(columns).encode()
        self._max_bytes = max_bytes
        self._file: io.FileIO | None = None
        self._batches: list[tuple[date, list[str]]] = []
        self._at: datetime | None = None
        self._size = 0
        self._day: date | None = None
        #: How many parts this has put away.
        self.turns = 0
        #: Where the rows begin, and where they ended when this looked last.
        self._start, self._end = 0, -1

    def add(self, row: Sequence[str], at: datetime) -> None:
        """Gather a row of this moment."""
        # The rows of a cycle share few moments, and a moment's day costs more than the question.
        if at is not self._at:
            self._at = at
            self._begin_batch(at.astimezone(UTC).date())
        # Five times as fast as csv.writer, which looks at every character in turn.
        line = ",".join([_quoted(cell) if _needs_quotes(cell) else cell for cell in row])
        self._batches[-1][1].append(line)
        self._size += len(line)

    @property
    def pending(self) -> int:
        """Rows gathered since the last flush."""
        return sum(len(rows) for _, rows in self._batches)

    @property
    def pending_size(self) -> int:
        """Characters gathered since the last flush."""
        return self._size

    def flush(self) -> None:
        """Append what was gathered, in whole rows; what OSError keeps from it is still pending."""
        self._look()
        for day, rows in self._batches:
            self._turn(day)
            while rows:
                self._write(rows)
        self.drop()

    def begin_anew(self) -> None:
        """Make the rows that are there a part. Raises OSError if that is refused."""
        self._put_away(self._look())
        self._look()

    def drop(self) -> int:
        """Forget the rows that are pending, and how many they were."""
        dropped = self.pending
        self._batches.clear()
        self._at = None
        self._size = 0
        return dropped

    def close(self) -> None:
        """Close the file; a later flush opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_batch(self, day: date) -> None:
        if not self._batches or self._batches[-1][0] != day:
            self._batches.append((day, []))

    def _look(self) -> io.FileIO:
        """The file, open; whose day it is is found out if somebody else wrote to it."""
        file = self._opened()
        end = file.seek(0, os.SEEK_END)
        if end != self._end:
            self._end = end
            parts = self.parts.listed()
            last = last_day(file, self._start)
            self._day = turned_day(parts[-1].day if parts else None, last)
        return file

    def _turn(self, day: date) -> None:
        """Rotate if a row of this day belongs in another part."""
        turned = turned_day(self._day, day)
        if turned == self._day or self._is_empty or self._day is None or self._begin_anew():
            self._day = turned

    def _write(self, rows: list[str]) -> None:
        """Move rows to the file, from the first on: as many as have room there."""
        body, room = _joined(rows), self._max_bytes - self._end
        fitting = len(rows) if len(body) <= room else _fitting(rows, room)
        if not fitting and not self._is_empty and self._begin_anew():
            return
        # A row larger than a part gets one of its own; a file that is stuck takes them all.
        fitting = fitting or (1 if self._is_empty else len(rows))
        if fitting < len(rows):
            body = _joined(rows[:fitting])
        self._end = _append(self._look(), body)
        del rows[:fitting]

    @property
    def _is_empty(self) -> bool:
        return self._end <= self._start

    def _begin_anew(self) -> bool:
        """Make what is there a part and begin a new file; False if that is refused."""
        try:
            self._put_away(self._look())
        except OSError as error:
            if self.stuck is None:
                log.warning("%s cannot be rotated: %s", self.path.name, error.strerror or error)
            self.stuck = f"{self.path.name}: {error.strerror or error}"
            return False
        self.stuck = None
        day = self._day
        self._look()
        self._day = day
        return True

    def _put_away(self, file: io.FileIO) -> None:
        with _alone(file):
            # Another process may have done it while this one waited.
            if self._day is not None and not self._is_empty and self._in_place(file):
                self.parts.put_away(self._day)
                self.turns += 1

    def _opened(self) -> io.FileIO:
        if self._file is not None and self._in_place(self._file):
            return self._file
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._move_foreign_file_aside()
        with ExitStack() as undo:
            file = undo.enter_context(io.FileIO(self.path, "a+"))
            with _alone(file):
                _append(file, self._beginning(file))
            undo.pop_all()  # only a file that has its header may stay open
        file.seek(0)
        self._start, self._end = file.read(_LONGEST_HEADER).find(b"\n") + 1, -1
        self._file = file
        return file

    def _in_place(self, file: io.FileIO) -> bool:
        """Whether the path still leads to the open file: it may have been deleted or rotated."""
        with suppress(FileNotFoundError):
            return os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        return False

    def _beginning(self, file: io.FileIO) -> bytes:
        """What must come before the next row: the header, or the end of a torn row."""
        if file.seek(0, os.SEEK_END) == 0:
            return self._header + _LINE_END
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else _LINE_END

    def _move_foreign_file_aside(self) -> None:
        try:
            with self.path.open("rb") as file:
                first = file.readline(_LONGEST_HEADER)
        except FileNotFoundError:
            return
        if first and first.removeprefix(b"\xef\xbb\xbf").strip() != self._header:
            aside = next(p for p in map(self._numbered, count(1)) if not p.exists())
            self.path.rename(aside)
            log.warning("%s has other columns and was renamed to %s", self.path.name, aside.name)

    def _numbered(self, number: int) -> Path:
        return self.path.with_suffix(f".{number}{self.path.suffix}")


def _fitting(rows: Sequence[str], room: int) -> int:
    """How many of the rows, from the first on, take no more than so many bytes."""
    ends = accumulate(len(row.encode()) + len(_LINE_END) for row in rows)
    return bisect_right(list(ends), room)


def _joined(rows: Sequence[str]) -> bytes:
    return "\r\n".join([*rows, ""]).encode()


def _append(file: io.FileIO, rows: bytes) -> int:
    """Write all or nothing; where the file ends now."""
    end = file.seek(0, os.SEEK_END)
    if file.write(rows) != len(rows):
        # Half a row would spoil the file for every reader.
        file.truncate(end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file.name))
    return end + len(rows)


@contextmanager
def _alone(file: io.FileIO) -> Iterator[None]:
    """While this is open no other process begins or ends this file, where files can be locked."""
    _lock(file, "F_LOCK")
    try:
        yield
    finally:
        _lock(file, "F_ULOCK")


def _lock(file: io.FileIO, how: str) -> None:
    # Windows knows neither the function nor its constants.
    with suppress(OSError, AttributeError):
        file.seek(0)
        os.lockf(file.fileno(), getattr(os, how), 0)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'
