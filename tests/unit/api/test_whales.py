"""The history of whales and their scoreboard, as served."""

from datetime import timedelta

import pytest
from msgspec.json import decode

from api.schemas.whales import WhaleHistory
from bot.core.events import WhaleEnded, WhaleSeen
from bot.core.whales.detector import WhaleType
from bot.core.whales.markouts import Group, MarkoutSums
from bot.whales.views import Scoreboard, line
from tests.support.api_world import NOW, opened
from tests.support.whale_events import ENDING, whale


async def test_the_history_says_why_each_fired_and_how_it_ended(world, client):
    world.whales.on_events([WhaleSeen(NOW, whale("A")), WhaleEnded(NOW, ENDING)])
    world.whales.on_events([WhaleSeen(NOW + timedelta(minutes=1), whale("B"))])

    shown = decode((await client.get("/whales")).content, type=WhaleHistory)

    assert [one.ticker for one in shown.whales] == ["B", "A"]
    assert shown.whales[0].why == "large"
    assert [one.kind for one in shown.endings] == ["cancelled"]
    assert "cannot" in shown.limits or "not seen" in shown.limits


async def test_the_history_can_be_narrowed(world, client):
    spoof = whale("B", kind=WhaleType.SPOOF_SUSPECTED)
    world.whales.on_events(
        [WhaleSeen(NOW, whale("A")), WhaleSeen(NOW + timedelta(minutes=1), spoof)]
    )

    async def tickers(**wish):
        answer = (await client.get("/whales", params=wish)).json()
        return [one["ticker"] for one in answer["whales"]]

    assert await tickers(ticker="A") == ["A"]
    assert await tickers(type="spoof_suspected") == ["B"]
    assert await tickers(since=(NOW + timedelta(seconds=1)).isoformat()) == ["B"]
    assert await tickers(limit=1) == ["B"]


async def test_the_history_says_how_much_is_known_of_what_traded(world, client):
    shown = decode((await client.get("/whales")).content, type=WhaleHistory)

    assert shown.trades == world.coverage


async def test_where_another_process_looks_nothing_is_said_of_what_traded(world):
    world.coverage = None
    async with opened(world.app()) as client:
        assert (await client.get("/whales")).json()["trades"] is None


@pytest.mark.parametrize("bare", ["%2B", "+", "%20"], ids=["encoded", "bare", "blank"])
async def test_a_moment_may_be_pasted_with_its_bare_plus(world, client, bare):
    world.whales.on_events(
        [WhaleSeen(NOW, whale("A")), WhaleSeen(NOW + timedelta(hours=1), whale("B"))]
    )
    since = (NOW + timedelta(seconds=1)).isoformat().replace("+", bare)

    answer = (await client.get(f"/whales?since={since}")).json()

    assert [one["ticker"] for one in answer["whales"]] == ["B"]


@pytest.mark.parametrize("since", ["0", "1768774500", "-1", "1.5e9", "null", "", "1970"])
async def test_a_number_is_not_taken_for_a_moment(client, since):
    answer = await client.get("/whales", params={"since": since})

    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [
        {"where": "query.since", "problem": "Input should be a date and time in ISO 8601"}
    ]


@pytest.mark.parametrize(
    "wish", [{"limit": 0}, {"limit": 501}, {"type": "fish"}, {"since": "yesterday"}]
)
async def test_a_wrong_wish_is_refused(client, wish):
    assert (await client.get("/whales", params=wish)).status_code == 422


async def test_an_empty_scoreboard_is_a_scoreboard(client):
    shown = decode((await client.get("/whales/scoreboard")).content, type=Scoreboard)

    assert (shown.lines, shown.count, shown.following, shown.unscored) == ((), 0, 0, {})


def test_a_line_without_anything_known_has_no_numbers_but_its_counts():
    shown = line(Group("large_bid", "all", "all"), "1m", MarkoutSums().missed(), MarkoutSums())

    assert (shown.count, shown.missing, shown.mean, shown.interval) == (0, 1, None, None)
    assert (shown.excess, shown.excess_interval, shown.verdict) == (None, None, "too_few")
