"""Whether the files that SQLite has open are still those that lie under their names.

SQLite goes on with a file that was deleted or replaced: what it writes then is lost with the
process, and another process opens another database under the same name. Files are looked at and
never opened here: closing one would drop the locks that this process has on it.
"""

from pathlib import Path
from typing import Final

from bot.ports.persistence import StoreLostError

#: The database, the commits that wait beside it, and their index with the locks of all processes.
_SUFFIXES: Final = ("", "-wal", "-shm")


class Presence:
    """The files of one database as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        """Raises StoreLostError if the file is not there."""
        self._path = path
        self._files: dict[str, tuple[int, int]] = {}
        self._size = 0
        self._look("")

    def check(self) -> None:
        """Raises StoreLostError if a file is gone, another one, or shorter than it was."""
        for suffix in tuple(self._files):
            self._look(suffix)

    def begun(self) -> None:
        """The same, once a connection is open that has made whatever was missing."""
        for suffix in _SUFFIXES:
            self._look(suffix)

    def _look(self, suffix: str) -> None:
        path = self._path.with_name(self._path.name + suffix)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise _lost(path, "was deleted or moved away") from None
        except OSError as error:
            raise _lost(path, f"can no longer be read ({error.strerror})") from None
        file = found.st_dev, found.st_ino
        if self._files.setdefault(suffix, file) != file:
            raise _lost(path, "was replaced by another file")
        if not suffix:
            self._see_size(path, found.st_size)

    def _see_size(self, path: Path, size: int) -> None:
        # Retention leaves free pages and no shorter file. Who compacts it by hand ends a term.
        if size < self._size:
            raise _lost(path, f"was cut off at {size} bytes")
        self._size = size


def _lost(path: Path, what: str) -> StoreLostError:
    return StoreLostError(
        f"the SQLite file {path.name} {what} while it was in use: nothing can be kept. "
        "Put it back, or a copy of it while the service is stopped"
    )
