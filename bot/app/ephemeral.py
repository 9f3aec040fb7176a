"""Whether a file lies where it was meant to, and not on a disk that is lost with its container."""

import logging
import re
from pathlib import Path
from typing import Final

from bot.config import Settings
from bot.store.connections import address

log = logging.getLogger("main")

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
    """What is odd about a relative database path, as `sqlite:///data/…`, if `/data` exists, too."""
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


def database_folder(settings: Settings) -> list[Path]:
    file = database_file(settings)
    return [file.parent] if file else []


def database_file(settings: Settings) -> Path | None:
    url = address.read(settings.database)
    return Path(url.database or "") if url.drivername == "sqlite" else None


def warn_of_the_disk(settings: Settings) -> None:
    if settings.database_url is not None and (warning := slash_too_few(database_file(settings))):
        log.warning("DATABASE_URL: %s", warning)
    if settings.is_embedded:
        return
    if settings.bot_mode == "live" and settings.database_url is None:
        log.warning(
            "Live trading is kept in a file in LOG_DIR: if it is lost, or another process has its "
            "own, nobody knows what the other did; set DATABASE_URL"
        )
    if lost := [folder.name for folder in database_folder(settings) if _ends(folder)]:
        log.warning(
            "The folder %s lies on a disk that ends with this container, and the account with it: "
            "mount a volume there, or set DATABASE_URL",
            lost[0],
        )


def report_kill_file(settings: Settings) -> None:
    """Say where it is looked for: one that can never be there is a switch that does nothing."""
    file = settings.kill_file.absolute()
    if file.parent.is_dir():
        log.info("No entries while the file %s exists", file)
        return
    log.warning(
        "KILL_FILE: there is no folder %s, so no file can be put there: make it, or name another",
        file.parent,
    )


def _ends(folder: Path) -> bool:
    return is_ephemeral(folder, mounted())
