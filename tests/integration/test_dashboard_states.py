"""The dashboard in a real browser, around a service that is in a given state."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from bot.clock import SystemClock
from bot.dashboard.snapshot import bot_view
from bot.ports.account_history import (
    EquityCurve,
    EquityPoint,
    Page,
)
from bot.ports.account_views import QueueView
from bot.ports.twin_views import TwinGroupView, TwinView
from tests.support.api_world import (
    READ_TOKEN,
    STATUS,
    TOKEN,
    TOKENS,
    NoPast,
    World,
    full_state,
    market,
)
from tests.support.browser import browser, tab
from tests.support.held_account import ACCOUNT, HeldPast, settled
from tests.support.serving import served
from tests.support.shown import all_read, disagreements, opened

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
#: What differs from a bot that is well, and the words it is shown by.
STATES: dict[str, tuple[dict[str, Any], str, str]] = {
    "running": ({}, "RUNNING", "watching and trading"),
    "stopped": ({"running": False}, "STOPPED", "nothing is watched or traded"),
    "killed": ({"killed": "too hot", "killed_until": "POST /bot/resume"}, "KILLED", "too hot"),
    "dead loop": ({"loop_fault": "the loop died: ValueError"}, "LOOP DEAD", "ValueError"),
    "database away": ({"store_fault": "no connection"}, "DATABASE AWAY", "no connection"),
    "exchange away": ({"error": "GET /markets: timeout"}, "EXCHANGE AWAY", "timeout"),
    "pause": ({"trading_halted": "trading is paused on shard 2"}, "TRADING PAUSED", "on shard 2"),
    "no leader": ({"leads": None, "leader": False}, "NOBODY LEADS", "nothing trades"),
    "standby": ({"leads": "other-1", "leader": False}, "STANDING BY", "other-1 leads"),
    "stopped by a rule": (
        {"entries_stopped": "daily_loss_stop: 210 of 200"},
        "ENTRIES STOPPED",
        "210 of 200",
    ),
}


@pytest.fixture(scope="module")
def chromium():
    with browser() as one:
        yield one


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "logs")


def status(**changes):
    now = SystemClock().now()
    return replace(STATUS, interval_seconds=2.0, last_update=now, **changes)


def shown(world, status, **changes):
    """The same world in that state."""
    world.snapshot_holder.status = status
    world.show(full_state(bot=bot_view(status), **changes))
    return world


@pytest.mark.parametrize("state", STATES)
def test_each_state_of_the_bot_shows_and_its_panels_say_what_the_api_says(chromium, world, state):
    changes, word, why = STATES[state]
    world.account, world.past = ACCOUNT, HeldPast()
    shown(world, status(**changes))

    with served(world.app()) as address, tab(chromium, address) as one:
        one.wait_for(word, ".condition .state")
        all_read(one)

        assert why in one.text(".condition .why")
        assert one.text(".mode").startswith("PAPER")
        assert disagreements(one) == []
        assert one.said == []


def test_real_money_is_said_across_the_page(chromium, world):
    shown(world, status(mode="live"))

    with served(world.app()) as address, tab(chromium, address) as one:
        one.wait_for("LIVE: REAL MONEY", ".mode.live")

        assert one.page.locator(".mode").evaluate("mode => mode.offsetWidth") == 1280
        assert "LIVE" in one.page.title()


TWINS = TwinGroupView(
    category="all",
    orders=12,
    contracts=340.0,
    live_fill_rate=0.5,
    paper_fill_rate=0.75,
    price_gap=0.25,
    fee_gap=None,
)


def test_orders_show_what_is_ahead_of_them_or_why_they_failed(chromium, world):
    world.past, world.queue = HeldPast(), {"o1": QueueView(ahead=1234.0, source="books")}
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address) as one:
        one.page.get_by_role("link", name="Orders", exact=True).click()
        one.page.locator("[aria-label='Orders table'] tbody tr").first.wait_for()

        rests, failed = one.rows("[aria-label='Orders table']")
        assert rests[2:5] == ["exit, rests", "sell 10", "41.00"]
        assert rests[-2:] == ["1,234", "◐ resting"]
        assert failed[-2:] == ["–", "✕ error insufficient balance"]
        one.page.get_by_role("button", name="resting").click()
        assert one.page.locator("[aria-label='Orders table'] tbody tr").count() == 1
        assert one.said == []


@pytest.mark.parametrize(("mode", "sections"), [("live", 1), ("paper", 0)])
def test_live_orders_stand_beside_paper_in_live_mode_alone(chromium, world, mode, sections):
    world.twin = TwinView(total=TWINS)
    shown(world, status(mode=mode))

    with served(world.app()) as address, tab(chromium, address) as one:
        one.page.get_by_role("link", name="Model", exact=True).click()
        one.wait_for("was graded yet", ".tab")
        if sections:
            one.page.locator("[aria-label='Live beside paper table'] tbody tr").wait_for()
            (row,) = one.rows("[aria-label='Live beside paper table']")
            assert row == ["all", "12", "340", "50.0%", "75.0%", "+0.25", "–"]

        assert one.page.locator("#twin-title").count() == sections
        assert one.said == []


@pytest.mark.parametrize(
    ("seconds", "level", "word"), [(1, "fresh", ""), (20, "stale", "STALE"), (400, "dead", "DEAD")]
)
def test_old_data_is_amber_then_red_and_grey(chromium, world, seconds, level, word):
    old = replace(status(), last_update=SystemClock().now() - timedelta(seconds=seconds))
    shown(world, old)

    with served(world.app()) as address, tab(chromium, address) as one:
        one.page.locator(f".age.{level}").wait_for()

        assert word in one.text("#age")
        one.page.locator(f"main.figures-{level}").wait_for()
        assert look_of(one) == LOOKS[level]


AMBER, RED = "rgb(231, 176, 76)", "rgb(255, 107, 117)"
#: Of data of each age: the colour of its age, of the edge of panels, how much of a figure shows.
LOOKS = {
    "fresh": ("rgb(220, 226, 234)", "rgb(39, 47, 58)", "1"),
    "stale": (AMBER, AMBER, "1"),
    "dead": (RED, RED, "0.55"),
}


def look_of(one):
    style = "(e, name) => getComputedStyle(e)[name]"
    looks = (
        ("#age strong", "color"),
        ("#limits", "borderTopColor"),
        ("main .figures dd >> nth=0", "opacity"),
    )
    return tuple(one.page.locator(place).evaluate(style, name) for place, name in looks)


def test_hostile_titles_are_text(chromium, world):
    shown(world, status(), markets=(market("KXEVIL", title=HOSTILE, reason=HOSTILE),))

    with served(world.app()) as address, tab(chromium, address) as one:
        one.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        one.wait_for("KXEVIL", "[aria-label='Markets table']")

        assert HOSTILE in one.page.locator("[aria-label='Markets table'] .title").inner_text()
        assert one.page.locator("main img, main script").count() == 0
        assert one.said == []


#: Right to left from here on, and longer than any market's name.
ENDLESS = "\u202egnol " + "x" * 3_000


def test_a_title_without_end_keeps_to_its_cell(chromium, world):
    named = (market("KXLONG", title=ENDLESS, reason=ENDLESS), market("KXNEXT", title="next"))
    shown(world, status(error=ENDLESS), markets=named)

    with served(world.app()) as address, tab(chromium, address, width=390) as one:
        one.wait_for("KXNEXT", "[aria-label='Markets table']")

        wide = "() => document.documentElement.scrollWidth - window.innerWidth"
        assert one.page.evaluate(wide) <= 0
        assert Axe().run(one.page).response["violations"] == []
        assert one.said == []


def test_a_market_less_account_says_so(chromium, world):
    shown(world, status(), markets=(), whales=(), timeline=(), notices=())

    with served(world.app()) as address, tab(chromium, address) as one:
        one.wait_for("No market", ".tab")
        assert one.said == []


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_of_the_browser_that_is_set_makes_nothing_old(chromium, world, hours):
    world.clock = SystemClock()
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address, hurry=True) as one:
        one.wait_for("RUNNING", ".condition .state")
        for _ in range(2):
            with one.page.expect_response("**/bot/status"):
                one.page.clock.run_for(5_000)
            one.page.clock.set_system_time(SystemClock().now() + timedelta(hours=hours))

        one.page.locator("#age.fresh").wait_for()
        one.wait_for("RUNNING", ".condition .state")


def soon(one, path):
    """Whether that is asked for before it is due: each is read every twelve seconds at most."""
    before = sum(path in url for url in one.asked)
    for _ in range(110):
        # On the page time passes no faster than the service, in this very process, can answer.
        one.page.clock.run_for(100)
        one.page.wait_for_timeout(50)
        if sum(path in url for url in one.asked) > before:
            return True
    return False


def test_what_a_trade_or_a_fault_changes_is_read_at_once_so_that_panels_agree(chromium, world):
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address, hurry=True) as one:
        one.wait_for("pushed", "#age")
        opened(one, "Trades")
        one.page.clock.pause_at(SystemClock().now() + timedelta(seconds=1))

        traded = (market("KXRAIN-26JAN19", position=10.0),)
        shown(world, status(), markets=traded)
        assert soon(one, "/trades?")

        shown(world, status(error="GET /markets: timeout"), markets=traded)
        assert soon(one, "/health")


def test_without_a_read_token_nothing_shows_and_the_right_one_opens(chromium, world):
    shown(world.with_facts(**TOKENS), status())

    with served(world.app()) as address, tab(chromium, address) as one:
        one.wait_for("wants a token to read", ".gate")
        assert "LOCKED" in one.text(".condition")
        assert one.page.locator(".figures").count() == 0

        one.page.get_by_label("Token", exact=True).fill("not the right one, but long enough")
        one.page.get_by_role("button", name="Read").click()
        one.wait_for("was not accepted", ".gate")

        one.page.get_by_label("Token", exact=True).fill(READ_TOKEN)
        one.page.get_by_role("button", name="Read").click()
        one.wait_for("RUNNING", ".condition .state")
        assert READ_TOKEN not in " ".join(one.asked)


def test_acting_asks_once_and_wants_the_acting_token(chromium, world):
    shown(world.with_facts(**TOKENS), status())

    with served(world.app()) as address, tab(chromium, f"{address}/r/{READ_TOKEN}") as one:
        one.page.get_by_role("button", name="Stop", exact=True).click()
        one.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        one.wait_for("wants the acting token", "dialog")
        assert world.control.running

        one.page.get_by_label("Token", exact=True).fill("not the right one, but long enough")
        one.page.get_by_role("button", name="Send").click()
        one.page.locator("dialog .problem").wait_for()
        one.page.get_by_label("Token", exact=True).fill(TOKEN)
        one.page.get_by_role("button", name="Send").click()
        one.wait_for("Stop: stopped", ".answer")
        assert not world.control.running

        one.page.get_by_role("button", name="Kill", exact=True).click()
        one.page.get_by_label("Reason").fill("too hot")
        one.page.get_by_role("dialog").get_by_role("button", name="Kill").click()
        one.wait_for("Kill: killed", ".answer")
        assert world.kill.reason == "too hot"


@pytest.mark.parametrize("prefix", ["", "/bot"])
def test_the_page_works_under_a_prefix_and_by_keyboard(chromium, world, prefix):
    shown(world, status())

    with served(world.app(), root_path=prefix) as address, tab(chromium, address + prefix) as one:
        one.wait_for("RUNNING", ".condition .state")
        one.page.get_by_role("link", name="Whales").focus()
        one.page.keyboard.press("Enter")
        one.page.locator("#tape-title").wait_for()
        one.page.get_by_role("button", name="Kill", exact=True).focus()
        one.page.keyboard.press("Enter")
        one.page.get_by_role("dialog").wait_for()
        one.page.keyboard.press("Escape")
        one.page.get_by_role("dialog").wait_for(state="detached")

        assert world.kill.reason is None
        assert one.said == []


def test_a_service_that_goes_away_is_said_and_found_again(chromium, world):
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address) as one:
        one.wait_for("RUNNING", ".condition .state")
        one.page.context.set_offline(True)
        one.wait_for("NO CONNECTION", ".condition .state")
        one.page.locator("#age.stale").wait_for()
        assert "cannot be read" in one.text(".condition .why")
        one.page.context.set_offline(False)
        one.wait_for("RUNNING", ".condition .state")


class Past(NoPast):
    """Three minutes of equity, and a trade that ended by settlement in each."""

    def __init__(self, last):
        self.minutes = [last - timedelta(minutes=10 * back) for back in (2, 1, 0)]

    async def trades(self, wanted):
        rows = [settled(f"KX{n}", at) for n, at in enumerate(self.minutes)]
        return Page(
            [
                one
                for one in reversed(rows)
                if (wanted.since or one.closed_at)
                <= one.closed_at
                <= (wanted.until or one.closed_at)
            ],
            None,
        )

    async def equity(self, start, end, step):
        points = [
            EquityPoint(
                minute=at,
                equity=Decimal(10_000 + n),
                cash=Decimal(10_000),
                realised=Decimal(n),
                fees=Decimal(0),
                exposure=Decimal(0),
            )
            for n, at in enumerate(self.minutes)
        ]
        return EquityCurve(points, step, self.minutes[0], 0.0)


def test_a_click_on_the_curve_shows_the_trades_of_that_time(chromium, world):
    world.clock = SystemClock()
    world.past = Past(SystemClock().now().replace(second=0, microsecond=0))
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address) as one:
        plot = one.page.locator("#equity .u-over").first
        # The middle of the curve is the middle of its three minutes.
        plot.click()
        one.wait_for("all times", ".tab .tools")
        one.page.locator("[aria-label='Trades table'] tbody tr").wait_for()

        (row,) = one.rows("[aria-label='Trades table']")
        assert row[2].startswith("KX1")
        assert (row[-1], row[-3]) == ("settlement", "+5.83")
        one.page.get_by_role("link", name="all times").click()
        one.wait_for("3 of 3", ".tab .tools")
        assert one.said == []


DARK, LIGHT = "rgb(13, 16, 20)", "rgb(238, 241, 245)"


@pytest.mark.parametrize(
    ("scheme", "chosen", "ground"),
    [
        ("dark", None, "rgb(13, 16, 20)"),
        ("light", None, "rgb(238, 241, 245)"),
        ("light", "dark", "rgb(13, 16, 20)"),
    ],
)
def test_the_theme_is_that_of_the_system_or_the_one_chosen(chromium, world, scheme, chosen, ground):
    shown(world, status())

    with served(world.app()) as address, tab(chromium, address, scheme=scheme) as one:
        one.wait_for("RUNNING", ".condition .state")
        if chosen:
            one.page.locator(".theme").click()

        assert (
            one.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            == ground
        )


class HalfAnswered:
    """An application that begins to answer one path and never ends."""

    def __init__(self, app, path):
        self.app, self.path = app, path

    async def __call__(self, scope, receive, send):
        async def begun(message):
            if message["type"] == "http.response.body":
                half = {"type": "http.response.body", "body": b"{", "more_body": True}
                await send(half)
                while (await receive())["type"] != "http.disconnect":
                    pass
            else:
                await send(message)

        await self.app(scope, receive, begun if scope.get("path") == self.path else send)


def test_an_answer_that_never_ends_fails_its_panel_and_stops_no_other(chromium, world):
    shown(world, status())

    with served(HalfAnswered(world.app(), "/positions")) as address, tab(chromium, address) as one:
        one.wait_for("the positions cannot be read: no answer in time", "#positions")
        with one.page.expect_request("**/bot/status"):
            one.wait_for("RUNNING", ".condition .state")
