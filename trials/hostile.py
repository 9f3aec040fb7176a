"""Hostile visitors against a real service: `python -m trials.hostile [--seconds S] [--files N]`.

The service is started as the README says, over the embedded exchange. During each attack `/health`
is asked for ten times a second on a new connection. A line each: how long that took, the memory,
the lines of log, and the cycles that were made meanwhile. `--files` bounds the open files of the
service. `--project` is the folder of another version to compare with.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from trials.attacks import ATTACKS
from trials.processes import HOST, ROOT, TrialFailed, free_port, until

#: Seconds that a visitor waits for `/health`.
_PATIENCE: Final = 5.0
#: Memory that nobody may make the service take, megabytes.
_MOST_MEMORY: Final = 512
_SETTINGS: Final = {"KALSHI_ENV": "sim", "BOT_INTERVAL": "2", "API_TOKEN": "a-token-for-trials"}
_KEPT: Final = ("PATH", "HOME", "LANG")


def main(argv: Sequence[str]) -> int:
    """Attack in each way, one after the other; not 0 if the service did not bear it."""
    parser = argparse.ArgumentParser(prog="python -m trials.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each attack")
    parser.add_argument("--files", type=int, help="open files that the service may have")
    parser.add_argument("--project", type=Path, default=ROOT)
    parser.add_argument("attacks", nargs="*", default=list(ATTACKS))
    wanted = parser.parse_args(argv)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("nobody", *wanted.attacks):
            with _service(Path(folder) / name, wanted.project, wanted.files) as service:
                if not service.bears(name, wanted.seconds):
                    failed.append(name)
    _say(f"not borne: {', '.join(failed)}" if failed else "all were borne")
    return 1 if failed else 0


class Attacked:
    """The service that is attacked."""

    def __init__(self, port: int, pid: int, words: Path) -> None:
        self._port = port
        self._status = Path(f"/proc/{pid}/status")
        self._words = words

    def answers(self) -> bool:
        """Whether `/health` does."""
        return self._health() is not None

    def bears(self, name: str, seconds: float) -> bool:
        """Attack it; whether it answers all the time, and keeps to its memory."""
        lines = len(self._words.read_text().splitlines())
        command = [sys.executable, "-m", "trials.attacks", name, str(self._port), str(seconds)]
        attack = None if name == "nobody" else subprocess.Popen(command, cwd=ROOT)
        try:
            took, most = self._watched(seconds)
        finally:
            if attack is not None:
                attack.kill()
                attack.wait()
        words = self._words.read_text().splitlines()[lines:]
        cycles = sum("complete:" in line for line in words)
        answered = sorted(one for one in took if one is not None)
        p50, p99 = (_share(answered, share) * 1_000 for share in (0.5, 0.99))
        _say(
            f"{name:18} /health {len(answered):3} of {len(took):3}, p50 {p50:6.1f} ms, "
            f"p99 {p99:6.1f} ms; memory {most:4.0f} MB; {cycles} cycles, {len(words)} lines"
        )
        return len(answered) == len(took) and most < _MOST_MEMORY

    def _watched(self, seconds: float) -> tuple[list[float | None], float]:
        took: list[float | None] = []
        most, end = 0.0, time.monotonic() + seconds
        while time.monotonic() < end:
            took.append(self._health())
            most = max(most, self._memory())
            time.sleep(max(0.0, 0.1 - (took[-1] or 0.0)))
        return took, most

    def _health(self) -> float | None:
        began = time.perf_counter()
        asking = HTTPConnection(HOST, self._port, timeout=_PATIENCE)
        try:
            asking.request("GET", "/health")
            asking.getresponse().read()
        except (OSError, HTTPException):
            return None
        finally:
            asking.close()
        return time.perf_counter() - began

    def _memory(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", self._status.read_text())
        return int(found[1]) / 1_000 if found else float("nan")


@contextmanager
def _service(folder: Path, project: Path, files: int | None) -> Iterator[Attacked]:
    folder.mkdir()
    port, words = free_port(), folder / "stdout.txt"
    command = [sys.executable, "-m", "uvicorn", "main:app", "--host", HOST, "--port", str(port)]
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    settings = {**kept, **_SETTINGS, "LOG_DIR": str(folder)}
    with words.open("w") as out:
        process = subprocess.Popen(
            command, cwd=project, env=settings, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        service = Attacked(port, process.pid, words)
        until(lambda: process.poll() is not None or service.answers(), "the service starts")
        if process.poll() is not None:
            raise TrialFailed(words.read_text())
        yield service
    finally:
        process.terminate()
        process.wait(30)


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
