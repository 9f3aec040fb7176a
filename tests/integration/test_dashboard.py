"""The dashboard in a real browser, beside a real service: what it shows is what the API says."""

import signal
import sqlite3

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.browser import browser, tab
from tests.support.shown import (
    HALF_A_CENT,
    all_read,
    amount,
    disagreements,
    figures,
    ledger_disagreements,
    money,
    opened,
    sum_of,
)
from trials.processes import TOKEN, Nursery, until

DEMO = {
    "KALSHI_ENV": "sim",
    "BOT_INTERVAL": "1",
    "BOT_MARKETS": "8",
    "BOT_MIN_EDGE": "-100",
    "BOT_ORDER_SIZE": "10",
    # At whatever time of a quarter of an hour it runs: markets near their close are entered, too.
    "BOT_EXIT_BEFORE_CLOSE": "0",
    "RISK_MIN_SECONDS_TO_CLOSE": "0",
    "RISK_MIN_PRICE": "0.01",
    "RISK_MAX_PRICE": "0.99",
    "RISK_DAILY_LOSS_STOP": "9000",
    "RISK_DRAWDOWN_HALT": "9000",
    "RISK_MAX_ORDERS_PER_MINUTE": "1000",
    "API_TOKEN": TOKEN,
    "ENVIRONMENT": "test",
    "OMP_NUM_THREADS": "1",
}

# New markets after a close have to be seen for a while before they are traded.
pytestmark = pytest.mark.timeout(240)

TABS = ("Trades", "Orders", "Whales", "Model", "Log", "Settings", "Markets")


@pytest.fixture(scope="module")
def chromium():
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def demo(tmp_path_factory, chromium):
    """A demo that has traded; a model of its own kind trades in every cycle."""
    folder = tmp_path_factory.mktemp("demo")
    settings = {**DEMO, "LOG_DIR": str(folder)}
    with Nursery().running(folder, settings, restless=True) as service:
        service.wait_for(lambda status: status["loop_count"] >= 3, "three cycles")
        yield service


def act(one, button, **fields):
    """Press a control, answer its question, bring the token if it is asked for."""
    one.page.get_by_role("group", name="Controls").get_by_role("button", name=button).click()
    for label, value in fields.items():
        one.page.get_by_label(label).fill(value)
    one.page.get_by_role("dialog").get_by_role("button", name=button).click()
    answered = one.page.locator(".answer", has_text=f"{button}: ")
    asked = one.page.get_by_label("Token", exact=True)
    answered.or_(asked).first.wait_for()
    if asked.is_visible():
        asked.fill(TOKEN)
        one.page.get_by_role("button", name="Send").click()
    answered.wait_for()


#: The rows of a table are alike: the first ones are enough.
ALIKE = {"exclude": [["tbody tr:nth-child(n+9)"]]}


def violations(one, name, rules):
    """What axe says of a tab, each with the tab and the first element it means."""
    opened(one, name)
    options = {"resultTypes": ["violations"], **rules}
    found = Axe().run(one.page, context=ALIKE, options=options).response["violations"]
    return [(name, rule["id"], rule["nodes"][0]["html"][:200]) for rule in found]


def stop_holding(demo, count, stop):
    """Stop the loop while that many positions are open, however often the last cycle closes one."""

    def stopped():
        demo.post("/bot/resume")
        demo.post("/bot/start")
        demo.wait_for(lambda status: status["positions_count"] >= count, f"{count} positions")
        stop()
        return demo.wait_for(lambda status: status["running"] is False, "the loop is over")

    until(lambda: stopped()["positions_count"] >= count, f"stopped with {count} positions", 120)


def stop_by_click(one):
    one.wait_for("RUNNING", ".condition .state")
    act(one, "Stop")
    one.wait_for("STOPPED", ".condition .state")


@pytest.fixture(scope="module")
def stopped(demo, chromium):
    """A tab beside the demo, stopped by click, so that nothing changes while it is compared."""
    with tab(chromium, demo.address) as one:
        one.wait_for("RUNNING", ".condition .state")
        until(lambda: one.fetch("trades?limit=1")["trades"], "a closed trade", 150)
        stop_holding(demo, 1, lambda: stop_by_click(one))
        one.page.reload()
        one.wait_for("STOPPED", ".condition .state")
        all_read(one)
        yield one


