"""The tabs of the dashboard in a real browser: by keyboard, on a phone, over a restart."""

import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest
from msgspec import structs

from bot.clock import SystemClock
from bot.dashboard.snapshot import bot_view
from bot.ports.account_views import AuditRow, AuditView, OperatorEntry
from tests.support.api_world import NOW, STATUS, World, full_state
from tests.support.browser import browser, tab
from tests.support.held_account import ACCOUNT, TOTALS, HeldPast
from tests.support.serving import served
from tests.support.shown import all_read, figures, opened

TABS = ("Markets", "Trades", "Orders", "Whales", "Model", "Log", "Settings")


@pytest.fixture(scope="module")
def chromium():
    with browser() as one:
        yield one


@pytest.fixture
def world(tmp_path):
    return put(World(tmp_path / "logs"))


def put(world, **changes):
    """Something of each kind in that world, and a bot in that state."""
    world.account, world.past = ACCOUNT, HeldPast()
    status = replace(STATUS, interval_seconds=2.0, last_update=SystemClock().now(), **changes)
    world.snapshot_holder.status = status
    state = full_state(bot=bot_view(status))
    # Rows of a kind are alike: some of each are enough.
    some = {"whales": state.whales[:4], "timeline": state.timeline[:4]}
    world.show(structs.replace(state, **some))
    return world


AUDIT = AuditView(
    compared_at=NOW.isoformat(),
    agrees=False,
    positions=(
        AuditRow(ticker="KXA", booked=10.0, exchange=10.0),
        AuditRow(ticker="KXB", booked=10.0, exchange=17.0),
        AuditRow(ticker="KXC", booked=0.0, exchange=-5.0, foreign=-5.0),
    ),
    cash_booked=9_900.0,
    cash_exchange=9_897.5,
    differences=("KXB: 10 contracts booked, 17 at the exchange",),
    entries_stopped="KXB differs",
    explanations=("a fill of 7 KXB is not the bot's",),
    adoption_waits="an order is in doubt",
    operator=(
        OperatorEntry(
            at=NOW.isoformat(),
            asked_at=NOW.isoformat(),
            about="o7",
            message="order o7 is not in doubt: nothing was done",
            is_refusal=True,
        ),
        OperatorEntry(
            at=NOW.isoformat(), asked_at=NOW.isoformat(), about="adopt", message="adopted <b>KXA"
        ),
    ),
)


def test_both_sides_of_the_account_show_and_what_operators_did_about_it(chromium, world):
    world.audit = AUDIT
    put(world, mode="live")

    with served(world.app()) as address, tab(chromium, address) as one:
        opened(one, "Log")
        found = one.fetch("audit")

        assert figures(one, "#audit .figures") == {
            "Positions": "✕ differ",
            "Cash booked": "9,900.00",
            "Cash there": "9,897.50",
            "Compared": "01-18 22:15:00",
        }
        rows = one.rows("[aria-label='Compared positions table']")
        # What is not accounted for comes first.
        assert rows[0] == ["KXB", "10", "–", "17", "✕ +7"]
        assert [row[-1] for row in rows[1:]] == ["0", "0"]
        said = one.page.locator("#audit p.note").all_inner_texts()
        assert said == [
            f"Nothing is entered: {found['entries_stopped']}",
            f"The adoption waits: {found['adoption_waits']}",
            *found["differences"],
            *found["explanations"],
        ]
        did = one.rows("[aria-label='Operators table']")
        assert [row[2] for row in did] == ["o7", "adopt"]
        assert did[0][3] == f"▲ nothing done: {found['operator'][0]['message']}"
        assert did[1][3] == "● adopted <b>KXA"
        assert one.said == []


def test_without_a_comparison_its_reason_shows_and_on_paper_nothing(chromium, world):
    world.audit = AuditView(reason="the account at the exchange has not been read yet")
    put(world, mode="live")

    with served(world.app()) as address, tab(chromium, address) as one:
        opened(one, "Log")
        one.wait_for("has not been read yet", "#audit")
        assert one.page.locator("#audit .figures").count() == 0

        put(world, mode="paper")
        one.page.reload()
        opened(one, "Log")
        assert one.page.locator("#audit").count() == 0


def test_whatever_is_wrong_lights_a_lamp_and_is_said_in_the_log(chromium, world):
    faults = {
        "orders_in_doubt": "what became of order 7-12 of KXA is not known",
        "account_note": "cash: $1,000 here, $1,500 at the exchange",
        "next_pause": "2026-12-03 08:00 to 10:00 UTC",
        "disk_low": "0.4 GB are left on the disk of the logs",
        "leads": "this",
    }
    put(world, mode="live", **faults)

    with served(world.app()) as address, tab(chromium, address) as one:
        all_read(one)
        lamps = dict.fromkeys(one.page.locator(".lamps li").all_inner_texts())
        assert {"✕ Orders in doubt", "▲ Account note", "○ Books none yet"} <= lamps.keys()
        exchange = one.page.locator(".lamps li").nth(2).get_attribute("title")
        assert faults["next_pause"] in (exchange or "")

        reasons = one.fetch("health")["reasons"]
        one.page.get_by_role("link", name=f"Health {len(reasons)} faults").click()
        one.page.locator(".faults li").first.wait_for()
        said = one.page.locator(".faults li").all_inner_texts()
        assert [text.removeprefix("▲ ") for text in said] == reasons
        told = (faults[name] for name in ("orders_in_doubt", "account_note", "disk_low"))
        assert all(any(fault in text for text in said) for fault in told)
        # A link in the bar above all brings what it opens into sight.
        assert one.page.locator("#faults-title").evaluate(IN_SIGHT)
        assert one.said == []


