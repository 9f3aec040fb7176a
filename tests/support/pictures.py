"""The pictures of docs/dashboard.md: `python -m tests.support.pictures [--demo ADDRESS] [NAME…]`.

The panels of a demo that has run for ten minutes (or of the one at that address), and the page in
each state of real services around it; of all that are made only those that are named are kept, if
any are. Needs a Chromium, and twelve minutes for all.
"""

import argparse
import io
import signal
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser

from tests.support.browser import Tab, browser, tab
from tests.support.shown import all_read, opened
from trials.processes import TOKEN, Exchange, Nursery, Started, exchange, until

OUT: Final = Path(__file__).parents[2] / "docs" / "images" / "dashboard"
COMMON: Final = {
    "BOT_INTERVAL": "2",
    "BOT_MIN_EDGE": "-100",
    "BOT_ORDER_SIZE": "50",
    "API_TOKEN": TOKEN,
    "OMP_NUM_THREADS": "1",
}
DEMO: Final = {**COMMON, "KALSHI_ENV": "sim", "ENVIRONMENT": "test"}
MINUTES: Final = 10
#: Milliseconds within which a demo holds a position again.
HOLDS: Final = 300_000
QUALITY: Final = 82
#: Each panel: its picture, the tab, width, height, scheme.
PANELS: Final = (
    ("markets-1920-dark", "Markets", 1920, 1405, "dark"),
    ("markets-390-dark", "Markets", 390, 1500, "dark"),
    ("trades-1280-light", "Trades", 1280, 1500, "light"),
    ("whales-1280-dark", "Whales", 1280, 1500, "dark"),
    ("model-1280-light", "Model", 1280, 1500, "light"),
)


#: Says the name of this machine, which belongs in no picture, as that of another.
NEUTRAL: Final = """([from, to]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
}"""
HOST: Final = "trader-a"


