"""A real browser: Chromium without a window, and a page that remembers what went wrong in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: Milliseconds until what must show has shown; only against a test that would hang.
PATIENCE = 40_000


def program() -> str | None:
    """Where a Chromium is on this machine."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser; skips the test on a machine without one."""
    path = program()
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        # Not as root's sandbox would have it: the tests run in containers.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield launched
        finally:
            launched.close()


@dataclass
class Tab:
    """A page of the dashboard, what its console said, and what it asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """The text of the one element that is meant, blanks folded."""
        return " ".join(self.page.locator(selector).inner_text().split())

    def wait_for(self, text: str, selector: str = "body") -> None:
        """Until it is read there."""
        self.page.locator(selector).filter(has_text=text).first.wait_for(timeout=PATIENCE)

    def rows(self, selector: str) -> list[list[str]]:
        """The cells of a table's body."""
        script = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
        found = self.page.locator(f"{selector} tbody tr").evaluate_all(script)
        return [[" ".join(cell.split()) for cell in row] for row in found]

    def fetch(self, path: str) -> Any:
        """What a route answers at this moment, asked by the page itself."""
        return self.page.evaluate("path => fetch(path).then(answer => answer.json())", path)


@contextmanager
def tab(
    browser: Browser, address: str, width: int = 1280, scheme: Any = "dark", *, hurry: bool = False
) -> Iterator[Tab]:
    """A tab of its own, at the dashboard there; in a hurry its clock can be put on."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    one = Tab(page)
    page.on("console", lambda message: one.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: one.said.append(f"error: {error}"))
    page.on("request", lambda request: one.asked.append(request.url))
    if hurry:
        page.clock.install()
    try:
        page.goto(f"{address}/dashboard")
        yield one
    finally:
        context.close()
