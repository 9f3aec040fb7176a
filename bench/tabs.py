"""What ten open tabs of the dashboard cost the service, as a ratio to none.

`python -m bench.tabs [--tabs N] [--seconds S] [--rounds N]`

A demo at its usual pace; the tabs are those of a real Chromium, which takes its own processor time.
Counted is the processor time of the service alone. Needs a Chromium.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, sync_playwright

from bench.common import in_turn, machine, ratio, say
from bench.server import Server
from bench.start import free_port
from tests.support.browser import program

ROOT: Final = Path(__file__).parents[1]
DEMO: Final = {"KALSHI_ENV": "sim", "BOT_INTERVAL": "2", "BOT_MIN_EDGE": "-100"}
PATIENCE: Final = 60.0
#: Seconds after which a tab has read what it reads first.
SETTLED: Final = 3.0


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium; ends the measurement on a machine without one."""
    path = program()
    if path is None:
        raise SystemExit("bench: no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def demo() -> Iterator[Server]:
    """A demo that is ready."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]
        env = {**os.environ, **DEMO, "LOG_DIR": folder}
        with subprocess.Popen(
            [*command, "--log-level", "error"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL
        ) as process:
            try:
                _until_ready(port)
                yield Server(port, process.pid)
            finally:
                process.terminate()


def _until_ready(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("bench.tabs: the demo is not ready")


@contextmanager
def open_tabs(chromium: Browser, address: str, count: int) -> Iterator[None]:
    """So many tabs, each with a session of its own."""
    with ExitStack() as stack:
        for _ in range(count):
            context = stack.enter_context(chromium.new_context())
            page = context.new_page()
            page.goto(f"{address}/dashboard")
            page.locator(".condition .state", has_text="RUNNING").wait_for()
        time.sleep(SETTLED if count else 0)
        yield


def main(argv: list[str]) -> int:
    """Prints milliseconds of processor time a second, with the tabs and without."""
    parser = argparse.ArgumentParser(prog="python -m bench.tabs", description=__doc__)
    parser.add_argument("--tabs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args(argv)
    with browser() as chromium, demo() as server:

        def spent(tabs: int) -> float:
            with open_tabs(chromium, f"http://127.0.0.1:{server.port}", tabs):
                before = server.cpu_seconds
                time.sleep(wanted.seconds)
                return (server.cpu_seconds - before) / wanted.seconds * 1e3

        rounds = in_turn(lambda: spent(wanted.tabs), lambda: spent(0), wanted.rounds)
    say(f"Processor time of the service with {wanted.tabs} tabs and none ({machine()})")
    for one in rounds:
        say(f"{one.ours:8.1f} ms/s {one.theirs:8.1f} ms/s")
    say(f"ratio {ratio(rounds)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
