"""The pictures of docs/dashboard.md: `python -m tests.support.pictures [--demo ADDRESS]`.

The panels of a demo that has run for ten minutes (or of the one at that address), and the page in
each state of real services around it. Needs a Chromium, and twelve minutes.
"""

import argparse
import io
import signal
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser

from tests.support.browser import Tab, browser, tab
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
QUALITY: Final = 82
#: Each panel: its picture, the tab, width, height, scheme.
PANELS: Final = (
    ("markets-1920-dark", "Markets", 1920, 1405, "dark"),
    ("markets-390-dark", "Markets", 390, 1500, "dark"),
    ("trades-1280-light", "Trades", 1280, 1500, "light"),
    ("whales-1280-dark", "Whales", 1280, 1500, "dark"),
    ("model-1280-light", "Model", 1280, 1500, "light"),
)


def taken(one: Tab, name: str, height: int = 900) -> None:
    """Keep what the page shows."""
    size = one.page.viewport_size or {"width": 1280, "height": 900}
    one.page.set_viewport_size({**size, "height": height})
    # Charts are drawn anew for the size, and numbers settle.
    one.page.wait_for_timeout(1_500)
    image = Image.open(io.BytesIO(one.page.screenshot()))
    image.save(OUT / f"{name}.webp", quality=QUALITY, method=6)


def ready(one: Tab) -> None:
    """Wait until every panel was read."""
    one.page.wait_for_function("() => !document.body.innerText.includes('Reading ')")


def panels(chromium: Browser, address: str) -> None:
    """The panels of a demo."""
    for name, place, width, height, scheme in PANELS:
        with tab(chromium, address, width, scheme) as one:
            one.wait_for("RUNNING", ".condition .state")
            one.page.get_by_role("navigation").get_by_role("link", name=place, exact=True).click()
            ready(one)
            one.page.evaluate("scrollTo(0, 0)")
            taken(one, name, height)


def in_state(one: Tab, word: str, name: str) -> None:
    """The page once it says that word."""
    one.wait_for(word, ".condition .state")
    taken(one, name)


def states(chromium: Browser, service: Started) -> None:
    """A demo that is fresh, stopped, killed, without its database, and hangs."""
    with tab(chromium, service.address) as one:
        one.wait_for("RUNNING", ".condition .state")
        ready(one)
        in_state(one, "RUNNING", "fresh")
        service.post("/bot/stop")
        in_state(one, "STOPPED", "stopped")
        service.post("/bot/start")
        service.post("/bot/kill?reason=the+spread+looks+wrong")
        in_state(one, "KILLED", "killed")
        service.post("/bot/resume")
        one.wait_for("RUNNING", ".condition .state")
        holder = sqlite3.connect(service.folder / "kalshiproto.db")
        holder.execute("BEGIN EXCLUSIVE")
        in_state(one, "DATABASE AWAY", "database-away")
        holder.rollback()
        holder.close()
        one.wait_for("RUNNING", ".condition .state")
        service.send(signal.SIGSTOP)
        in_state(one, "NO CONNECTION", "no-connection")
        service.send(signal.SIGCONT)


@contextmanager
def started(folder: Path, settings: Mapping[str, str]) -> Iterator[Started]:
    """A service that has finished three cycles, or follows one that has."""
    service = Nursery().start(folder, {**settings, "LOG_DIR": str(folder)})
    try:
        service.wait_for(lambda status: status["loop_count"] >= 3 or status["leads"], "cycles")
        yield service
    finally:
        service.end()


def locked(chromium: Browser, folder: Path) -> None:
    """A token that is wrong."""
    settings = {**DEMO, "API_READ_TOKEN": "a-token-to-read-with"}
    service = Nursery().start(folder, {**settings, "LOG_DIR": str(folder)})
    until(lambda: service.get("/health"), "it answers")
    with tab(chromium, service.address) as one:
        one.page.get_by_label("Token", exact=True).fill("not-this-one-of-course")
        one.page.get_by_role("button", name="Read").click()
        one.wait_for("was not accepted", ".gate")
        taken(one, "wrong-token")
    service.end()


def around(chromium: Browser, folder: Path, place: Exchange) -> None:
    """Live on the simulated exchange; then paper, one that stands by, and the exchange away."""
    outside = {**COMMON, "KALSHI_BASE_URL": place.address, "KALSHI_ENV": "demo"}
    live = {**outside, **place.keys, "BOT_MODE": "live", "BOT_MIN_EDGE": "-100"}
    with started(folder / "live", live) as service:
        service.wait_for(lambda status: status["loop_count"] >= 20, "twenty cycles")
        for name, width in (("live", 1280), ("live-390", 390)):
            with tab(chromium, service.address, width) as one:
                one.wait_for("LIVE", ".mode")
                ready(one)
                taken(one, name)
    shared = {**outside, "DATABASE_URL": f"sqlite:///{folder}/shared.db"}
    with started(folder / "a", shared) as first, started(folder / "b", shared) as second:
        follows = first if not first.status()["leader"] else second
        with tab(chromium, follows.address) as one:
            ready(one)
            in_state(one, "STANDING BY", "standby")


def away(chromium: Browser, folder: Path) -> None:
    """An exchange that has ended."""
    with exchange(folder) as place:
        settings = {**COMMON, "KALSHI_BASE_URL": place.address, "KALSHI_ENV": "demo"}
        service = Nursery().start(folder / "away", {**settings, "LOG_DIR": str(folder / "away")})
        service.wait_for(lambda status: status["loop_count"] >= 3, "three cycles")
    with tab(chromium, service.address) as one:
        ready(one)
        in_state(one, "EXCHANGE AWAY", "exchange-away")
    service.end()


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.pictures", description=__doc__)
    parser.add_argument("--demo", help="the address of a demo that has run for ten minutes")
    demo = parser.parse_args().demo
    with tempfile.TemporaryDirectory() as root, browser() as chromium:
        folder = Path(root)
        if demo:
            panels(chromium, demo)
        else:
            with started(folder / "demo", DEMO) as service:
                wanted = MINUTES * 30
                until(lambda: service.status()["loop_count"] >= wanted, "ten minutes", 1_200)
                panels(chromium, service.address)
        with started(folder / "fresh", DEMO) as service:
            states(chromium, service)
        locked(chromium, folder / "locked")
        with exchange(folder) as place:
            around(chromium, folder, place)
        away(chromium, folder)


if __name__ == "__main__":
    main()
