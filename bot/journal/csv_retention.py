"""Keeps the older parts of all CSV logs small and few, beside the event loop.

What is too old goes, what is left is compressed, and beyond a bound for all of it together the
oldest parts go: those of trades and P&L only once there are no others. Leaves out how parts are
named (`csv_rotation`).
"""

import gzip
import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from bot.journal.csv_rotation import COMPRESSED, Part, RotatedParts

log = logging.getLogger("main")

#: A part that fits into one block of a disk takes no less room if it is compressed.
WORTH_IT: Final = 4_096
#: Logs whose parts go last: what happened to money.
_MONEY: Final = frozenset({"trades", "pnl"})
_CHUNK: Final = 1 << 18
#: How hard to compress: twice the time would save another tenth.
_LEVEL: Final = 4
#: Seconds of rest after each chunk, which takes some 3 ms: ten times the rate that any log has.
_REST: Final = 0.02
_NO_FOLDER: Final = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class TidyRules:
    """Days that rotated parts are kept, and bytes that all CSV logs may take.

    The bytes include the current parts. `reserve` is left free of them: what may be written
    between two runs.
    """

    keep_days: int
    max_total: int
    reserve: int


class Tidier:
    """Prunes and compresses in a thread of its own, one run at a time. `fault` is why it cannot."""

    def __init__(self, logs: Mapping[str, Path], rules: TidyRules) -> None:
        """`logs` are the growing files by name."""
        self.fault: str | None = None
        self._logs = logs
        self._rules = rules
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._due: date | None = None
        self._stopping = threading.Event()

    def begin(self, day: date) -> None:
        """Prune and compress the parts as of this day; returns at once."""
        with self._lock:
            self._due = day
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="csv tidier", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait until the running work is done."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def end(self) -> None:
        """Stop soon: what is not compressed yet is left for the next run."""
        self._stopping.set()
        self.wait()

    def _run(self) -> None:
        while (day := self._next()) is not None:
            try:
                self._tidy(day)
            except OSError as error:
                self._say(error)
            else:
                self.fault = None

    def _next(self) -> date | None:
        with self._lock:
            day, self._due = self._due, None
            if day is None:
                self._thread = None
        return day

    def _say(self, error: OSError) -> None:
        name = Path(str(error.filename)).name if error.filename else "the folder"
        fault = f"{name}: {error.strerror or error}"
        if fault != self.fault:
            log.warning("Old CSV logs cannot be pruned: %s", fault)
        self.fault = fault

    def _tidy(self, day: date) -> None:
        try:
            for path in self._logs.values():
                RotatedParts(path).expire(day, self._rules.keep_days)
                self._compress(_there(RotatedParts(path).listed))
        finally:
            # On a disk that is full this is all that can be done.
            self._bound()

    def _compress(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if self._stopping.is_set():
                return
            if not part.is_compressed and _size(part.path) > WORTH_IT:
                with suppress(FileNotFoundError):  # another process was faster
                    compress(part.path, self._stopping)

    def _bound(self) -> None:
        """Delete the oldest parts until all logs together are within the bound."""
        room = self._rules.max_total - self._rules.reserve
        room -= sum(_size(path) for path in self._logs.values())
        found = [
            (name in _MONEY, part)
            for name, path in self._logs.items()
            for part in _there(RotatedParts(path).all)
        ]
        excess = sum(_size(part.path) for _, part in found) - room
        gone = []
        for _, part in sorted(found):
            if excess <= 0:
                break
            excess -= _size(part.path)
            part.path.unlink(missing_ok=True)
            gone.append(part.path.name)
        if gone:
            text = "CSV logs may take %.3g MB (LOG_MAX_TOTAL_MB): deleted %s"
            log.warning(text, self._rules.max_total / 1e6, ", ".join(gone))


def compress(path: Path, stopping: threading.Event) -> None:
    """Put `path` + .gz in the place of the file, whole or not at all. Raises OSError.

    Another process that does the same is left to it, and a file that grows meanwhile stays.
    """
    unfinished = path.with_name(f"{path.name}{COMPRESSED}.tmp")
    with path.open("rb") as source, unfinished.open("ab") as target:
        if not _is_ours(target.fileno(), unfinished):
            return
        target.truncate(0)
        try:
            before = os.fstat(source.fileno()).st_size
            with gzip.GzipFile(path.name, "wb", _LEVEL, target, mtime=0) as packed:
                while (chunk := source.read(_CHUNK)) and not stopping.is_set():
                    packed.write(chunk)
                    # There is no hurry, and the event loop has better things to do.
                    stopping.wait(_REST)
            target.flush()
            os.fsync(target.fileno())
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        if stopping.is_set() or os.fstat(source.fileno()).st_size != before:
            unfinished.unlink(missing_ok=True)
            return
        shutil.copystat(path, unfinished)
        unfinished.rename(path.with_name(path.name + COMPRESSED))
    path.unlink(missing_ok=True)


def _is_ours(descriptor: int, path: Path) -> bool:
    """Whether no other process writes there; what one left behind that died is ours."""
    try:
        with suppress(AttributeError):  # where files cannot be locked
            os.lockf(descriptor, os.F_TLOCK, 0)
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False


def _there(listed: Callable[[], list[Part]]) -> list[Part]:
    """The parts; none where there is no folder."""
    with suppress(*_NO_FOLDER):
        return listed()
    return []


def _size(path: Path) -> int:
    with suppress(*_NO_FOLDER):
        return path.stat().st_size
    return 0
