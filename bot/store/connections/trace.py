"""A file beside the SQLite file that records which account is in it, and its last commit.

A file that was deleted, emptied, or replaced by an older copy must not pass for a new account.
Leaves out a server: its files are not ours to lose.
"""

from pathlib import Path
from tempfile import mkstemp
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, inspect, select, text

from bot.ports.persistence import StoreError
from bot.store.tables import books, lease

_REMEDY: Final = "See that the database is the right one, then delete that file"

#: What the name of the trace adds to that of the file.
SUFFIX: Final = "-kept"
#: Bytes up to which a file is searched for damage at the start: a fraction of a second.
CHECKED: Final = 64_000_000


class Trace(msgspec.Struct, frozen=True):
    """The newest term, the account that it writes, the newest commit of that; the file's number."""

    epoch: int
    book: str
    commit: int
    inode: int = 0


def beside(path: Path) -> Path:
    """Where the trace of a file is."""
    return path.with_name(path.name + SUFFIX)


def read(path: Path) -> Trace | None:
    """The trace of a file; None if there is none. Raises StoreError if it cannot be read."""
    place = beside(path)
    try:
        return msgspec.json.decode(place.read_bytes(), type=Trace)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        what = f"{place.name} is damaged ({error}): it tells how far {path.name} got"
        raise StoreError(f"{what}. {_REMEDY}") from error


def write(path: Path, trace: Trace) -> None:
    """Leave a trace, in place of the one before. Raises OSError."""
    place = beside(path)
    # Of several processes that open a file at once, each writes a file of its own.
    handle, name = mkstemp(prefix=f"{place.name}.", dir=place.parent)
    new = Path(name)
    try:
        with open(handle, "wb") as file:
            # Not synchronised with the disk: after a power cut an older trace is good enough.
            file.write(msgspec.json.encode(replace(trace, inode=path.stat().st_ino)))
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)


def refuse_a_loss(path: Path) -> None:
    """Raises StoreError if there was an account, and its file is not there, empty, or another."""
    size, wal = _size(path), path.with_name(f"{path.name}-wal")
    if size:
        _refuse_a_mixture(path, wal)
        return
    what = "is missing" if size is None else "is empty"
    for left in (beside(path), wal):
        if _size(left):
            raise StoreError(
                f"the SQLite file {path.name} {what} though {left.name} tells of an account in "
                f"it: put it back, or a copy of it; to begin a new account, delete {path.name}*"
            )
    if size is not None:
        raise StoreError(
            f"the SQLite file {path.name} is empty: put a copy of it back; to begin a new "
            "account, delete it"
        )


def _refuse_a_mixture(path: Path, wal: Path) -> None:
    # SQLite lays commits that wait over any file, also over one that they were not made for.
    trace = read(path)
    if trace is not None and _size(wal) and path.stat().st_ino != trace.inode:
        raise StoreError(
            f"the SQLite file {path.name} is another one than that to which {wal.name} belongs: "
            f"put that one back; to use this one as it is, delete {wal.name} and "
            f"{beside(path).name}"
        )


def behind(connection: Connection, trace: Trace) -> str | None:
    """What is wrong with a file of SQLite that left this trace; None if it has it all."""
    if damage := _damage(connection):
        return f"it is damaged ({damage})"
    tables = set(inspect(connection).get_table_names())
    if not {lease.name, books.name} <= tables:
        return "it has no tables"
    epoch = connection.scalar(select(lease.c.epoch)) or 0
    if epoch < trace.epoch:
        return f"it ends with term {epoch}, but term {trace.epoch} was committed"
    commit = connection.scalar(select(books.c.commit).where(books.c.book == trace.book)) or 0
    if commit < trace.commit:
        return f"it ends with commit {commit} of {trace.book}, but {trace.commit} was committed"
    return None


def _damage(connection: Connection) -> str | None:
    pages = connection.scalar(text("PRAGMA page_count")) or 0
    if pages * (connection.scalar(text("PRAGMA page_size")) or 0) > CHECKED:
        return None
    found = str(connection.scalar(text("PRAGMA quick_check(1)")))
    return None if found == "ok" else found.splitlines()[-1]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
