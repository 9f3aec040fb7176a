"""Whether the disks that the database and the logs need have room: said before one is full.

A full disk keeps nothing, so it would stop exits as well; entries stop before that.
"""

import logging
from collections.abc import Callable, Iterable
from math import inf
from pathlib import Path
from typing import Final

from bot.app.ephemeral import database_folder
from bot.config import Settings

log = logging.getLogger("main")

#: Bytes free below which it is said, and below which nothing is entered.
LOW: Final = 1_000_000_000
LEAST: Final = 100_000_000
#: Seconds between two looks.
EVERY: Final = 30.0
_MEGABYTE: Final = 1_000_000


class DiskWatch:
    """Looks at the free space of some folders now and then."""

    def __init__(
        self,
        folders: Iterable[Path],
        free: Callable[[Path], int],
        stopwatch: Callable[[], float],
    ) -> None:
        """`free` is how many bytes the disk of a folder has left; it may raise OSError."""
        self._folders = tuple(dict.fromkeys(folders))
        self._free = free
        self._stopwatch = stopwatch
        self._due = -inf
        self._reason: str | None = None
        self._warning: str | None = None
        self._low: frozenset[Path] = frozenset()

    def reason(self) -> str | None:
        """Why nothing may be entered; None while there is room."""
        self._look_if_due()
        return self._reason

    def warning(self) -> str | None:
        """Which disk will be full before long; None while all have room."""
        self._look_if_due()
        return self._warning

    def _look_if_due(self) -> None:
        if self._stopwatch() >= self._due:
            self._due = self._stopwatch() + EVERY
            self._look()

    def _look(self) -> None:
        # A folder that is not made yet, or cannot be asked, is for those who write there to name.
        left = {
            folder: room for folder in self._folders if (room := self._room(folder)) is not None
        }
        low = frozenset(folder for folder, room in left.items() if room < LOW)
        for folder in sorted(low - self._low):
            log.warning("The disk of %s", _said(folder, left[folder]))
        self._low = low
        fullest = min(low, key=lambda folder: left[folder], default=None)
        self._warning = f"the disk of {_said(fullest, left[fullest])}" if fullest else None
        full = [folder for folder, room in left.items() if room < LEAST]
        self._reason = f"the disk of {_said(full[0], left[full[0]])}" if full else None

    def _room(self, folder: Path) -> int | None:
        try:
            return self._free(folder)
        except OSError:
            return None


def _said(folder: Path, room: int) -> str:
    name = folder.name or "this folder"
    return f"{name} has {room // _MEGABYTE} MB left: free some space (entries need 100 MB)"


def data_folders(settings: Settings) -> list[Path]:
    """Where the logs lie, and the database if it is a file."""
    return [settings.log_dir, *database_folder(settings)]
