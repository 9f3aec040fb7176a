"""Alerts by apprise and `python -m bot alert-test`, up to a real receiver."""

import asyncio
import json
import logging
from decimal import Decimal
from threading import Lock

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bot import config
from bot.__main__ import main
from bot.alerts.alert import Alert, AlertKind, AlertRules, Severity, Topic
from bot.alerts.conditions import NodeCondition
from bot.alerts.dispatcher import AlertCounts, Alerts, AlertSources
from bot.alerts.notifier import Notifier
from bot.alerts.outbox import Means
from bot.app.alerting import targets
from bot.config import SettingsError
from bot.scrub import Scrubber
from tests.support.fakes import HandClock
from tests.support.serving import served
from tests.support.strategies import NOON

pytest.importorskip("apprise")
# Some of its many plugins import what Python gives up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TOKEN = "s3cr3t-t0ken-of-a-chat"  # nobody's
ALL = AlertRules(Decimal(0), frozenset(Topic))
WELL = NodeCondition(leader=True, running=True, leads="a", cycle_age=3.0)


class Receiver:
    """A web server that answers as told, and remembers what came."""

    def __init__(self):
        self.status = 200
        self.came = []

    def app(self):
        async def take(request):
            self.came.append((request.url.path, json.loads(await request.body())))
            return Response(status_code=self.status)

        return Starlette(routes=[Route("/{rest:path}", take, methods=["POST"])])


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def address(receiver):
    """Where the receiver listens: host and port."""
    with served(receiver.app()) as url:
        yield url.removeprefix("http://")


def settings(**values):
    return config.load(None, environment="test", **values)


async def test_an_alert_arrives_by_apprise_and_calls_nobody(receiver, address):
    (target,) = targets(settings(alert_urls=f"json://{address}/{TOKEN}"))
    alert = Alert(AlertKind.TRADE, Severity.WARNING, f"@everyone {TOKEN}", NOON)

    async with target.opened() as channel:
        attempt = await channel.attempt(alert)

    assert attempt.arrived
    ((path, body),) = receiver.came
    assert path.strip("/") == TOKEN
    assert body["type"] == "warning"
    assert body["message"].startswith("WARNING kalshiproto (test): @\u200beveryone ***")
    assert TOKEN not in body["message"] + repr(target) + channel.name


async def test_no_title_is_a_tag_in_a_service_that_reads_html(receiver, address, monkeypatch):
    monkeypatch.setattr("apprise.plugins.telegram.NotifyTelegram.notify_url", f"http://{address}/")
    (target,) = targets(settings(alert_urls="tgram://123456789:abcdefg_hijklmnop/12315544/"))
    alert = Alert(AlertKind.TRADE, Severity.INFO, "Will <b>A & B</i> be < 5 <!-- ?", NOON)

    async with target.opened() as channel:
        attempt = await channel.attempt(alert)

    assert attempt.arrived
    (text,) = [body["text"] for _, body in receiver.came if "text" in body]
    assert "&lt;\u200bb&gt;A &amp; B&lt;\u200b/i&gt; be &lt;\u200b 5" in text
    assert "<" not in text


async def test_a_refusal_is_told_without_the_secret_and_is_tried_again(receiver, address, caplog):
    caplog.set_level(logging.INFO)
    receiver.status = 500
    found = targets(settings(alert_urls=f"json://{address}/{TOKEN}"))
    clock, stopping = HandClock(), asyncio.Event()

    async def sleep(seconds):
        receiver.status = 200
        clock.pass_by(seconds)
        await asyncio.sleep(0)

    alerts = Alerts(found, ALL, AlertSources(lambda: WELL), clock, Means(sleep=sleep, farewell=8))
    alerts.notify(AlertKind.STARTED, Severity.INFO, "started")
    stopping.set()
    await alerts.run(stopping)

    assert len(receiver.came) == 2
    assert alerts.counts == AlertCounts(sent=1)
    assert TOKEN not in caplog.text


def test_alert_test_says_of_each_target_what_came_of_it(
    receiver, address, monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"http://{address}/hook/{TOKEN}")
    monkeypatch.setenv("ALERT_URLS", f"json://{address}/{TOKEN} json://127.0.0.1:9/{TOKEN}")

    code = main(["alert-test"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[:2] == ["127.0.0.1: arrived: HTTP 200", "json://: arrived: accepted"]
    assert lines[2].startswith("json://: did NOT arrive: ")
    assert TOKEN not in "".join(lines)
    assert [body.get("kind") for _, body in receiver.came] == ["test", None]


def test_alert_test_without_anybody_says_what_to_set(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert main(["alert-test"]) == 1
    assert "set ALERT_WEBHOOK_URL or ALERT_URLS" in capsys.readouterr().err


@pytest.mark.parametrize("urls", [f"nosuch://{TOKEN}", f"tgram://{TOKEN}"])
def test_an_address_that_means_nobody_stops_the_start_without_showing_it(urls):
    with pytest.raises(SettingsError, match="ALERT_URLS") as refused:
        targets(settings(alert_urls=urls))

    assert TOKEN not in str(refused.value)


def test_a_notifier_shows_its_scheme_alone():
    one = Notifier("tgram", object(), "test", Scrubber(), Lock())

    assert one.name == "tgram://"
    assert "object" not in repr(one)
