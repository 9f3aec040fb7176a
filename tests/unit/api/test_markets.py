"""`/markets/{ticker}`: all that is known of one market in one answer."""

from datetime import datetime, timedelta

import pytest

from bot.clock import RecordedClock
from bot.dashboard.account_panel import AccountPanel
from bot.dashboard.market_panel import MarketPanel
from bot.engine.observers import Observers
from bot.ports.persistence import StoreError
from bot.ports.view_faults import ViewFaults
from tests.support.api_world import decision, opened
from tests.support.published import Shown


class Whole(Shown):
    """The publisher's bench with both panels beside it."""

    def __init__(self, *tickers):
        super().__init__(*tickers)
        self.account, self.markets = AccountPanel(self.trader), MarketPanel()
        self.cycle._audience = Observers(
            ViewFaults(),
            {"state": self.publisher, "account": self.account, "markets": self.markets},
        )


@pytest.fixture
async def bench(world):
    bench = Whole("A", "B")
    await bench.run(0.8)
    bench.account.show()
    world.snapshot_holder = bench.snapshot_holder
    world.account, world.markets = bench.account.view, bench.markets
    world.clock = RecordedClock(bench.clock.now() + timedelta(seconds=3))
    world.decisions.checkpoint = (decision("A"), decision("B"))
    return bench


async def test_one_market_with_its_book_position_and_decisions(world, bench):
    async with opened(world.app()) as client:
        found = (await client.get("/markets/A")).json()

    assert found["market"]["ticker"] == "A"
    assert found["book"]["bids"][0] == {"price": 52.0, "size": 300.0}
    assert found["book"]["age_seconds"] == 3.0
    assert found["position"]["size"] == 100.0
    assert [one["ticker"] for one in found["decisions"]] == ["A"]
    assert [one["mid"] for one in found["path"]] == [52.5]
    seen_since = datetime.fromisoformat(found["path"][0]["at"])
    assert seen_since == bench.clock.now()
    assert found["path_reason"].startswith("this process has seen it since ")
    assert (found["fills"], found["fills_reason"]) == ([], None)


async def test_a_market_that_is_not_watched_is_none(client):
    answer = await client.get("/markets/NOBODY")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == ("NOBODY is not among the markets that are watched")


class Away:
    """The past while the database is away."""

    async def fills(self, wanted):
        raise StoreError("the disk is gone")


async def test_while_the_database_is_away_only_the_fills_are_unknown(world, bench):
    world.past = Away()

    async with opened(world.app()) as client:
        found = (await client.get("/markets/A")).json()

    assert (found["fills"], found["fills_reason"]) == (None, "the disk is gone")
    assert found["book"]
