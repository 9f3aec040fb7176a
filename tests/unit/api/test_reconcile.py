"""An operator's word on the account, as callers see it."""

import pytest

from api.routes import reconcile
from bot import config
from bot.ports.account_views import AuditView, OperatorEntry
from tests.support.api_world import NOW, TOKEN, opened


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch, world):
    monkeypatch.setattr(reconcile, "DONE_WITHIN", 0.01)
    live = {"bot_mode": "live", "api_token": TOKEN, "kalshi_api_key": "k", "kalshi_secret": "s"}
    where = {"kalshi_base_url": "http://127.0.0.1:1/trade-api/v2"}
    world.settings = config.load(None, **live, **where)


def entry(about, message, *, is_refusal=False):
    at = NOW.isoformat()
    return OperatorEntry(at=at, asked_at=at, about=about, message=message, is_refusal=is_refusal)


async def test_an_account_that_is_adopted_says_what_of(world):
    world.audit = AuditView(operator=(entry("adopt", "an operator adopted: 3 trades"),))

    async with opened(world.app()) as client:
        answer = await client.post("/audit/adopt")

    assert answer.json() == {"status": "adopted", "detail": "an operator adopted: 3 trades"}
    assert world.account_control.asked == [("adopt", True)]


async def test_one_that_is_not_yet_says_what_it_waits_for(world):
    world.audit = AuditView(adoption_waits="an order is in doubt")

    async with opened(world.app()) as client:
        answer = await client.post("/audit/adopt")

    assert answer.json() == {"status": "waiting", "detail": "an order is in doubt"}


@pytest.mark.parametrize(("is_refusal", "status"), [(False, "resolved"), (True, "refused")])
async def test_an_order_is_resolved_by_word_or_not(world, is_refusal, status):
    world.audit = AuditView(operator=(entry("c-1", "so it is", is_refusal=is_refusal),))

    async with opened(world.app()) as client:
        answer = await client.post("/orders/c-1/resolve", params={"traded": "false"})

    assert answer.json() == {"status": status, "client_order_id": "c-1", "detail": "so it is"}
    assert world.account_control.asked == [("c-1", False)]


async def test_a_word_on_an_order_has_to_be_said(world):
    async with opened(world.app()) as client:
        answer = await client.post("/orders/c-1/resolve")

    assert answer.status_code == 422
    assert world.account_control.asked == []


@pytest.mark.parametrize("path", ["/audit/adopt", "/orders/c-1/resolve?traded=true"])
async def test_on_paper_there_is_nothing_to_take_over(world, path):
    world.settings = config.load(None)

    async with opened(world.app()) as client:
        answer = await client.post(path)

    assert answer.status_code == 409
    assert "no account at the exchange" in answer.json()["error"]["message"]
    assert world.account_control.asked == []
