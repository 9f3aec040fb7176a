"""`python -m trials.full_disk FOLDER`: what becomes of positions while the disk fills up.

FOLDER lies on a small file system of its own (`mount -t tmpfs -o size=300m tmpfs FOLDER`). The
service trades there in every pass, on paper; a file beside it takes the room. With less left than
entries need, positions are still closed. With nothing left no order may go, for none could be
booked: that is said, nothing is called closed, and once there is room all goes on. Fails if any of
that does not hold. Linux only.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.common import say
from trials.kills import EAGER
from trials.processes import Nursery, Started, TrialFailed

#: Bytes left where entries stop and exits go on.
SOME_LEFT: Final = 40_000_000
#: Seconds for which nothing can be kept; the disk is looked at twice in a minute.
FULL: Final = 35.0
HELD: Final = 3
_PIECE: Final = 100_000


def fill(ballast: Path, left: int) -> None:
    """Leave that many bytes of its disk; 0: not one more can be written."""
    with ballast.open("ab", buffering=0) as file:
        while (room := shutil.disk_usage(ballast.parent).free - left) > 0:
            try:
                file.write(b"\1" * min(_PIECE, room))
            except OSError:
                return


def trial(folder: Path) -> None:
    """All of it; raises TrialFailed if something does not hold."""
    ballast = folder / "ballast"
    settings = {**EAGER, "KALSHI_ENV": "sim", "LOG_DIR": str(folder / "logs")}
    service = Nursery().start(folder / "service", settings, restless=True)
    try:
        held = _hold(service)
        fill(ballast, SOME_LEFT)
        service.wait_for(lambda status: status["killed"], "the disk that fills up is told")
        service.post("/bot/start")
        status = service.wait_for(lambda one: one["positions_count"] == 0, "all are closed")
        say(f"{SOME_LEFT // 1_000_000} MB left: {held} positions closed; {_told(status)}")
        ballast.unlink()
        service.wait_for(lambda one: one["positions_count"] >= 1, "entries go on")
        _full(service, ballast)
    finally:
        ballast.unlink(missing_ok=True)
        service.end()


def _full(service: Started, ballast: Path) -> None:
    held = _hold(service)
    fill(ballast, 0)
    began = time.monotonic()
    service.post("/bot/start")
    service.wait_for(lambda one: one["store_fault"], "the full disk is told")
    said_after = time.monotonic() - began
    time.sleep(FULL)
    status, ready = service.status(), service.get("/ready") or {}
    if status["positions_count"] != held or ready["ready"] or "exits continue" in _told(status):
        raise TrialFailed(f"a full disk: {status} {ready}")
    say(f"nothing left: {held} of {held} held, said after {said_after:.1f} s; {_told(status)}")
    ballast.unlink()
    freed = time.monotonic()
    service.wait_for(lambda one: one["store_fault"] is None, "it is kept again")
    recovered = time.monotonic() - freed
    service.wait_for(lambda one: one["positions_count"] == 0, "all are closed")
    closed = time.monotonic() - freed
    say(f"room again: kept after {recovered:.1f} s, all positions closed after {closed:.1f} s")


def _hold(service: Started) -> int:
    """Stop it while it holds some positions; how many."""
    service.wait_for(lambda status: status["positions_count"] >= HELD, "positions are held")
    service.post("/bot/stop")
    held: int = service.wait_for(lambda one: not one["running"], "it stops")["positions_count"]
    return held


def _told(status: Mapping[str, Any]) -> str:
    return f"it says: {status['entries_stopped']}"


def main(argv: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.full_disk", description=__doc__)
    parser.add_argument("folder", type=Path)
    trial(parser.parse_args(argv).folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TrialFailed as error:
        sys.exit(f"FAILED {error}")
