"""Stdout and the CSV logs: two views of the same events, and figures about the files.

`configure` decides which lines there are on stdout and in which format; `CsvJournal` writes events
down; `LogStats` reads figures of the files. What lines and rows say is in
`bot.journal.stdout_lines` and
`bot.journal.csv_rows`, how a line looks in `bot.journal.formatters`, how files are rotated in
`bot.journal.csv_writer`, what becomes of older ones in `bot.journal.csv_retention`.
"""

import io
import logging
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Self, TextIO

from stamina.instrumentation import set_on_retry_hooks

from bot.core.events import CycleStarted, Event, SignalMade
from bot.journal import stdout_lines
from bot.journal.access_lines import AccessLines, ServerLines
from bot.journal.changes import SignalChanges
from bot.journal.csv_account import NAME, AccountMark
from bot.journal.csv_retention import Tidier, TidyRules
from bot.journal.csv_rows import LOGS, ROWS, Row
from bot.journal.csv_stats import LogFileStats, LogStats
from bot.journal.csv_writer import MAX_BYTES, CsvFile
from bot.journal.formatters import FORMATS
from bot.journal.json_fields import CycleFields
from bot.journal.repeats import Repeats
from bot.ports.view_faults import ViewFaults
from bot.scrub import NOTHING, Scrubber

__all__ = ["CsvJournal", "LogFileStats", "LogStats", "configure", "last_lines"]

log = logging.getLogger("main")

#: Characters gathered before rows reach the file without waiting for the end of the cycle.
_FLUSH_AT: Final = 1_000_000
#: Default days that rotated parts are kept.
KEEP_DAYS: Final = 14
#: Default bytes that all CSV logs may take together.
MAX_TOTAL: Final = 500_000_000
#: Between two looks at the older parts, if none is added.
TIDY_EVERY: Final = timedelta(minutes=1)
#: Lines of stdout that are remembered, and characters of each.
MAX_LINES: Final = 1_000
MAX_LINE: Final = 2_000


def configure(
    level: str = "INFO",
    log_format: Literal["text", "json"] = "text",
    scrubber: Scrubber = NOTHING,
) -> None:
    """Log everything at `level` or above to stdout, uvicorn's own lines included, without secrets.

    As text for people, or one JSON object a line for what collects logs. May be called again;
    other handlers of the root logger are left alone.
    """
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Stdout)]:
        root.removeHandler(handler)
    root.addHandler(_Stdout(FORMATS[log_format](), scrubber))
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