def test_the_panels_of_a_stopped_bot_say_what_the_api_says(stopped):
    assert stopped.fetch("positions")["positions"]
    assert disagreements(stopped) == []


def test_the_funnel_counts_the_decisions(stopped):
    stopped.wait_for("decisions", "#funnel .note")
    decisions = stopped.fetch("decisions?limit=500")["decisions"]
    stages = stopped.page.locator(".stage .num:not(.muted)").all_inner_texts()

    assert stages[0] == f"{len(decisions):,}"
    assert stages[1] == f"{sum(one['score'] is not None for one in decisions):,}"


def test_the_cash_and_the_fees_are_those_of_the_ledger(stopped, demo):
    assert ledger_disagreements(stopped, demo.folder / "kalshiproto.db") == []


def test_the_sum_of_the_trades_is_that_of_their_rows(stopped):
    opened(stopped, "Trades")
    trades = stopped.fetch("trades?limit=500")["trades"]
    total = figures(stopped, ".tab .figures")

    # Each row is rounded to the cent, the sum is that of what they were before.
    off = HALF_A_CENT * (len(trades) + 1)
    assert abs(amount(total["P&L after fees"]) - sum_of(trades, "pnl")) <= off
    opened(stopped, "Markets")


def test_the_curve_is_drawn_of_what_is_kept(stopped):
    points = stopped.fetch("equity?step=60")["points"]

    if len(points) < 2:
        stopped.wait_for("Fewer than two minutes", "#equity")
    else:
        stopped.page.locator("#equity canvas").first.wait_for()
        stopped.wait_for(f"Equity {money(points[-1]['equity'])}", "#equity .legend")


def test_the_settings_show_what_differs_and_no_secret(stopped):
    opened(stopped, "Settings")
    rows = {cells[0]: cells for cells in stopped.rows("[aria-label='Settings table']")}

    assert rows["BOT_MIN_EDGE"][1:] == ["◆ -100", "not set"]
    assert rows["API_TOKEN"][1] == "◆ set"
    assert TOKEN not in stopped.page.content()


def test_each_tab_opens_without_a_word_on_the_console(stopped):
    for name in TABS:
        opened(stopped, name)
    assert [one for one in stopped.said if "401" not in one] == []


def test_one_market_is_that_of_the_api(stopped):
    ticker = stopped.fetch("positions")["positions"][0]["ticker"]
    stopped.page.locator("#positions .ticker", has_text=ticker).click()
    stopped.page.locator(".book").wait_for()
    found = stopped.fetch(f"markets/{ticker}")

    shown = stopped.rows(".book")
    sizes = [f"{one['size']:,.0f}" for one in found["book"]["bids"]]
    assert [cells[0] for cells in shown if cells[0]] == sizes
    assert len(stopped.rows("[aria-label='Decisions table']")) == len(found["decisions"])
    assert len(stopped.rows("[aria-label='Fills table']")) == len(found["fills"])
    stopped.page.get_by_role("link", name="back to all markets").click()
    stopped.page.locator("[aria-label='Markets table']").wait_for()


#: A theme is nothing but colours: all else is found in one of them.
CONTRAST = {"runOnly": ["color-contrast"]}


@pytest.mark.parametrize(("scheme", "rules"), [("dark", {}), ("light", CONTRAST)])
def test_axe_finds_nothing(stopped, scheme, rules):
    stopped.page.emulate_media(color_scheme=scheme)
    found = [violation for place in TABS for violation in violations(stopped, place, rules)]

    assert found == []


def test_kill_resume_and_start_by_click(stopped):
    act(stopped, "Kill", Reason="a test")
    stopped.wait_for("KILLED", ".condition .state")
    assert "a test" in stopped.text(".condition .why")
    act(stopped, "Resume")
    stopped.wait_for("STOPPED", ".condition .state")
    act(stopped, "Start")
    stopped.wait_for("RUNNING", ".condition .state")


