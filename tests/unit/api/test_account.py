"""`/positions` and `/limits`: what is known with its age, and never a 0 for what is not."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.clock import RecordedClock
from bot.core.events import FillMarkedOut
from bot.core.model.fill_markouts import FillKind
from bot.ports.persistence import CommittedChanges
from tests.support.api_world import opened
from tests.support.panels import Paneled
from tests.support.strategies import NOON


@pytest.fixture
async def bench(world):
    """A long position, seen by the service five seconds after the cycle."""
    bench = Paneled()
    await bench.run(0.8)
    world.account = bench.panel.view
    world.clock = RecordedClock(datetime.fromisoformat(world.account.at) + timedelta(seconds=5))
    return bench


async def test_before_the_first_cycle_nothing_is_known_and_nothing_is_zero(client):
    positions = (await client.get("/positions")).json()
    limits = (await client.get("/limits")).json()

    assert positions == {
        "positions": [],
        "count": 0,
        "account": None,
        "entries": None,
        "as_of": None,
        "age_seconds": None,
        "reason": "no cycle has ended yet",
    }
    assert limits["reason"] == "no cycle has ended yet"


async def test_a_position_says_how_long_it_is_held_and_when_it_closes(world, bench):
    async with opened(world.app()) as client:
        found = (await client.get("/positions")).json()

    (one,) = found["positions"]
    position = bench.trader.portfolio.positions["A"]
    market = bench.exchange.markets["A"]
    now = world.clock.now()
    assert one["held_seconds"] == (now - position.opened_at).total_seconds()
    assert one["closes_in_seconds"] == (market.close_time - now).total_seconds()
    assert one["stale"] is False
    assert found["age_seconds"] == 5.0
    assert found["account"]["equity"] == bench.panel.view.totals.equity


async def test_the_account_and_the_record_say_the_same_of_all_entries(world, bench):
    def marked(number, kind, value):
        markouts = (None, None, None, value)
        return FillMarkedOut(NOON, f"f{number}", "A", "X", kind, Decimal(10), NOON, markouts)

    kinds = (FillKind.ENTRY_LONG, FillKind.ENTRY_SHORT, FillKind.EXIT_TAKEN)
    told = tuple(marked(number, kind, 2.0 * number) for number, kind in enumerate(kinds))
    async with opened(world.app()) as client:
        before = (await client.get("/positions")).json()["entries"]
        world.model.fills.catch_up(CommittedChanges(1, told))
        account = (await client.get("/positions")).json()["entries"]
        record = (await client.get("/model/performance")).json()["entries"]

    assert before == {"fills": 0, "contracts": 0, "after": dict.fromkeys(("1", "5", "10", "60"))}
    assert account == record
    assert (account["fills"], account["contracts"]) == (2, 20.0)
    assert account["after"]["60"] == {"value": 1.0, "interval": None, "rows": 2}


async def test_after_a_long_silence_every_mark_is_stale(world, bench):
    world.clock = RecordedClock(world.clock.now() + timedelta(minutes=5))

    async with opened(world.app()) as client:
        found = (await client.get("/positions")).json()

    assert found["reason"] == "no cycle has ended for 305 s"
    assert found["positions"][0]["stale_reason"] == "no cycle has ended for 305 s"


async def test_limits_are_listed_with_their_use(world, bench):
    async with opened(world.app()) as client:
        found = (await client.get("/limits")).json()

    total = next(one for one in found["limits"] if one["rule"] == "total_exposure")
    assert (total["value"], total["limit"], total["use"]) == (53.0, 2500.0, 0.0212)
    assert found["count"] == len(found["limits"])
    assert found["entries_stopped"] is None
