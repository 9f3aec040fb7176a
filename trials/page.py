"""`python -m trials.page`: the dashboard of a demo that has traded over two closes, to the cent.

A demo at its usual pace, which keeps its positions to their ends; one tab stays open all the time.
Once two positions or more were settled at two closes and the minutes are over it is stopped, and
every panel is compared with the API, and cash and fees with the sums of the ledger's rows. Needs a
Chromium.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser

from bench.common import say
from tests.support.browser import Tab, browser, tab
from tests.support.shown import all_read, disagreements, ledger_disagreements
from trials.processes import TOKEN, Nursery, Started, TrialFailed

DEMO: Final = {
    "KALSHI_ENV": "sim",
    "BOT_INTERVAL": "2",
    "BOT_MIN_EDGE": "-100",
    "BOT_ORDER_SIZE": "50",
    "BOT_EXIT_BEFORE_CLOSE": "0",
    "API_TOKEN": TOKEN,
    "ENVIRONMENT": "test",
}
CLOSES: Final = 2
#: Minutes beyond those asked for in which the closes must come.
_LATE: Final = 40


def closes(database: Path) -> int:
    """At how many moments, by the minute, positions were settled."""
    with closing(sqlite3.connect(database)) as ledger:
        rows = ledger.execute("SELECT DISTINCT substr(at, 1, 16) FROM settlements")
        return len(rows.fetchall())


def compared(one: Tab, database: Path) -> list[tuple[str, Any, Any]]:
    """Where a page beside a stopped bot differs from the API or from the ledger."""
    return [*ledger_disagreements(one, database), *disagreements(one)]


def _stopped(one: Tab, service: Started, minutes: float) -> None:
    """Let it trade for so long and over two closes, then stop it."""
    database, end = service.folder / "kalshiproto.db", time.monotonic() + 60 * minutes
    while time.monotonic() < end or closes(database) < CLOSES:
        if time.monotonic() > end + 60 * _LATE:
            raise TrialFailed(f"{closes(database)} closes with positions, {CLOSES} wanted")
        one.page.wait_for_timeout(2_000)
    service.post("/bot/stop")
    one.wait_for("STOPPED", ".condition .state")


def trial(chromium: Browser, service: Started, minutes: float) -> list[tuple[str, Any, Any]]:
    """What differs in the end, and what the console said meanwhile."""
    service.wait_for(lambda status: status["loop_count"] >= 1, "a cycle")
    with tab(chromium, service.address) as one:
        _stopped(one, service, minutes)
        one.page.reload()
        one.wait_for("STOPPED", ".condition .state")
        all_read(one)
        database, trades = service.folder / "kalshiproto.db", one.fetch("trades?limit=500")
        say(f"{closes(database)} closes, {trades['count']} trades, {len(one.asked)} requests")
        return [*compared(one, database), *(("console", said, "") for said in one.said)]


def main(argv: list[str]) -> int:
    """Print what differs; 1 if anything does."""
    parser = argparse.ArgumentParser(prog="python -m trials.page", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    minutes = parser.parse_args(argv).minutes
    with browser() as chromium, tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        with Nursery().running(folder, {**DEMO, "LOG_DIR": str(folder)}) as service:
            found = trial(chromium, service, minutes)
    for what, shown, right in found:
        say(f"{what}: {shown!r} is shown, it is {right!r}")
    say(f"{len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
