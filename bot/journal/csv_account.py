"""Whose rows the CSV logs hold: those of one account, which a file beside them names.

Rows of two accounts in one file would read as one account that jumps. Whoever writes holds the
mark for as long as it does, so that a process of another account finds the place taken. Leaves out
what becomes of the rows of the account before (`logging_utils`).
"""

import errno
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, TextIO

if sys.platform != "win32":
    import fcntl

#: The file that names the account.
NAME: Final = "csv_account"


class TakenError(OSError):
    """A process of another account writes there."""

    def __init__(self, folder: Path) -> None:
        said = "another account writes its CSV logs there: give each account a LOG_DIR of its own"
        super().__init__(errno.EBUSY, said, str(folder))


class AccountMark:
    """The mark of one folder; held from `claim` to `release`, or until the process dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file: TextIO | None = None

    def claim(self, account: str, begin_anew: Callable[[], None]) -> None:
        """Claim it or raise TakenError or OSError; `begin_anew` puts away another account's."""
        self.release()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            file = undo.enter_context(self._path.open("a+", encoding="utf-8"))
            self._settle(file, account, begin_anew)
            undo.pop_all()  # only a mark that is this account's may be held
        self._file = file

    def release(self) -> None:
        """Release it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _settle(self, file: TextIO, account: str, begin_anew: Callable[[], None]) -> None:
        is_alone = _locked(file, alone=True)
        if not is_alone and not _locked(file, alone=False):
            raise TakenError(self._path.parent)
        file.seek(0)
        if file.read() != account:
            if not is_alone:
                raise TakenError(self._path.parent)
            # First: after a crash in between it is done again.
            begin_anew()
            file.truncate(0)
            file.write(account)
            file.flush()
        _locked(file, alone=False)


def _locked(file: TextIO, *, alone: bool) -> bool:
    """Whether the file is locked, for this process alone or with others of its account."""
    if sys.platform == "win32":  # pragma: no cover  # only one process is sure to write there
        return True
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    # Where files cannot be locked there is no protection.
    with suppress(OSError):
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
