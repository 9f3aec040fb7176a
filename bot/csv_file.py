"""A CSV file that grows: one header, whole rows, RFC 4180, kept open.

It survives what happens to log files: a restart, a torn last row, another header, deletion
while it is open, a disk that is full for a while. Leaves out what the cells mean.
"""

import errno
import io
import logging
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

log = logging.getLogger("main")

_needs_quotes = re.compile('[",\r\n]').search
_LINE_END = b"\r\n"
#: A first line longer than this is no header of ours.
_LONGEST_HEADER = 4_096


class CsvFile:
    """Rows gather in memory and reach the file with `flush`."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """`path` is where the file is, or will be, with its folder; nothing is opened yet."""
        self.path = path
        self._header = ",".join(columns).encode()
        self._file: io.FileIO | None = None
        self._rows: list[str] = []
        self._size = 0

    def add(self, row: Sequence[str]) -> None:
        """Gather a row."""
        # Five times as fast as csv.writer, which looks at every character in turn.
        line = ",".join([_quoted(cell) if _needs_quotes(cell) else cell for cell in row])
        self._rows.append(line)
        self._size += len(line)

    @property
    def pending(self) -> int:
        """Rows gathered since the last flush."""
        return len(self._rows)

    @property
    def pending_size(self) -> int:
        """Characters gathered since the last flush."""
        return self._size

    def flush(self) -> None:
        """Append what was gathered, in whole rows; raises OSError if that fails: they are lost."""
        rows = "\r\n".join([*self._rows, ""]).encode()
        self._rows.clear()
        self._size = 0
        self._append(self._opened(), rows)

    def close(self) -> None:
        """Let go of the file; a later flush opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> io.FileIO:
        if self._file is not None and self._in_place(self._file):
            return self._file
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._move_foreign_file_aside()
        with ExitStack() as undo:
            file = undo.enter_context(io.FileIO(self.path, "a+"))
            self._append(file, self._beginning(file))
            undo.pop_all()  # only a file that has its header may be kept open
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

    def _append(self, file: io.FileIO, rows: bytes) -> None:
        end = file.seek(0, os.SEEK_END)
        if file.write(rows) != len(rows):
            # Half a row would spoil the file for every reader.
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _move_foreign_file_aside(self) -> None:
        try:
            with self.path.open("rb") as file:
                first = file.readline(_LONGEST_HEADER)
        except FileNotFoundError:
            return
        if first and first.removeprefix(b"\xef\xbb\xbf").strip() != self._header:
            aside = next(p for p in map(self._numbered, count(1)) if not p.exists())
            self.path.rename(aside)
            log.warning("%s has other columns and is kept as %s", self.path.name, aside.name)

    def _numbered(self, number: int) -> Path:
        return self.path.with_suffix(f".{number}{self.path.suffix}")


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'
