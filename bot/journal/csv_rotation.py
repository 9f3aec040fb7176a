"""The older parts of a CSV log: how they are called, and when they go.

`trades_log.csv` is the part that grows. What was written before lies beside it, called by the day
of its rows: `trades_log.2026-11-21.csv`, further parts of that day `.2.csv`, `.3.csv`; with `.gz`
behind it once it is compressed. Leaves out when a part is full (`csv_writer`) and when it is
compressed (`csv_retention`).
"""

import io
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

log = logging.getLogger("main")

#: What the name of a compressed part ends with.
COMPRESSED: Final = ".gz"
#: Bytes at the end of a file in which its last row is searched.
_TAIL: Final = 256 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A part that is complete. Parts sort in the order in which they were written."""

    day: date
    number: int
    path: Path

    @property
    def is_compressed(self) -> bool:
        """Whether its rows are to be unpacked first."""
        return self.path.name.endswith(COMPRESSED)

    @property
    def name(self) -> str:
        """What it is called, compressed or not."""
        return self.path.name.removesuffix(COMPRESSED)


class RotatedParts:
    """The complete parts of the log whose growing part is `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        stem, suffix = re.escape(path.stem), re.escape(path.suffix)
        name = rf"{stem}\.(\d{{4}}-\d\d-\d\d)(?:\.([2-9]|[1-9]\d+))?{suffix}"
        self._called = re.compile(f"{name}(?:{re.escape(COMPRESSED)})?", re.ASCII).fullmatch

    def listed(self) -> list[Part]:
        """Each of them, oldest first. Raises OSError if the folder cannot be read."""
        # What is being compressed is there twice for a moment; as it was written it is whole.
        return list({part.name: part for part in reversed(self.all())}.values())[::-1]

    def all(self) -> list[Part]:
        """Their files, oldest first. Raises OSError if the folder cannot be read."""
        return sorted(filter(None, map(self._part, self._path.parent.iterdir())))

    def put_away(self, day: date) -> None:
        """Make the growing part the next one of that day. Raises OSError if that is refused."""
        number = 1 + max((part.number for part in self.listed() if part.day == day), default=0)
        further = f".{number}" if number > 1 else ""
        self._path.rename(self._path.with_suffix(f".{day}{further}{self._path.suffix}"))

    def expire(self, day: date, keep_days: int) -> None:
        """Delete those of more than `keep_days` days before `day`; what cannot be is warned of."""
        with suppress(FileNotFoundError, NotADirectoryError):  # no folder, no parts
            for part in self.all():
                # Not `day - timedelta`: there are days that so many days cannot be taken from.
                if (day - part.day).days > keep_days:
                    _delete(part.path)

    def _part(self, path: Path) -> Part | None:
        called = self._called(path.name)
        if called is None:
            return None
        try:
            return Part(date.fromisoformat(called[1]), int(called[2] or 1), path)
        except ValueError:  # 31 February: not one of our parts
            return None


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s is old and cannot be deleted: %s", path.name, error.strerror or error)


def turned_day(known: date | None, day: date | None) -> date | None:
    """The day of a part of `known` once there is a row of `day`.

    Some rows come late around midnight, and stay. A day that is further back means that `known`
    was no day: a clock was wrong.
    """
    if known is None or day is None:
        return known or day
    return known if 0 <= (known - day).days <= 1 else day


def last_day(file: io.FileIO, start: int) -> date | None:
    """The day of the last legible row, None without one; a file's own date moves with each copy."""
    end = file.seek(0, os.SEEK_END)
    begin = file.seek(max(start, end - _TAIL))
    lines = file.read().split(b"\n")
    for line in reversed(lines if begin == start else lines[1:]):
        with suppress(ValueError):
            return date.fromisoformat(line[:10].decode("ascii", "replace"))
    return None
