"""What operators ask for: readiness, figures, decisions, the kill switch, and a database away."""

from dataclasses import replace

import pytest
from msgspec import convert
from msgspec.json import decode

from api.schemas.bot import Decisions
from api.schemas.service import ReadyView
from bot.ports import views
from bot.ports.persistence import LeaseLostError, StoreError
from bot.ports.views import Check
from tests.support.api_world import STATUS, decision


async def test_a_service_is_ready_while_all_checks_hold(world, client):
    world.readiness.found = {"data": Check(True, "4 s old"), "lease": Check(True, "web-1 leads")}

    answer = await client.get("/ready")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {
            "data": {"ok": True, "detail": "4 s old"},
            "lease": {"ok": True, "detail": "web-1 leads"},
        },
    }


async def test_one_check_that_fails_makes_it_unready_and_says_which(world, client):
    world.readiness.found["database"] = Check(False, "the disk is full")

    answer = await client.get("/ready")

    assert answer.status_code == 503
    shown = decode(answer.content, type=ReadyView)
    assert not shown.ready
    assert [name for name, check in shown.checks.items() if not check.ok] == ["database"]
    assert (await client.head("/ready")).status_code == 503


async def test_the_figures_are_sent_as_they_were_made(client):
    answer = await client.get("/metrics")

    assert answer.content == b"up 1.0\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_decisions_come_with_their_numbers(world, client):
    refusal = views.RefusalView("max_market_exposure", 210.0, 200.0)
    world.decisions.checkpoint = (
        decision("KXRAIN", order="buy 100 @ 52.50", outcome="filled"),
        decision("KXSNOW", score=None, reason="no model"),
        decision("KXRAIN", refusal=refusal),
    )

    answer = (await client.get("/decisions", params={"ticker": "KXRAIN"})).json()

    shown = convert(answer, Decisions)
    assert (shown.count, shown.decisions[0].order) == (2, "buy 100 @ 52.50")
    assert answer["decisions"][1]["refusal"] == {
        "rule": "max_market_exposure",
        "value": 210.0,
        "limit": 200.0,
    }
    assert (await client.get("/decisions", params={"limit": 1})).json()["count"] == 1


@pytest.mark.parametrize("wish", [{"limit": 0}, {"limit": 501}, {"ticker": "A" * 65}])
async def test_a_wrong_wish_is_refused(client, wish):
    assert (await client.get("/decisions", params=wish)).status_code == 422


async def test_the_kill_switch_is_idempotent_and_keeps_its_reason(world, client):
    async def said(path, **params):
        return (await client.post(path, params=params)).json()

    assert await said("/bot/kill", reason="drift\n") == {"status": "killed", "reason": "drift\\n"}
    world.snapshot_holder.status = replace(STATUS, killed="drift")
    assert await said("/bot/kill") == {"status": "already_killed", "reason": "drift"}
    assert await said("/bot/resume") == {"status": "resumed"}
    assert await said("/bot/resume") == {"status": "not_killed"}
    assert await said("/bot/kill") == {"status": "killed", "reason": "by hand"}


async def test_resume_names_the_switch_that_still_stands_and_what_lifts_it(world, client):
    killed, until = "the file KILL exists", "the file KILL is removed"
    world.snapshot_holder.status = replace(STATUS, killed=killed, killed_until=until)

    assert (await client.post("/bot/resume")).json() == {
        "status": "still_killed",
        "reason": "the file KILL exists",
        "until": "the file KILL is removed",
    }
    status = (await client.get("/bot/status")).json()
    assert (status["killed"], status["killed_until"]) == (killed, until)


@pytest.mark.parametrize("reason", ["", "x" * 201])
async def test_a_reason_is_a_sentence(world, client, reason):
    assert (await client.post("/bot/kill", params={"reason": reason})).status_code == 422
    assert world.kill.reason is None


@pytest.mark.parametrize("path", ["/bot/start", "/bot/stop"])
@pytest.mark.parametrize("kind", [StoreError, LeaseLostError])
async def test_while_the_database_is_away_a_switch_says_so(world, client, path, kind):
    world.control.fault = kind("the database does not answer: start it")

    answer = await client.post(path)

    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "store_unavailable"
    assert error["message"] == "the database does not answer: start it"


async def test_who_no_longer_leads_asks_for_another_try(world, client):
    world.control.fault = LeaseLostError()

    answer = await client.post("/bot/start")

    assert answer.status_code == 503
    assert "try again" in answer.json()["error"]["message"]


async def test_the_status_says_who_leads(world, client):
    world.snapshot_holder.status = replace(STATUS, leader=False, leads="another", epoch=7)

    shown = decode((await client.get("/bot/status")).content, type=views.BotView)

    assert (shown.leader, shown.leads, shown.epoch) == (False, "another", 7)
    assert (shown.killed, shown.store_fault) == (None, None)