IN_SIGHT = (
    "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }"
)

#: What the keyboard must reach: all that can be pressed, typed into or moved, and shows.
REACHABLE = """() => [...document.querySelectorAll(
  'a[href], button:not(:disabled), input, select, [tabindex="0"]')]
  .filter(e => e.checkVisibility()).map((e, n) => (e.dataset.n = n, n))"""
#: Where the keyboard is, and whether that is seen: its number, the width of its outline.
FOCUS = """() => { const e = document.activeElement, s = getComputedStyle(e);
  return [e.dataset.n === undefined ? null : Number(e.dataset.n),
          s.outlineStyle === 'none' ? 0 : parseFloat(s.outlineWidth)]; }"""


def walk(one, count):
    """Press Tab through the page: the numbers of all that had the focus, each with its outline."""
    one.page.evaluate("document.activeElement.blur()")
    found = {}
    for _ in range(count + 2):
        one.page.keyboard.press("Tab")
        number, outline = one.page.evaluate(FOCUS)
        found[number] = outline
    return found


@pytest.mark.parametrize("name", TABS)
def test_the_keyboard_reaches_all_of_a_tab_and_is_seen_where_it_is(chromium, world, name):
    with served(world.app()) as address, tab(chromium, address) as one:
        all_read(one)
        one.page.get_by_role("navigation").get_by_role("link", name=name, exact=True).focus()
        one.page.keyboard.press("Enter")
        one.page.locator(f"nav a[aria-current]:text-is('{name}')").wait_for()
        all_read(one)
        there = one.page.evaluate(REACHABLE)

        found = walk(one, len(there))

        assert set(there) - found.keys() == set()
        assert all(found[number] >= 1 for number in there)


#: What ends beyond the edge of the screen without being in a place that can be moved sideways.
BEYOND = """() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
    && !e.closest('.lamps') && e.getBoundingClientRect().right > innerWidth + 0.5)
  .map(e => e.outerHTML.slice(0, 120))"""
#: Text of which a part does not show.
CUT = """() => [...document.querySelectorAll('main *')].filter(e => e.checkVisibility()
    && !e.children.length && e.textContent.trim() && getComputedStyle(e).overflow === 'hidden'
    && e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


def test_on_a_phone_no_tab_is_wider_than_the_screen_and_nothing_is_cut(chromium, world):
    world.audit = AUDIT
    put(world, mode="live")

    with served(world.app()) as address, tab(chromium, address, 390) as one:
        for name in TABS:
            opened(one, name)
            wide = one.page.evaluate("document.documentElement.scrollWidth")
            assert (name, wide) == (name, 390)
            assert (name, one.page.evaluate(BEYOND)) == (name, [])
            assert (name, one.page.evaluate(CUT)) == (name, [])


def test_columns_that_a_phone_has_no_room_for_are_a_press_away(chromium, world):
    with served(world.app()) as address, tab(chromium, address, 390) as one:
        all_read(one)
        why = one.page.locator("#positions th", has_text="Why still held")
        assert not why.is_visible()

        one.page.get_by_role("button", name="All columns of Positions").click()

        assert why.is_visible()
        wide = one.page.evaluate("document.documentElement.scrollWidth")
        assert wide == 390


MOVING = """() => [...document.querySelectorAll('*')].filter(e => {
  const s = getComputedStyle(e);
  return s.transitionDuration !== '0s' || s.animationName !== 'none'
    || s.scrollBehavior === 'smooth';
}).map(e => e.outerHTML.slice(0, 120))"""


def test_nothing_moves_where_motion_is_not_wanted(chromium, world):
    with served(world.app()) as address, tab(chromium, address) as one:
        all_read(one)
        assert one.page.evaluate(MOVING) != []

        one.page.emulate_media(reduced_motion="reduce")

        assert one.page.evaluate(MOVING) == []


@pytest.fixture
def port():
    """A port that stays ours while nobody listens there."""
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("127.0.0.1", 0))
        yield ours.getsockname()[1]


def another(tmp_path):
    """The same account in a process that has started anew, and has lost a little since."""
    world = put(World(tmp_path / "another"))
    totals = structs.replace(TOTALS, equity=9_950.0)
    world.account = structs.replace(ACCOUNT, totals=totals, positions=())
    return world


def test_over_a_restart_it_shows_what_it_read_last_and_then_what_is_new(
    chromium, world, port, tmp_path
):
    with ExitStack() as first:
        address = first.enter_context(served(world.app(), port, timeout_graceful_shutdown=1))
        with tab(chromium, address) as one:
            one.wait_for("pushed", "#age")
            all_read(one)
            before = figures(one)
            assert before["Equity"] == "10,012.50"

            first.close()
            one.wait_for("NO CONNECTION", ".condition .state")
            one.page.locator("#age.stale").wait_for()
            assert figures(one) == before
            assert one.page.title().startswith("✕ no data")

            with served(another(tmp_path).app(), port, timeout_graceful_shutdown=1):
                one.wait_for("RUNNING", ".condition .state")
                one.wait_for("9,950.00", "main > .figures")
                one.wait_for("Nothing is held.", "#positions")
                one.wait_for("pushed", "#age")
