"""A market that settles at the exchange while a browser looks on: from the payout to the page."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import async_playwright

from api.app import create_app
from api.deps import facts_of
from bot.app.bootstrap import running
from bot.core.market.market import MarketStatus
from bot.sim.engine.specs import EventSpec
from tests.support.browser import PATIENCE, program
from tests.support.services import BOOK, TICKERS, place, until
from tests.support.sim_exchanges import market_spec
from tests.support.sim_streaming import served_over_tcp

TICKER = "KXD"


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        now = ready.exchange.now
        ready.exchange.add_event(EventSpec(f"E-{TICKER}", "KX", "Rain"))
        times = {"open_time": now - timedelta(hours=1), "close_time": now + timedelta(days=30)}
        spec = market_spec(TICKER, settlement_timer_seconds=0, **times)
        ready.exchange.add_market(replace(spec, event_ticker=f"E-{TICKER}"))
        ready.exchange.advance(now)
        ready.put(BOOK, TICKER)
        yield ready


@pytest.fixture
async def page():
    path = program()
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        shown = await chromium.new_page()
        shown.set_default_timeout(PATIENCE)
        yield shown
        await chromium.close()


async def test_a_settlement_at_the_exchange_is_a_trade_on_the_page(here, page):
    settings = here.settings(bot_markets=len(TICKERS) + 1)
    app = create_app(lambda: running(settings), facts_of(settings))
    here.scorer.opinion = 0.9
    async with app.router.lifespan_context(app), served_over_tcp(app) as address:

        async def fetch(path):
            return await page.evaluate("path => fetch(path).then(one => one.json())", path)

        await page.goto(f"http://{address}/dashboard#trades")
        held = page.locator("#positions .ticker", has_text=TICKER)
        await held.wait_for()
        here.exchange.set_close_time(TICKER, here.exchange.now)
        await until(lambda: here.exchange.market(TICKER).status is MarketStatus.CLOSED)
        here.exchange.determine(TICKER, "yes")
        await held.wait_for(state="detached")
        # It asks for the trades anew by itself, but not at once.
        await page.reload()
        row = page.locator("[aria-label='Trades table'] tbody tr", has_text="settlement")
        await row.wait_for()

        (trade,) = (await fetch(f"trades?ticker={TICKER}"))["trades"]
        cells = [" ".join(cell.split()) for cell in await row.locator("td").all_inner_texts()]
        account = (await fetch("positions"))["account"]
        # Its stream would keep the server from ending.
        await page.close()

    # Ten contracts at what was asked for them, a dollar each when the market had settled.
    assert (trade["how"], trade["size"], trade["entry_price"], trade["exit_price"]) == (
        "settlement",
        10.0,
        50.0,
        100.0,
    )
    assert trade["pnl"] == round(5 - trade["fees"], 2)
    assert cells[2].split()[0] == TICKER
    assert (cells[4], cells[5], cells[6]) == ("50.00", "100.00", "+5.00")
    assert cells[8] == f"+{trade['pnl']:.2f}"
    assert account["equity"] == pytest.approx(
        account["cash"] + account["exposure"] + account["unrealized"], abs=0.02
    )
