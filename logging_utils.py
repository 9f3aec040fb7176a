"""Stdout and the CSV logs: two views of the same events, and figures about the files.

`configure` decides which lines there are on stdout and in which format; `CsvJournal` writes events
down. What lines and rows say is in `bot.journal_lines` and `bot.journal_rows`, how a line looks in
`bot.log_format`, how files are begun anew in `bot.csv_file`.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Final, Literal, Self, TextIO

from stamina.instrumentation import set_on_retry_hooks

from bot import journal_lines
from bot.access_lines import AccessLines, ServerLines
from bot.core.events import CycleStarted, Event
from bot.csv_file import MAX_BYTES, CsvFile
from bot.csv_parts import Parts
from bot.journal_fields import Cycles
from bot.journal_rows import LOGS, ROWS
from bot.log_format import FORMATS

log = logging.getLogger("main")

#: Characters gathered before rows reach the file without waiting for the end of the cycle.
_FLUSH_AT: Final = 1_000_000
#: Days that complete parts are kept, if nobody says otherwise.
KEEP_DAYS: Final = 14
_CHUNK: Final = 1 << 20
#: Bytes by which a file that was counted before is known again: about the last row.
_TAIL: Final = 256


def configure(level: str = "INFO", log_format: Literal["text", "json"] = "text") -> None:
    """Log everything at `level` or above to stdout, uvicorn's own lines included.

    As text for people, or one JSON object a line for what collects logs. May be called again;
    other handlers of the root logger are left alone.
    """
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Stdout)]:
        root.removeHandler(handler)
    root.addHandler(_Stdout(FORMATS[log_format]()))
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(logging.NOTSET)
    access_lines = AccessLines(polls=root.level <= logging.DEBUG)
    logging.getLogger("uvicorn.access").filters = [access_lines]
    logging.getLogger("uvicorn.error").filters = [ServerLines()]
    # Their lines per request to the exchange say nothing that events do not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # What is tried again is an event if it fails for good; stamina's own lines have another look.
    set_on_retry_hooks(())


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stdout` is now."""

    def __init__(self, formatter: logging.Formatter) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # read anew, as logging's last resort does
        """The stream of the moment."""
        return sys.stdout

    def format(self, record: logging.LogRecord) -> str:
        """The line, with what the terminal's encoding lacks spelt out."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return super().format(record).encode(encoding, "backslashreplace").decode(encoding)


class CsvJournal:
    """Writes events to the CSV logs and to stdout. A context manager: it opens the files.

    A disk that is full or read-only loses rows, never raises: `fault` says so until it is over.
    A file of `max_bytes`, or of another day, is begun anew; what is older than `keep_days` goes.
    """

    def __init__(
        self, folder: Path, max_bytes: int = MAX_BYTES, keep_days: int = KEEP_DAYS
    ) -> None:
        self._files = {
            name: CsvFile(folder / one.file, one.columns, max_bytes) for name, one in LOGS.items()
        }
        self._keep_days = keep_days
        self._day: date | None = None
        self._cycles = Cycles()
        self._failing: dict[str, str] = {}
        self._lost = 0

    def __enter__(self) -> Self:
        self._write(list(self._files))
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        for file in self._files.values():
            file.close()

    @property
    def fault(self) -> str | None:
        """What is wrong with the files, and what to do about it; None if all is well."""
        stuck = [file.stuck for file in self._files.values() if file.stuck]
        lost = _fault("CSV rows are being lost", list(self._failing.values()))
        return " ".join(filter(None, (lost, _fault("CSV logs grow on", stuck)))) or None

    def record(self, events: Sequence[Event]) -> None:
        """Write these down, in this order."""
        for event in events:
            if isinstance(event, CycleStarted):
                self._cycles.begin(event)
            journal_lines.say(event, self._cycles)
            row = ROWS.get(type(event))
            if row is not None:
                name, cells = row
                self._files[name].add(cells(event), event.at)
        if events:
            self._expire(events[-1].at.astimezone(UTC).date())
        self._write([n for n, file in self._files.items() if file.pending_size > _FLUSH_AT])

    def flush(self) -> None:
        """Bring what was recorded to the files."""
        self._write([n for n, file in self._files.items() if file.pending or n in self._failing])

    def _write(self, names: Sequence[str]) -> None:
        before = bool(self._failing)
        for name in names:
            self._write_one(name)
        if self._failing and not before:
            log.warning("%s", self.fault)
        elif before and not self._failing:
            log.warning("CSV rows are written again; %d were lost", self._lost)
            self._lost = 0

    def _write_one(self, name: str) -> None:
        file = self._files[name]
        try:
            file.flush()
        except OSError as error:
            self._lost += file.drop()
            self._failing[name] = f"{file.path.name}: {error.strerror or error}"
        else:
            self._failing.pop(name, None)

    def _expire(self, day: date) -> None:
        """Once a day, also for files that get no rows."""
        if day != self._day:
            self._day = day
            for file in self._files.values():
                file.parts.expire(day, self._keep_days)


def _fault(what: str, reasons: Sequence[str]) -> str | None:
    if not reasons:
        return None
    return f"{what}: {'; '.join(reasons)}. Free the disk or make the log folder writable"


@dataclass(frozen=True, slots=True)
class LogFile:
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
    some 30 ms for the 50 MB at which it is begun anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # No path of this machine leaves the service.
        self._shown = folder.name if folder.is_absolute() else folder.as_posix()
        self._known: dict[str, _Counted] = {}

    def read(self) -> dict[str, LogFile]:
        """The figures now, by the log's name. Blocking: call it in a thread."""
        return {name: self._log_file(one.file) for name, one in LOGS.items()}

    def _log_file(self, file: str) -> LogFile:
        shown, parts = f"{self._shown}/{file}", self._parts(file)
        try:
            counted = self._counted(file)
        except OSError:
            return LogFile(False, shown, 0, 0, parts)
        return LogFile(True, shown, counted.size, counted.lines, parts)

    def _parts(self, file: str) -> tuple[str, ...]:
        try:
            return tuple(part.path.name for part in Parts(self._folder / file).listed())
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