@pytest.fixture
def held_on(demo, chromium):
    """Positions that only an operator closes: the loop is stopped while there are two or more."""
    stop_holding(demo, 2, lambda: demo.post("/bot/stop"))
    yield
    demo.post("/bot/resume")
    demo.post("/bot/start")


@pytest.mark.usefixtures("held_on")
def test_close_and_flatten_by_click_show_in_another_tab_which_has_no_token(chromium, demo):
    with tab(chromium, demo.address) as one, tab(chromium, demo.address) as other:
        other.page.locator("#positions .close").first.wait_for()
        one.page.locator("#positions .close").first.wait_for()
        label = one.page.locator("#positions .close").first.get_attribute("aria-label")
        ticker = (label or "").split()[-1]
        one.page.get_by_role("button", name=label).click()
        one.page.get_by_role("dialog").get_by_role("button", name="Close").click()
        one.page.get_by_label("Token", exact=True).fill(TOKEN)
        one.page.get_by_role("button", name="Send").click()
        one.wait_for("Close: clos", "#positions .answer")
        until(lambda: ticker not in held(one), "that position is closed")
        other.page.locator("#positions .ticker", has_text=ticker).wait_for(state="detached")
        act(one, "Flatten")
        until(lambda: not held(one), "nothing is held")
        one.wait_for("Nothing is held.", "#positions")
        other.wait_for("Nothing is held.", "#positions")

        controls = other.page.get_by_role("group", name="Controls")
        controls.get_by_role("button", name="Resume").click()
        other.page.get_by_role("dialog").get_by_role("button", name="Resume").click()
        other.wait_for("Resume wants the acting token", "dialog")


def held(one):
    return {position["ticker"] for position in one.fetch("positions")["positions"]}


def cycle_shown(one):
    return int(one.text(".lamps .cycle"))


def test_the_state_comes_by_push(chromium, demo):
    with tab(chromium, demo.address) as one:
        one.wait_for("pushed", "#age")
        cycle = cycle_shown(one)
        until(lambda: cycle_shown(one) >= cycle + 2, "two more cycles")

        assert [url for url in one.asked if url.endswith("/state/full")][1:] == []


def test_where_nothing_is_pushed_the_state_is_asked_for(chromium, demo):
    with tab(chromium, demo.address) as one:
        one.page.route("**/events", lambda route: route.abort())
        one.wait_for("polled", "#age")
        cycle = cycle_shown(one)
        with one.page.expect_request("**/state/full"):
            until(lambda: cycle_shown(one) > cycle, "a later cycle")


def test_one_tab_asks_once_a_second_at_most(chromium, demo):
    with tab(chromium, demo.address, hurry=True) as one:
        one.wait_for("RUNNING", ".condition .state")
        all_read(one)
        before, began = len(one.asked), one.page.evaluate("Date.now()")
        # Each look of the page at what is due, with time for an answer in between.
        for _ in range(80):
            one.page.clock.run_for(250)
        seconds = (one.page.evaluate("Date.now()") - began) / 1_000

        assert seconds >= 20
        assert 3 <= len(one.asked) - before <= seconds


def test_a_database_that_is_away_shows_and_passes(chromium, demo):
    with tab(chromium, demo.address) as one:
        one.wait_for("RUNNING", ".condition .state")
        holder = sqlite3.connect(demo.folder / "kalshiproto.db")
        holder.execute("BEGIN EXCLUSIVE")
        try:
            one.wait_for("DATABASE AWAY", ".condition .state")
            one.wait_for("Database fault", ".lamps .bad")
        finally:
            holder.rollback()
            holder.close()
        one.wait_for("RUNNING", ".condition .state")


def test_a_process_that_hangs_is_no_connection(chromium, demo):
    with tab(chromium, demo.address) as one:
        one.wait_for("RUNNING", ".condition .state")
        demo.send(signal.SIGSTOP)
        try:
            one.wait_for("NO CONNECTION", ".condition .state")
            one.page.locator("#age.stale").wait_for()
        finally:
            demo.send(signal.SIGCONT)
        one.wait_for("RUNNING", ".condition .state")
