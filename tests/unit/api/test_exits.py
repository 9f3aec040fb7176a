"""Out by hand, as callers see it: what is held, what became of it, and what keeps one in."""

from dataclasses import replace

import pytest

from api.routes import exits
from bot.ports.views import Overview
from tests.support.api_world import STATUS, full_state, market

HELD = market("KXHELD", position=-10.0)


def _state(*markets, held=None):
    count = sum(1 for one in markets if one.position) if held is None else held
    overview = Overview(
        mode="PAPER", equity=1.0, daily_pnl=0.0, total_exposure=0.0, open_positions=count
    )
    return full_state(markets=markets, overview=overview)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(exits, "DONE_WITHIN", 0.01)


async def test_a_position_that_is_closed_at_once_is_said_to_be(world, client):
    world.show(_state(HELD))
    world.exits.obeyed = lambda: world.show(_state(market("KXHELD")))

    answer = await client.post("/positions/KXHELD/close")

    assert answer.json() == {
        "status": "closed",
        "ticker": "KXHELD",
        "position": -10.0,
        "left": 0.0,
        "detail": "closed by hand",
    }
    assert world.exits.asked == ["KXHELD"]


async def test_one_that_is_not_says_why(world, client):
    world.show(_state(HELD))

    soon = (await client.post("/positions/KXHELD/close")).json()
    world.snapshot_holder.status = replace(STATUS, closing={"KXHELD": "nobody buys"})
    later = (await client.post("/positions/KXHELD/close")).json()

    assert (soon["status"], soon["left"]) == ("closing", -10.0)
    assert soon["detail"].startswith("whoever leads sends an exit within seconds")
    assert later["detail"] == "nobody buys"
    status = (await client.get("/bot/status")).json()
    assert status["closing"] == {"KXHELD": "nobody buys"}


@pytest.mark.parametrize(
    ("state", "code", "says"),
    [
        (_state(market("KXHELD")), 404, "No position in KXHELD is held"),
        (_state(), 404, "No position in KXHELD is held"),
        (_state(market("KXHELD", position=1.0, status="closed")), 409, "paid when that is settled"),
        (_state(market("KXHELD", position=1.0, status="finalized")), 409, "KXHELD cannot be"),
    ],
    ids=["flat", "unknown", "closed", "finalized"],
)
async def test_what_cannot_be_closed_is_not_asked_for(world, client, state, code, says):
    world.show(state)

    answer = await client.post("/positions/KXHELD/close")

    assert answer.status_code == code
    assert says in answer.json()["error"]["message"]
    assert world.exits.asked == []


async def test_a_pause_of_trading_keeps_nobody_from_asking(world, client):
    world.show(_state(market("KXHELD", position=1.0, status="inactive")))

    assert (await client.post("/positions/KXHELD/close")).json()["status"] == "closing"


async def test_flatten_says_what_is_left_and_why(world, client):
    over = market("KXOVER", position=1.0, status="closed")
    world.show(_state(HELD, over))

    begun = (await client.post("/bot/flatten")).json()
    world.exits.obeyed = lambda: world.show(_state(over))
    as_far_as_possible = (await client.post("/bot/flatten")).json()
    world.exits.obeyed = lambda: world.show(_state())
    flat = (await client.post("/bot/flatten")).json()

    assert (begun["status"], set(begun["left"])) == ("flattening", {"KXHELD", "KXOVER"})
    assert begun["entries"] == "stopped until POST /bot/resume"
    assert as_far_as_possible["status"] == "not_flat"
    assert "it is paid when that is settled" in as_far_as_possible["left"]["KXOVER"]
    assert (flat["status"], flat["left"]) == ("flat", {})


async def test_what_is_held_and_not_shown_is_not_flat(world, client):
    world.show(_state(held=1))

    assert (await client.post("/bot/flatten")).json()["status"] == "flattening"
