"""Whether a file lies where it was meant to, and not on a disk that is lost with its container."""

import re
from pathlib import Path
from typing import Final

#: File systems that containers get for themselves, and those in memory.
_FLEETING: Final = frozenset({"overlay", "aufs", "tmpfs", "ramfs"})
#: As Linux tells of what is mounted: a blank in a name is \040.
MOUNTS: Final = Path("/proc/self/mounts")


def is_ephemeral(folder: Path, mounts: str) -> bool:
    """Whether what is in a folder ends with the container; `mounts` is the text of `MOUNTS`."""
    known = dict(_mounted(line) for line in mounts.splitlines() if line.count(" ") >= 2)
    whole = folder.absolute()
    nearest = next((known[each] for each in (whole, *whole.parents) if each in known), "")
    return nearest in _FLEETING


def slash_too_few(file: Path | None, root: Path = Path("/")) -> str | None:
    """What is odd about the relative path of a database whose first folder is there below the root.

    `sqlite:///data/book.db` is a file in `data`, here; the one in `/data` has four slashes.
    """
    if file is None or file.is_absolute() or len(file.parts) < 2:
        return None
    if not (root / file.parts[0]).is_dir():
        return None
    return (
        f"{file} lies below the working directory; if {root / file} is meant, the address begins "
        f"with four slashes: sqlite:///{root / file}"
    )


def mounted() -> str:
    """What is mounted here; nothing where the system does not tell."""
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _mounted(line: str) -> tuple[Path, str]:
    _, where, kind = line.split(" ")[:3]
    return Path(re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), where)), kind