class Wanted:
    """Which pictures are kept: those named, all if none is."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def any_of(self, *names: str) -> bool:
        """Whether one of these is."""
        return not self._names or not self._names.isdisjoint(names)


def taken(one: Tab, name: str, wanted: Wanted, height: int = 900) -> None:
    """Keep what the page shows, if that picture is wanted."""
    if not wanted.any_of(name):
        return
    size = one.page.viewport_size or {"width": 1280, "height": 900}
    one.page.set_viewport_size({**size, "height": height})
    # Charts are drawn anew for the size, and numbers settle.
    one.page.wait_for_timeout(1_500)
    one.page.evaluate(NEUTRAL, [socket.gethostname(), HOST])
    image = Image.open(io.BytesIO(one.page.screenshot()))
    image.save(OUT / f"{name}.webp", quality=QUALITY, method=6)


def panels(chromium: Browser, address: str, wanted: Wanted) -> None:
    """The panels of a demo, while it holds something."""
    for name, place, width, height, scheme in PANELS:
        if not wanted.any_of(name):
            continue
        with tab(chromium, address, width, scheme) as one:
            one.wait_for("RUNNING", ".condition .state")
            opened(one, place)
            one.page.locator("#positions .close").first.wait_for(timeout=HOLDS)
            one.page.evaluate("scrollTo(0, 0)")
            taken(one, name, wanted, height)


def in_state(one: Tab, word: str, name: str, wanted: Wanted) -> None:
    """The page once it says that word."""
    one.wait_for(word, ".condition .state")
    taken(one, name, wanted)


def states(chromium: Browser, service: Started, wanted: Wanted) -> None:
    """A demo that is fresh, stopped, killed, without its database, and hangs."""
    with tab(chromium, service.address) as one:
        one.wait_for("RUNNING", ".condition .state")
        all_read(one)
        in_state(one, "RUNNING", "fresh", wanted)
        service.post("/bot/stop")
        in_state(one, "STOPPED", "stopped", wanted)
        service.post("/bot/start")
        service.post("/bot/kill?reason=the+spread+looks+wrong")
        in_state(one, "KILLED", "killed", wanted)
        service.post("/bot/resume")
        one.wait_for("RUNNING", ".condition .state")
        holder = sqlite3.connect(service.folder / "kalshiproto.db")
        holder.execute("BEGIN EXCLUSIVE")
        in_state(one, "DATABASE AWAY", "database-away", wanted)
        holder.rollback()
        holder.close()
        one.wait_for("RUNNING", ".condition .state")
        service.send(signal.SIGSTOP)
        in_state(one, "NO CONNECTION", "no-connection", wanted)
        service.send(signal.SIGCONT)


@contextmanager
def started(folder: Path, settings: Mapping[str, str]) -> Iterator[Started]:
    """A service that has finished three cycles, or follows one that has."""
    with Nursery().running(folder, {**settings, "LOG_DIR": str(folder)}) as service:
        service.wait_for(lambda status: status["loop_count"] >= 3 or status["leads"], "cycles")
        yield service


def locked(chromium: Browser, folder: Path, wanted: Wanted) -> None:
    """A token that is wrong."""
    settings = {**DEMO, "API_READ_TOKEN": "a-token-to-read-with"}
    service = Nursery().start(folder, {**settings, "LOG_DIR": str(folder)})
    until(lambda: service.get("/health"), "it answers")
    with tab(chromium, service.address) as one:
        one.page.get_by_label("Token", exact=True).fill("not-this-one-of-course")
        one.page.get_by_role("button", name="Read").click()
        one.wait_for("was not accepted", ".gate")
        taken(one, "wrong-token", wanted)
    service.end()


def around(chromium: Browser, folder: Path, place: Exchange, wanted: Wanted) -> None:
    """Live on the simulated exchange; then paper, one that stands by, and the exchange away."""
    outside = {**COMMON, "KALSHI_BASE_URL": place.address, "KALSHI_ENV": "demo"}
    live = {**outside, **place.keys, "BOT_MODE": "live", "BOT_MIN_EDGE": "-100"}
    with started(folder / "live", live) as service:
        service.wait_for(lambda status: status["loop_count"] >= 20, "twenty cycles")
        for name, width in (("live", 1280), ("live-390", 390)):
            with tab(chromium, service.address, width) as one:
                one.wait_for("LIVE", ".mode")
                all_read(one)
                one.page.locator("#positions .close").first.wait_for(timeout=HOLDS)
                taken(one, name, wanted)
        with tab(chromium, service.address, 390, "light") as one:
            opened(one, "Log")
            one.page.locator(".tabs").evaluate("tabs => tabs.scrollIntoView()")
            taken(one, "log-390-light", wanted, 1_200)
    shared = {**outside, "DATABASE_URL": f"sqlite:///{folder}/shared.db"}
    with started(folder / "a", shared) as first, started(folder / "b", shared) as second:
        follows = first if not first.status()["leader"] else second
        with tab(chromium, follows.address) as one:
            all_read(one)
            in_state(one, "STANDING BY", "standby", wanted)


def away(chromium: Browser, folder: Path, wanted: Wanted) -> None:
    """An exchange that has ended."""
    with exchange(folder) as place:
        settings = {**COMMON, "KALSHI_BASE_URL": place.address, "KALSHI_ENV": "demo"}
        service = Nursery().start(folder / "away", {**settings, "LOG_DIR": str(folder / "away")})
        service.wait_for(lambda status: status["loop_count"] >= 3, "three cycles")
    with tab(chromium, service.address) as one:
        all_read(one)
        in_state(one, "EXCHANGE AWAY", "exchange-away", wanted)
    service.end()


def _panels(chromium: Browser, folder: Path, demo: str | None, wanted: Wanted) -> None:
    """Those of the demo at that address, or of one of its own."""
    if demo:
        panels(chromium, demo, wanted)
        return
    with started(folder / "demo", DEMO) as service:
        cycles = MINUTES * 30
        until(lambda: service.status()["loop_count"] >= cycles, "ten minutes", 1_200)
        panels(chromium, service.address, wanted)


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.pictures", description=__doc__)
    parser.add_argument("--demo", help="the address of a demo that has run for ten minutes")
    parser.add_argument("names", nargs="*", help="the pictures to keep, all without any")
    asked = parser.parse_args()
    wanted = Wanted(asked.names)
    with tempfile.TemporaryDirectory() as root, browser() as chromium:
        folder = Path(root)
        if wanted.any_of(*(panel[0] for panel in PANELS)):
            _panels(chromium, folder, asked.demo, wanted)
        if wanted.any_of("fresh", "stopped", "killed", "database-away", "no-connection"):
            with started(folder / "fresh", DEMO) as service:
                states(chromium, service, wanted)
        if wanted.any_of("wrong-token"):
            locked(chromium, folder / "locked", wanted)
        if wanted.any_of("live", "live-390", "log-390-light", "standby"):
            with exchange(folder) as place:
                around(chromium, folder, place, wanted)
        if wanted.any_of("exchange-away"):
            away(chromium, folder, wanted)


if __name__ == "__main__":
    main()