def last_lines(count: int) -> list[str]:
    """The last lines on stdout, oldest first, without secrets; none before `configure`."""
    handlers = [h for h in logging.getLogger().handlers if isinstance(h, _Stdout)]
    return handlers[0].last(count) if handlers else []


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stdout` is now; only remembers the lines if there is none."""

    def __init__(self, formatter: logging.Formatter, scrubber: Scrubber) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)
        self._scrubber = scrubber
        self._nowhere = _Nowhere()
        self._is_lost = False
        self._lines: deque[str] = deque(maxlen=MAX_LINES)

    def last(self, count: int) -> list[str]:
        """The last lines, oldest first."""
        # Taken out under the lock: other threads write lines as well.
        with self.lock or nullcontext():
            return list(self._lines)[-count:]

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # read each time, as logging's last resort does
        """The stream of the moment."""
        # A process started with a closed stdout (`>&-`) has None.
        return sys.stdout or self._nowhere

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        """Say once that a disk is full or the reader is gone: a trace a line would be a flood."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
        elif not self._is_lost and sys.stderr:
            self._is_lost = True
            with suppress(OSError):
                sys.stderr.write(f"lines on stdout are lost: {sys.exc_info()[1]}\n")

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets, with what the terminal's encoding lacks spelt out."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        line = self._scrubber.text(super().format(record))
        line = line.encode(encoding, "backslashreplace").decode(encoding)
        self._lines.append(line[:MAX_LINE])
        return line


class _Nowhere(io.StringIO):
    """Takes lines and keeps none."""

    def write(self, text: str) -> int:
        """As if all had been written."""
        return len(text)


class CsvJournal:
    """Writes events to the CSV logs and to stdout. A context manager: it opens the files.

    A disk that is full or read-only loses rows, never raises: `fault` says so until it is over.
    A file of `max_bytes`, or of another day, is rotated; what is older than `keep_days` is deleted,
    and the oldest of what all of them together have beyond `max_total` bytes.
    """

    def __init__(  # noqa: PLR0913  # each is a setting of its own
        self,
        folder: Path,
        max_bytes: int = MAX_BYTES,
        keep_days: int = KEEP_DAYS,
        max_total: int = MAX_TOTAL,
        *,
        every_signal: bool = False,
        scrubber: Scrubber = NOTHING,
    ) -> None:
        """With `every_signal` also those have rows that say nothing new."""
        # At least half of the room is for older parts.
        max_bytes = min(max_bytes, max_total // (2 * len(LOGS)))
        self._files = {
            name: CsvFile(folder / one.file, one.columns, max_bytes) for name, one in LOGS.items()
        }
        paths = {name: folder / one.file for name, one in LOGS.items()}
        self._tidier = Tidier(paths, TidyRules(keep_days, max_total, reserve=max_bytes))
        self._tidied: tuple[datetime, int] | None = None
        self._mark = AccountMark(folder)
        #: The account that the files are still to be begun for.
        self._account: str | None = None
        self._every_signal = every_signal
        self._scrubber = scrubber
        self._changes = SignalChanges()
        self._cycles = CycleFields()
        self._repeats = Repeats()
        self._failing: dict[str, str] = {}
        self._lost = 0
        self._faults = ViewFaults()
        self._odd: str | None = None

    def __enter__(self) -> Self:
        self._write(list(self._files))
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._tidier.end()
        self._mark.release()
        for file in self._files.values():
            with suppress(OSError):  # what it could not write it said before
                file.close()

    def _clean(self, name: str, cells: Row) -> Row:
        # Of all logs only that of trades quotes what somebody else said.
        return tuple(map(self._scrubber.text, cells)) if name == "trades" else cells

    def turn_to(self, account: str) -> None:
        """From now on write the rows of this account, in files that hold no other's."""
        self.flush()
        self._account = account
        self._write([])

    @property
    def fault(self) -> str | None:
        """What is wrong with the files, and what to do about it; None if all is well."""
        stuck = [file.stuck for file in self._files.values() if file.stuck]
        lost = _fault("CSV rows are being lost", list(dict.fromkeys(self._failing.values())))
        tidied = [self._tidier.fault] if self._tidier.fault else []
        untidied = _fault("Old CSV logs cannot be pruned", tidied)
        grown = _fault("CSV logs cannot be rotated", stuck)
        return " ".join(filter(None, (lost, grown, untidied, self._odd))) or None

    def record(self, events: Sequence[Event]) -> None:
        """Write these down, in this order."""
        self._faults.each("a row", self._write_down, events)
        self._faults.each("a line", self._say, events)
        if events:
            self._tidy(events[-1].at)
        self._write([n for n, file in self._files.items() if file.pending_size > _FLUSH_AT])

    def flush(self) -> None:
        """Bring what was recorded to the files."""
        self._odd = self._faults.taken()
        self._write([n for n, file in self._files.items() if file.pending or n in self._failing])

    def _write_down(self, event: Event) -> None:
        if isinstance(event, CycleStarted):
            self._cycles.begin(event)
        row = ROWS.get(type(event))
        if row is not None and self._is_worth_a_row(event):
            name, cells = row
            self._files[name].add(self._clean(name, cells(event)), event.at)

    def _say(self, event: Event) -> None:
        if isinstance(event, CycleStarted):
            for repeat in self._repeats.due(event.at):
                stdout_lines.say_repeat(repeat, self._cycles)
        stdout_lines.log_event(event, self._cycles, self._repeats)

    def _is_worth_a_row(self, event: Event) -> bool:
        if self._every_signal or not isinstance(event, SignalMade):
            return True
        return self._changes.is_new(event)

    def _write(self, names: Sequence[str]) -> None:
        before = bool(self._failing)
        if self._account is not None:
            self._claim(self._account)
        for name in names:
            self._write_one(name)
        if self._failing and not before:
            log.warning("%s", self.fault)
        elif before and not self._failing:
            log.warning("CSV rows are written again; %d were lost", self._lost)
            self._lost = 0

    def _write_one(self, name: str) -> None:
        file = self._files[name]
        if self._account is not None:
            # Better no row than one among those of another account.
            self._lose(file)
            return
        try:
            file.flush()
        except OSError as error:
            self._lose(file)
            self._failing[name] = f"{file.path.name}: {error.strerror or error}"
        else:
            self._failing.pop(name, None)

    def _lose(self, file: CsvFile) -> None:
        self._lost += file.drop()
        # What they said is to be said again.
        self._changes.forget()

    def _claim(self, account: str) -> None:
        """Begin all files for this account, unless they are its own already."""
        try:
            self._mark.claim(account, self._begin_anew)
        except OSError as error:
            where = Path(error.filename).name if error.filename else NAME
            self._failing[NAME] = f"{where}: {error.strerror or error}"
        else:
            self._failing.pop(NAME, None)
            self._account = None

    def _begin_anew(self) -> None:
        self._changes.forget()
        for file in self._files.values():
            file.begin_anew()

    def _tidy(self, at: datetime) -> None:
        """Look after the older parts: now and then, on another day, and when there is a new one."""
        turns = sum(file.turns for file in self._files.values())
        if self._tidied is not None:
            last, known = self._tidied
            if turns == known and abs(at - last) < TIDY_EVERY and at.date() == last.date():
                return
        self._tidied = at, turns
        self._tidier.begin(at.astimezone(UTC).date())


def _fault(what: str, reasons: Sequence[str]) -> str | None:
    if not reasons:
        return None
    return f"{what}: {'; '.join(reasons)}. Free the disk or make the log folder writable"
