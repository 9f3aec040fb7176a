"""How long a start takes, and what it leaves in memory.

`python -m bench.start [--rounds N]`

From the command to the first answer and to the end of the first cycle, on the embedded exchange
with a new database. The floor next to it is a FastAPI app with one route under the same uvicorn.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from fastapi import FastAPI

from bench.common import Round as Pair
from bench.common import in_turn, machine, ratio, say
from bench.server import Server

ROOT: Final = Path(__file__).parents[1]
#: Seconds after which a start has failed, between two questions, and before memory is looked at.
PATIENCE: Final = 60.0
REST: Final = 0.01
SETTLED: Final = 3.0
_SIM: Final = {"KALSHI_ENV": "sim", "BOT_INTERVAL": "2"}


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds to the first answer and to readiness, processor seconds by then, megabytes after."""

    answers: float
    ready: float
    processor: float
    resident: float


def bare() -> FastAPI:
    """The least that answers."""
    app = FastAPI()

    @app.get("/health")
    @app.get("/ready")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def main(argv: list[str]) -> int:
    """Prints seconds and megabytes, ours and the floor's."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = in_turn(
        lambda: _start("main:app"),
        lambda: _start("bench.start:bare", "--factory"),
        parser.parse_args(argv).rounds,
    )
    say(f"A start of the service, and of a bare FastAPI app ({machine()})")
    for name, what in (
        ("first answer, s", lambda one: one.answers),
        ("first cycle ended, s", lambda one: one.ready),
        ("processor by then, s", lambda one: one.processor),
        ("resident, MB", lambda one: one.resident),
    ):
        pairs = [Pair(what(one.ours), what(one.theirs)) for one in rounds]
        ours, theirs = median(p.ours for p in pairs), median(p.theirs for p in pairs)
        say(f"{name:22}{ours:8.2f}{theirs:8.2f}   ratio {ratio(pairs)}")
    return 0


def _start(*app: str) -> Start:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        told = {**os.environ, **_SIM, "LOG_DIR": folder}
        # As installed: compiled once, not at each start.
        told.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *app, "--port", str(port), "--log-level", "error"],
            cwd=ROOT,
            env=told,
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                answers, ready = (_until(port, path, began) for path in ("/health", "/ready"))
                spent = Server(port, process.pid).cpu_seconds
                time.sleep(SETTLED)
                return Start(answers, ready, spent, _resident(process.pid))
            finally:
                process.terminate()


def _until(port: int, path: str, began: float) -> float:
    """Seconds from the beginning to the first 200 there."""
    while (passed := time.perf_counter() - began) < PATIENCE:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return time.perf_counter() - began
        except (OSError, urllib.error.HTTPError):
            time.sleep(REST)
    raise SystemExit(f"bench.start: no answer from {path} in {passed:.0f} s")


def _resident(pid: int) -> float:
    """Megabytes; NaN where the system does not tell."""
    status = Path(f"/proc/{pid}/statm")
    if not status.exists():
        return float("nan")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
