"""The dashboard beside bots that trade real orders on the simulated exchange: who leads, who
stands by, and what shows while the exchange is away.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from api.app import create_app
from api.deps import facts_of
from bot.app.bootstrap import running
from bot.sim.engine.units import units
from bot.sim.faults.kinds import fault_spec
from tests.support.browser import browser, tab
from tests.support.services import TICKERS, held, in_lead, place, until
from tests.support.shown import all_read, disagreements, figures, opened
from tests.support.sim_streaming import served_over_tcp

OWNER = "the-token-of-the-owner"
#: Looks until the figures of a running bot and what the API says of them are of one moment.
LOOKS = 10


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


@asynccontextmanager
async def shown(service, settings):
    """The address of a dashboard beside a service that runs."""

    @asynccontextmanager
    async def as_it_runs():
        yield service

    app = create_app(as_it_runs, facts_of(settings))
    async with app.router.lifespan_context(app), served_over_tcp(app) as address:
        yield f"http://{address}"


def agrees(one):
    """Wait until every panel says what the API says."""
    for _ in range(LOOKS):
        found = disagreements(one)
        if not found:
            return
    raise AssertionError(found)


def look_at_the_leader(one, here):
    one.wait_for("LIVE: REAL MONEY", ".mode.live")
    one.wait_for("RUNNING", ".condition .state")
    all_read(one)
    agrees(one)
    # What is held is what the exchange has by its own books.
    there = {name: one.size for name, one in here.ann.positions.items() if one.size}
    rows = one.rows("[aria-label='Positions table']")
    assert {cells[0].split()[0]: units(cells[1].split()[0]) for cells in rows} == there
    opened(one, "Log")
    one.page.locator("#audit .figures", has_text="● agree").wait_for()
    compared = figures(one, "#audit .figures")
    assert compared["Cash booked"] == compared["Cash there"]


def close_one(one, ticker):
    one.page.get_by_role("button", name=f"Close {ticker}").click()
    assert "REAL MONEY" in one.page.get_by_role("dialog").inner_text()
    one.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    one.page.get_by_label("Token", exact=True).fill(OWNER)
    one.page.get_by_role("button", name="Send").click()
    row = one.page.locator("#positions .ticker", has_text=ticker)
    row.wait_for(state="detached")


def look_at_the_standby(one):
    one.wait_for("STANDING BY", ".condition .state")
    one.wait_for("LIVE: REAL MONEY", ".mode.live")
    all_read(one)
    agrees(one)


def look_while_the_exchange_is_away(one, here):
    before = figures(one)
    here.faults.add(fault_spec({"kind": "error", "route": "GET /markets/orderbooks"}))
    one.wait_for("EXCHANGE AWAY", ".condition .state")
    # Nothing is traded or marked meanwhile: what was known stands.
    assert figures(one) == before
    here.faults.clear()


def look(here, leader, standby):
    with browser() as chromium:
        with tab(chromium, standby) as one:
            look_at_the_standby(one)
        with tab(chromium, leader) as one:
            look_at_the_leader(one, here)
            close_one(one, "KXA")
            assert here.ann.positions["KXA"].size == 0
            look_while_the_exchange_is_away(one, here)
            assert [said for said in one.said if "401" not in said] == []


async def test_leader_and_standby_show_what_the_exchange_holds_and_say_when_it_is_away(here):
    # Whoever leads goes on to lead, however slow the machine is.
    settings = here.live(feed="poll", lease_seconds=60.0, bot_interval=0.5)
    async with running(settings) as a, running(settings) as b:
        await in_lead(a)
        here.scorer.opinion = 0.9
        await until(lambda: len(held(a)) == len(TICKERS))
        here.scorer.opinion = None
        await until(lambda: {len(one.account.positions) for one in (a, b)} == {len(TICKERS)})
        async with shown(a, settings) as leader, shown(b, settings) as standby:
            await asyncio.to_thread(look, here, leader, standby)
