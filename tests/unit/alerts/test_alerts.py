"""Alerts: what becomes one, how it is worded, and that it is never in the way."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts import dedup, delivery, dispatcher, outbox
from bot.alerts import webhook as alert_webhook
from bot.alerts.alert import Alert, AlertKind, AlertRules, Severity, alert_of
from bot.alerts.conditions import TROUBLES, NodeCondition, Troubles
from bot.alerts.dedup import A_MINUTE, Gate
from bot.alerts.delivery import Post
from bot.alerts.dispatcher import Alerts, AlertSources
from bot.alerts.outbox import Means
from bot.alerts.webhook import Webhook
from bot.core.events import (
    CycleStarted,
    EntriesResumed,
    EntriesStopped,
    OrderEnded,
    OrderUnresolved,
    WhaleSeen,
)
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Order, OrderStatus
from bot.core.whales.detector import SideBias, Whale, WhaleType
from tests.support.fakes import HandClock
from tests.support.strategies import NOON

TOKEN = "s3cr3t-t0ken"
ADDRESS = f"https://hooks.example.com/services/T0/{TOKEN}?key={TOKEN}"
RULES = AlertRules(Decimal(10_000))
ORDER = Order("id-1", "KXA", Side.BUY, Decimal(10), Decimal("0.40"), NOON)
WELL = NodeCondition(leader=True, running=True, leads="a", cycle_age=3.0)


def whale(notional, ticker="KXA", at=NOON):
    found = Whale(
        ticker=ticker,
        type=WhaleType.LARGE_BID,
        size=Decimal(notional),
        price=Decimal(1),
        notional=Decimal(notional),
        depth_share=0.9,
        imbalance_strength=0.4,
        max_bid_size=1.0,
        max_ask_size=1.0,
        side_bias=SideBias.BUY,
        why="30 times the median",
    )
    return WhaleSeen(at, found)


def alert(about=None, severity=Severity.INFO, seconds=0.0, message="something"):
    at = NOON + timedelta(seconds=seconds)
    return Alert(AlertKind.WHALE, severity, message, at, about=about)


def webhook(shape="json", address=ADDRESS):
    return Webhook.of(address, shape, "production")


def said(shape, message, **fields):
    return json.loads(webhook(shape).body(replace(alert(message=message), **fields)))


# --- which events are alerts ---


@pytest.mark.parametrize(("notional", "is_one"), [(9_999, False), (10_000, True), (50_000, True)])
def test_a_whale_is_an_alert_from_the_wanted_size_up(notional, is_one):
    assert (alert_of(whale(notional), RULES) is not None) == is_one


def test_a_whale_says_what_where_and_why():
    found = alert_of(whale(12_345), RULES)

    assert found is not None
    assert found.message == "large_bid of $12,345 in KXA: 30 times the median"
    assert (found.ticker, found.value, found.limit) == ("KXA", 12_345.0, 10_000.0)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (EntriesStopped(NOON, "lost", "daily_loss_stop"), AlertKind.ENTRIES_STOPPED),
        (EntriesStopped(NOON, "fell", "drawdown_halt"), AlertKind.ENTRIES_STOPPED),
        (EntriesStopped(NOON, "failed", "error_breaker"), AlertKind.ENTRIES_STOPPED),
        (EntriesStopped(NOON, "killed", "killed"), None),
        (EntriesResumed(NOON, "over", "error_breaker"), AlertKind.ENTRIES_RESUMED),
        (EntriesResumed(NOON, "over", "database"), None),
        (OrderUnresolved(NOON, ORDER, "timeout"), AlertKind.ORDER_UNRESOLVED),
        (
            OrderEnded(NOON, Execution(ORDER, "", OrderStatus.ERROR, (), "no")),
            AlertKind.ORDER_FAILED,
        ),
        (OrderEnded(NOON, Execution(ORDER, "", OrderStatus.CANCELED)), None),
        (CycleStarted(NOON, 1), None),
    ],
)
def test_what_stops_entries_and_what_goes_wrong_with_orders_is_an_alert(event, kind):
    found = alert_of(event, RULES)

    assert (found and found.kind) == kind


def test_a_stop_has_its_numbers():
    event = EntriesStopped(NOON, "lost $201", "daily_loss_stop", Decimal("201.5"), Decimal(200))

    found = alert_of(event, RULES)

    assert found is not None
    assert (found.value, found.limit, found.severity) == (201.5, 200.0, Severity.CRITICAL)


# --- repeats and floods ---


def test_of_repeats_the_first_goes_out_and_the_latest_when_its_time_has_come():
    gate = Gate()
    news = [alert("KXA", seconds=s, message=f"number {s}") for s in (0, 60, 120, 180)]

    through = [gate.passed(one) for one in news]

    assert through == [news[0], None, None, None]
    assert gate.due(NOON + timedelta(seconds=599)) == []
    (late,) = gate.due(NOON + timedelta(seconds=600))
    assert late.message == "number 180 (and 2 more since 12:00 UTC)"
    assert gate.suppressed == 2
    assert gate.due(NOON + timedelta(seconds=1_200)) == []


def test_a_single_repeat_goes_out_without_a_count():
    gate = Gate()
    gate.passed(alert("KXA"))
    gate.passed(alert("KXA", seconds=1, message="again"))

    assert [one.message for one in gate.due(NOON + timedelta(minutes=10))] == ["again"]


def test_news_after_the_window_says_how_many_there_were_between():
    gate = Gate()
    for seconds in (0, 60, 120):
        gate.passed(alert("KXA", seconds=seconds))

    late = gate.passed(alert("KXA", seconds=700))

    assert late is not None
    assert late.message == "something (and 2 more since 12:00 UTC)"
    assert (gate.suppressed, gate.waiting) == (2, 0)


def test_what_was_told_long_ago_is_told_again_at_once():
    gate = Gate()

    assert gate.passed(alert("KXA")) is not None
    assert gate.due(NOON + timedelta(minutes=11)) == []
    assert gate.passed(alert("KXA", seconds=661)) == alert("KXA", seconds=661)


def test_one_thing_does_not_hide_another_and_nothing_hides_what_is_about_nothing():
    gate = Gate()

    reported = [gate.passed(alert(about)) for about in ("KXA", "KXB", None, None)]

    assert None not in reported


def test_a_flood_of_whales_leaves_room_for_what_is_urgent():
    gate = Gate()
    whales = [gate.passed(alert(seconds=s / 10)) for s in range(100)]
    urgent = [gate.passed(alert(severity=Severity.CRITICAL, seconds=11)) for _ in range(20)]

    assert sum(one is not None for one in whales) == A_MINUTE[Severity.INFO] == 10
    assert sum(one is not None for one in urgent) == A_MINUTE[Severity.CRITICAL] - 10


def test_what_a_flood_held_back_is_summed_up_once_it_is_over():
    gate = Gate()
    for second in range(25):
        gate.passed(alert(seconds=second))

    assert gate.due(NOON + timedelta(seconds=40)) == []
    (summary,) = gate.due(NOON + timedelta(seconds=75))
    assert summary.message == "Too many alerts at once; 15 were held back: 15 whale"
    assert gate.due(NOON + timedelta(seconds=150)) == []


def test_a_summary_waits_for_room_too():
    gate = Gate()
    for _ in range(11):
        gate.passed(alert())
    for _ in range(20):
        gate.passed(alert(severity=Severity.CRITICAL, seconds=61))

    assert gate.due(NOON + timedelta(seconds=62)) == []
    assert [one.kind for one in gate.due(NOON + timedelta(seconds=121))] == [AlertKind.HELD_BACK]


def test_what_has_waited_and_meets_a_flood_is_part_of_its_summary():
    gate = Gate()
    gate.passed(alert("KXA"))
    gate.passed(alert("KXA", seconds=1))
    for _ in range(20):
        gate.passed(alert(severity=Severity.CRITICAL, seconds=599))

    assert gate.due(NOON + timedelta(seconds=600)) == []
    assert (gate.waiting, gate.suppressed) == (0, 1)
    (summary,) = gate.due(NOON + timedelta(seconds=660))
    assert summary.message.endswith("1 were held back: 1 whale")


news = st.builds(
    alert,
    about=st.sampled_from([None, "A", "B", "C"]),
    severity=st.sampled_from(Severity),
    seconds=st.integers(0, 3_000),
)


@given(st.lists(news, max_size=120), st.integers(1, 20))
def test_every_alert_is_let_through_waits_or_is_counted_and_no_minute_has_more_than_20(
    reported, every
):
    gate, out, summed = Gate(), [], 0
    for number, one in enumerate(sorted(reported, key=lambda one: one.at)):
        through = [passed] if (passed := gate.passed(one)) else []
        if number % every == 0:
            due = gate.due(one.at)
            summed += sum(late.kind is AlertKind.HELD_BACK for late in due)
            through += due
        out += [one.at for _ in through]

    assert len(out) - summed + gate.waiting + gate.suppressed == len(reported)
    assert all(sum(0 <= (b - a).total_seconds() < 60 for b in out) <= 20 for a in out)


def test_memory_of_what_was_told_is_bounded(monkeypatch):
    monkeypatch.setattr(dedup, "MOST", 3)
    gate = Gate()
    for number in range(8):
        assert gate.passed(alert(f"KX{number}", seconds=number)) is not None
        gate.passed(alert(f"KX{number}", seconds=number))

    assert gate.waiting == 3
    assert gate.suppressed == 5


# --- troubles that last ---


def looks(*standings, every=5.0):
    """What is said when the service stands so, one look after the other."""
    troubles = Troubles()
    return [
        [one.kind for one in troubles.after(condition, NOON + timedelta(seconds=number * every))]
        for number, condition in enumerate(standings)
    ]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"running": False}, AlertKind.TRADING_STOPPED),
        ({"running": False, "loop_fault": "the loop ended"}, AlertKind.TRADING_STOPPED),
        ({"killed": "the file KILL exists"}, AlertKind.KILLED),
        ({"leader": False, "leads": "b"}, AlertKind.LEASE_LOST),
        ({"store_fault": "disk full"}, AlertKind.DATABASE),
        ({"cycle_age": 301.0}, AlertKind.LATE),
        ({"model_fault": "no file"}, AlertKind.MODEL),
        ({"journal_fault": "disk full"}, AlertKind.LOGS),
    ],
)
def test_a_trouble_is_told_at_once_and_once_and_its_end_too(change, kind):
    ill = replace(WELL, **change)
    said = looks(WELL, ill, ill, *[WELL] * 14)

    assert said[1:3] == [[kind], []]
    assert said[3:15] == [[]] * 12
    assert said[15:] == [[AlertKind.RECOVERED], []]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"error": "order books: HTTP 503"}, AlertKind.ERRORS),
        ({"drifted": ("spread",)}, AlertKind.DRIFT),
    ],
)
def test_errors_and_drift_are_told_once_they_have_lasted_5_minutes(change, kind):
    ill = replace(WELL, **change)

    assert looks(*[ill] * 7, every=60.0) == [[]] * 5 + [[kind], []]
    assert looks(ill, ill, ill, ill, WELL, ill, ill, ill, every=60.0) == [[]] * 8


def test_a_trouble_that_comes_and_goes_is_one():
    ill = replace(WELL, store_fault="locked")

    said = looks(*[ill, WELL] * 10, every=20.0)

    assert said == [[AlertKind.DATABASE]] + [[]] * 19


def test_the_end_of_a_trouble_says_how_long_it_lasted():
    troubles, ill = Troubles(), replace(WELL, store_fault="locked")
    reported = [
        one.message
        for minute, condition in enumerate([ill, ill, ill, ill, WELL, WELL])
        for one in troubles.after(condition, NOON + timedelta(minutes=minute))
    ]

    assert reported == [
        "The database cannot be written: locked",
        "The database can be written again, after 4 min",
    ]


def test_who_stands_by_is_silent_about_trading_but_not_about_the_database():
    ill = NodeCondition(
        leader=False,
        running=False,
        leads="b",
        error="HTTP 503",
        loop_fault="ended",
        killed="by hand",
        model_fault="none",
    )

    assert looks(*[ill] * 90) == [[]] * 90
    assert looks(replace(ill, store_fault="gone"))[0] == [AlertKind.DATABASE]


def test_a_bot_that_was_never_started_was_not_stopped():
    idle = replace(WELL, running=False, cycle_age=None)

    assert looks(*[idle] * 90) == [[]] * 90


def test_a_new_term_starts_with_nothing_held_against_it():
    idle = replace(WELL, running=False)
    aside = replace(WELL, leader=False, leads="b", store_fault="gone")

    assert looks(WELL, idle, aside, idle) == [
        [],
        [AlertKind.TRADING_STOPPED],
        [AlertKind.DATABASE],
        [],
    ]


def test_nobody_leading_is_told_after_a_minute():
    nobody = NodeCondition(leader=False, running=False)

    assert looks(*[nobody] * 5, every=30.0) == [[], [], [AlertKind.NO_LEADER], [], []]
    assert looks(*[replace(nobody, store_fault="gone")] * 5, every=30.0)[1:] == [[]] * 4


@pytest.mark.parametrize(
    ("ill", "unclear"),
    [
        ({"leader": False, "leads": "b"}, {"leader": False, "store_fault": "gone"}),
        ({"cycle_age": 400.0}, {"cycle_age": 500.0, "running": False}),
    ],
)
def test_a_trouble_is_not_over_because_nobody_can_tell(ill, unclear):
    dark = replace(WELL, **unclear)
    said = looks(WELL, replace(WELL, **ill), *[dark] * 30, replace(WELL, **ill))

    assert all(AlertKind.RECOVERED not in kinds for kinds in said[2:])
    assert said[-1] == []


def test_a_lost_lease_names_who_has_it_now():
    troubles = Troubles()
    troubles.after(WELL, NOON)

    lost = troubles.after(replace(WELL, leader=False, leads="b"), NOON)

    assert lost[0].message == "This process no longer leads; b does"


@pytest.mark.parametrize(("interval", "late"), [(60.0, True), (300.0, False)])
def test_a_cycle_is_late_after_three_intervals_and_never_before_5_minutes(interval, late):
    said = looks(replace(WELL, cycle_age=700.0, interval=interval))

    assert (said == [[AlertKind.LATE]]) == late


def test_every_trouble_has_a_kind_of_its_own():
    assert len({trouble.kind for trouble in TROUBLES}) == len(TROUBLES)


# --- the words ---


@pytest.mark.parametrize(
    ("host", "shape"),
    [
        ("discord.com", "discord"),
        ("ptb.discord.com", "discord"),
        ("discordapp.com", "discord"),
        ("hooks.slack.com", "slack"),
        ("hooks.slack-gov.com", "slack"),
        ("notdiscord.com", "json"),
        ("discord.com.evil.org", "json"),
        ("127.0.0.1", "json"),
    ],
)
def test_the_shape_goes_by_the_host(host, shape):
    assert webhook("auto", f"https://{host}/api/webhooks/1/{TOKEN}").shape == shape


def test_a_shape_that_was_asked_for_wins():
    assert webhook("slack", "https://discord.com/api/webhooks/1/x/slack").shape == "slack"


@pytest.mark.parametrize(
    "address",
    ["", TOKEN, f"ftp://a.b/{TOKEN}", f"https:///{TOKEN}", f"http://a.b:x/{TOKEN}", "\x00"],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address):
    with pytest.raises(ValueError, match="ALERT_WEBHOOK_URL must be an http") as refused:
        Webhook.of(address, "auto", "test")

    assert TOKEN not in str(refused.value)


def test_discord_calls_nobody_and_shows_no_preview():
    body = said("discord", "@everyone <@1> **[win](https://evil.example)**")

    assert body["allowed_mentions"] == {"parse": []}
    assert body["flags"] == 4
    assert body["content"] == (
        r"INFO kalshiproto \(production\): @everyone \<@1\> "
        r"\*\*\[win\]\(https://evil.example\)\*\*"
    )


def test_slack_reads_no_markup_out_of_a_message():
    assert said("slack", "<!everyone> & co") == {
        "text": "INFO kalshiproto (production): &lt;!everyone&gt; &amp; co"
    }


def test_json_says_who_what_when_and_the_numbers_there_are():
    body = said("json", "big", ticker="KXA", value=1.5)

    assert body == {
        "kind": "whale",
        "severity": "info",
        "message": "big",
        "at": "2026-11-22T12:00:00+00:00",
        "ticker": "KXA",
        "value": 1.5,
        "service": "kalshiproto",
        "environment": "production",
    }


@given(st.text(max_size=3_000), st.sampled_from(["discord", "slack", "json"]))
def test_any_message_becomes_one_bounded_line_of_json(message, shape):
    (text,) = [v for k, v in said(shape, message).items() if k in {"content", "text", "message"}]

    assert text.isprintable()
    assert shape != "discord" or len(text.encode("utf-16-le")) <= 4_000
    assert len(text) <= 5 * alert_webhook.LONGEST


def test_the_password_of_an_address_in_a_message_is_struck_out():
    body = said("json", "cannot reach postgres://bot:hunter2@db:5432/kalshi")

    assert body["message"] == "cannot reach postgres://***@db:5432/kalshi"


# --- delivery ---


class Answers:
    """A server of prepared answers, the last one for ever; remembers what came and when."""

    def __init__(self, clock, *answers):
        self.clock = clock
        self.answers = list(answers)
        self.came = []

    async def __call__(self, request):
        self.came.append(((self.clock.now() - NOON).total_seconds(), request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(**answer)

    @property
    def times(self):
        return [seconds for seconds, _ in self.came]


@asynccontextmanager
async def posting(*answers):
    clock = HandClock()
    server = Answers(clock, *answers)

    async def sleep(seconds):
        await asyncio.sleep(0)
        clock.pass_by(seconds)

    async with webhook().opened(httpx.MockTransport(server)) as channel:
        yield Post(channel, clock, sleep), server


OK = {"status_code": 204}


async def test_an_alert_is_posted_as_json_to_the_address():
    async with posting(OK) as (post, server):
        assert await post.deliver(alert(message="big"))

    ((_, request),) = server.came
    assert (request.method, str(request.url)) == ("POST", ADDRESS)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == "hooks.example.com"
    assert json.loads(request.content)["message"] == "big"


async def test_a_name_and_password_of_the_address_are_sent_as_such():
    clock = HandClock()
    server = Answers(clock, OK)
    hook = webhook(address="https://bot:pa55@hooks.example.com/x")

    async with hook.opened(httpx.MockTransport(server)) as channel:
        assert await Post(channel, clock, asyncio.sleep).deliver(alert())

    assert server.came[0][1].headers["authorization"] == "Basic Ym90OnBhNTU="


@pytest.mark.parametrize(
    "failure",
    [{"status_code": 500}, {"status_code": 429}, httpx.ConnectError("no"), httpx.ReadTimeout("no")],
)
async def test_what_may_pass_is_tried_again_later_and_later(failure):
    async with posting(failure, failure, failure, OK) as (post, server):
        assert await post.deliver(alert())

    assert server.times == [0, 1, 3, 7]


async def test_an_alert_is_given_up_after_five_minutes_and_a_line_says_so(caplog):
    async with posting({"status_code": 503}) as (post, server):
        assert not await post.deliver(alert())

    assert server.times == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert "An alert did not reach hooks.example.com: HTTP 503" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413])
async def test_what_cannot_pass_is_given_up_at_once(status, caplog):
    elsewhere = {"Location": f"https://ann:secret@evil.example/{TOKEN}?{TOKEN}"}
    async with posting({"status_code": status, "headers": elsewhere}) as (post, server):
        assert not await post.deliver(alert())

    assert len(server.came) == 1
    assert ("it points to evil.example" in caplog.text) == (status == 301)
    assert TOKEN not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("asked", "waited"), [("30", 30), ("0.75", 0.75), ("0", 0), ("soon", 1), ("nan", 1), ("-5", 1)]
)
async def test_nothing_is_sent_before_the_time_that_the_server_asked_for(asked, waited):
    busy = {"status_code": 429, "headers": {"Retry-After": asked}}
    async with posting(busy, OK) as (post, server):
        assert await post.deliver(alert())

    assert server.times == pytest.approx([0, waited])


async def test_a_long_silence_fails_what_is_due_before_its_end_and_ends_within_an_hour():
    banned = {"status_code": 429, "headers": {"Retry-After": "1e12"}}
    async with posting(banned, OK) as (post, server):
        assert not await post.deliver(alert())
        assert not await post.deliver(alert())
        assert len(server.came) == 1
        server.clock.pass_by(3_600)
        assert await post.deliver(alert())


async def test_an_attempt_does_not_last_for_ever(monkeypatch):
    monkeypatch.setattr(delivery, "ATTEMPT", 0.01)

    async def hang(_):
        await asyncio.Event().wait()

    clock = HandClock()

    async def skip(_):
        clock.pass_by(600)

    async with webhook().opened(httpx.MockTransport(hang)) as channel:
        async with asyncio.timeout(5):
            assert not await Post(channel, clock, skip).deliver(alert())


# --- the whole ---


def condition():
    return WELL


@asynccontextmanager
async def running(app, **means):
    """Alerts that run; a handler that answers in their place, and the means of the test."""
    clock = HandClock()
    reported = Alerts(
        [webhook()], RULES, AlertSources(condition), clock, Means(httpx.MockTransport(app), **means)
    )
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(reported.run(stopping))
        yield reported
        stopping.set()


async def test_what_is_seen_and_said_arrives_in_order():
    came = []

    async def app(request):
        came.append(json.loads(request.content)["kind"])
        return httpx.Response(204)

    async with running(app) as reported:
        reported.notify(AlertKind.STARTED, Severity.INFO, "started")
        reported.on_events([CycleStarted(NOON, 1), whale(20_000), whale(20_000), whale(1, "KXB")])
        reported.on_events([EntriesStopped(NOON, "lost", "daily_loss_stop")])

    assert came == ["started", "whale", "entries_stopped"]
    assert reported.counts == dispatcher.AlertCounts(sent=3)
    assert reported.queued == 1  # the second whale waits for its time


async def test_a_webhook_that_hangs_delays_nobody_and_drops_the_least_urgent(caplog):
    asked = asyncio.Event()

    async def hang(_):
        asked.set()
        await asyncio.Event().wait()

    async with running(hang, farewell=0.01) as reported:
        reported.notify(AlertKind.STARTED, Severity.INFO, "started")
        await asked.wait()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for minute in range(40):
            at = NOON + timedelta(minutes=minute)
            reported.on_events([whale(20_000, f"KX{minute}-{n}", at) for n in range(5)])
            reported.on_events([EntriesStopped(at, "lost", f"rule {minute}")])
        took = loop.time() - began
        assert reported.queued == outbox.MOST + 1

    assert took < 1.0
    # 241 were told and none went out: what is not among the 101 of the end was dropped before.
    assert reported.counts == dispatcher.AlertCounts(dropped=241)
    assert reported.queued == 0
    assert "The service ended before 101 alerts could be sent" in caplog.text


async def test_of_a_full_queue_the_least_urgent_and_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(outbox, "MOST", 3)
    reported = Alerts([webhook()], RULES, AlertSources(condition), HandClock())
    severities = [Severity.CRITICAL, Severity.INFO, Severity.WARNING, Severity.WARNING]

    for number, severity in enumerate([*severities, Severity.CRITICAL]):
        reported.emit(alert(severity=severity, message=f"{number}"))

    assert [one.message for one in reported._outboxes[0]._queue] == ["0", "3", "4"]
    assert reported.counts.dropped == 2


async def test_without_a_webhook_nothing_is_told_and_nothing_piles_up():
    reported = Alerts([], RULES, AlertSources(condition), HandClock())
    stopping = asyncio.Event()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(reported.run(stopping))
        reported.on_events([whale(20_000)] * 3)
        await asyncio.sleep(0)
        stopping.set()

    assert (reported.queued, reported.counts) == (0, dispatcher.AlertCounts())


async def test_how_the_service_stands_is_looked_at_again_and_again():
    came, clock, stopping = [], HandClock(), asyncio.Event()
    states = [WELL, replace(WELL, killed="the file KILL exists"), WELL, WELL]

    async def app(request):
        came.append(json.loads(request.content)["message"])
        return httpx.Response(200)

    def stands():
        state = states.pop(0) if states else WELL
        if not states:
            stopping.set()
        return state

    async def sleep(seconds):
        assert seconds == dispatcher.LOOK
        clock.pass_by(60)
        await asyncio.sleep(0)

    reported = Alerts(
        [webhook()], RULES, AlertSources(stands), clock, Means(httpx.MockTransport(app), sleep)
    )
    async with asyncio.timeout(5):
        await reported.run(stopping)

    assert came == [
        "Kill switch on, no entries: the file KILL exists",
        "The kill switch is off again, after 60 s",
    ]


async def test_repeats_arrive_when_their_time_has_come():
    came, clock, stopping = [], HandClock(), asyncio.Event()

    async def app(request):
        came.append(json.loads(request.content)["message"])
        if len(came) == 2:
            stopping.set()
        return httpx.Response(200)

    async def sleep(_):
        clock.pass_by(60)
        await asyncio.sleep(0)

    reported = Alerts(
        [webhook()], RULES, AlertSources(condition), clock, Means(httpx.MockTransport(app), sleep)
    )
    reported.on_events([whale(20_000), whale(30_000), whale(40_000)])
    async with asyncio.timeout(5):
        await reported.run(stopping)

    assert (
        came[1] == "large_bid of $40,000 in KXA: 30 times the median (and 1 more since 12:00 UTC)"
    )
    assert reported.counts == dispatcher.AlertCounts(sent=2, suppressed=1)


async def test_an_alert_reaches_a_real_server_and_no_log_line_shows_its_secret(caplog):
    caplog.set_level(logging.DEBUG)
    requests = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        )
        requests.append((head, await reader.readexactly(length)))
        status = b"503 Busy" if len(requests) == 1 else b"204 No Content"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def at_once(_):
        await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = webhook("auto", f"http://127.0.0.1:{port}/hooks/{TOKEN}?key={TOKEN}")
    async with server, hook.opened() as channel:
        assert await Post(channel, HandClock(), at_once).deliver(alert(message="big"))

    head, body = requests[-1]
    assert head.startswith(f"POST /hooks/{TOKEN}?key={TOKEN} HTTP/1.1\r\n".encode())
    assert f"Host: 127.0.0.1:{port}".lower().encode() in head.lower()
    assert json.loads(body)["message"] == "big"
    assert "HTTP Request: POST http://127.0.0.1" in caplog.text  # httpx does speak of it
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(hook)


def test_what_lasts_is_told_by_troubles_alone():
    told_by_troubles = {trouble.kind for trouble in TROUBLES}

    assert {AlertKind.KILLED, AlertKind.LEASE_LOST, AlertKind.DATABASE} < told_by_troubles
