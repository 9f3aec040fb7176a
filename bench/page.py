"""How soon and how heavy the dashboard is, and what axe says of it.

`python -m bench.page [--loads N]`

A demo at its usual pace, in a Chromium on the same machine: each load has an empty cache. The first
paint is the browser's own figure (first contentful paint), counted from the navigation; bytes are
those of bodies on the wire. Needs a Chromium.
"""

import argparse
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from bench.common import machine, say
from bench.tabs import browser, demo

TABS: Final = ("Markets", "Trades", "Orders", "Whales", "Model", "Log", "Settings")
#: Wide and narrow, dark and light.
LOOKS: Final = ((1440, "dark"), (1440, "light"), (390, "dark"), (390, "light"))
#: Of each file: its name, bytes on the wire, bytes unpacked.
SIZES: Final = """() => [...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource')].map(
    one => [new URL(one.name).pathname, one.encodedBodySize, one.decodedBodySize])"""
PAINT: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
NOW: Final = "() => performance.now()"


def load(chromium: Browser, address: str) -> tuple[float, float, list[tuple[str, int, int]]]:
    """Milliseconds to the first paint and to the state of the bot, and what was sent."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/dashboard")
    page.locator(".condition .state", has_text="RUNNING").wait_for()
    shown = page.evaluate(NOW)
    page.wait_for_function(f"() => ({PAINT})() !== null")
    paint, sizes = page.evaluate(PAINT), page.evaluate(SIZES)
    context.close()
    return paint, shown, [tuple(one) for one in sizes]


def findings(chromium: Browser, address: str) -> Iterator[tuple[str, int, int]]:
    """Of each look: what it is, how many rules axe applied, and how many are violated."""
    for width, scheme in LOOKS:
        viewport: Any = {"width": width, "height": 900}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{address}/dashboard")
        page.locator(".condition .state", has_text="RUNNING").wait_for()
        found = [_axe(page, name) for name in TABS]
        yield f"{width} px {scheme}", max(n for n, _ in found), sum(n for _, n in found)
        context.close()


def _axe(page: Page, name: str) -> tuple[int, int]:
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    page.wait_for_function("() => !document.body.innerText.includes('Reading ')")
    answer = Axe().run(page).response
    return len(answer["passes"]) + len(answer["violations"]), len(answer["violations"])


def main(argv: list[str]) -> int:
    """Prints the median, least and most of the loads, the bytes, and what axe found."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--loads", type=int, default=7)
    wanted = parser.parse_args(argv)
    with browser() as chromium, demo() as server:
        address = f"http://127.0.0.1:{server.port}"
        say(f"The dashboard of a demo ({machine()})")
        _report([load(chromium, address) for _ in range(wanted.loads)])
        for look, rules, violated in findings(chromium, address):
            say(f"axe, {look}: {violated} of {rules} rules violated in {len(TABS)} tabs")
    return 0


def _report(loads: list[tuple[float, float, list[tuple[str, int, int]]]]) -> None:
    for what, times in (
        ("first paint", [paint for paint, _, _ in loads]),
        ("state shown", [shown for _, shown, _ in loads]),
    ):
        say(f"{what}: {median(times):.0f} ms [{min(times):.0f}, {max(times):.0f}]")
    sizes = loads[-1][2]
    static = [one for one in sizes if one[0].rsplit("/", 1)[-1].startswith("dashboard")]
    for what, some in (("page, script and style", static), ("all that is read first", sizes)):
        wire, unpacked = (sum(one[n] for one in some) / 1e3 for n in (1, 2))
        say(f"{what}: {len(some)} answers, {wire:.0f} kB on the wire, {unpacked:.0f} kB unpacked")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
