"""Sizes and line counts of the CSV logs. Leaves out how they are written (`csv_writer`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.journal.csv_rotation import RotatedParts
from bot.journal.csv_rows import LOGS

_CHUNK: Final = 1 << 20
#: Bytes by which a file that was counted before is known again: about the last row.
_TAIL: Final = 256


@dataclass(frozen=True, slots=True)
class LogFileStats:
    """One CSV log as it lies there; `line_count` includes the header.

    `parts` are the names of the complete parts beside it, oldest first; they are not counted.
    """

    exists: bool
    path: str
    size_bytes: int
    line_count: int
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counted:
    size: int = 0
    lines: int = 0
    tail: bytes = b""


class LogStats:
    """Figures of the CSV logs as they grow now, and the names of parts that are complete.

    Reads only what was added since it last looked. The first look at a file reads all of it, in
    some 30 ms for the 50 MB at which it is rotated.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # No path of this machine leaves the service.
        self._shown = folder.name if folder.is_absolute() else folder.as_posix()
        self._known: dict[str, _Counted] = {}

    def read(self) -> dict[str, LogFileStats]:
        """The figures now, by the log's name. Blocking: call it in a thread."""
        return {name: self._log_file(one.file) for name, one in LOGS.items()}

    def _log_file(self, file: str) -> LogFileStats:
        shown, parts = f"{self._shown}/{file}", self._parts(file)
        try:
            counted = self._counted(file)
        except OSError:
            return LogFileStats(False, shown, 0, 0, parts)
        return LogFileStats(True, shown, counted.size, counted.lines, parts)

    def _parts(self, file: str) -> tuple[str, ...]:
        try:
            return tuple(part.name for part in RotatedParts(self._folder / file).listed())
        except OSError:
            return ()

    def _counted(self, name: str) -> _Counted:
        known = self._known.get(name, _Counted())
        with (self._folder / name).open("rb", buffering=0) as file:
            # A file that no longer holds what was counted is another file: from the start.
            file.seek(known.size - len(known.tail))
            if file.read(len(known.tail)) != known.tail:
                known = _Counted()
                file.seek(0)
            while chunk := file.read(_CHUNK):
                tail = chunk[-_TAIL:]
                known = _Counted(known.size + len(chunk), known.lines + chunk.count(b"\n"), tail)
        self._known[name] = known
        return known
