"""Pages wait for news and for refusals; programs do not, and nobody waits too long."""

import asyncio
from dataclasses import replace

import pytest

from api.app import create_app
from api.serving.holds import Holds, LongPollLimits, NewsThrottle
from tests.support.api_world import DASHBOARD, READER, TOKENS, full_state, opened

#: Nothing here ends by the clock, but for what is meant to.
FOR_EVER = LongPollLimits(news=3_600.0, refusal=3_600.0, most=2)
AT_ONCE = LongPollLimits(news=0.0, refusal=0.0)
PAGES = [{"origin": DASHBOARD}, {"sec-fetch-mode": "cors"}]


def app(world, patience):
    return create_app(world.services, world.facts, lambda: world.seconds, patience)


def held(app):
    """The number of requests that wait; the edge keeps it to itself."""
    return len(app._edge._opened().holds)


async def waiting(app, count=1):
    for _ in range(1_000):
        if held(app) == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{held(app)} wait, not {count}")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_that_has_the_state_waits_for_the_next(world, page):
    service = app(world, FOR_EVER)
    asked = {**page, "if-none-match": world.snapshot_holder.snapshot.etag}
    async with opened(service) as client, asyncio.TaskGroup() as group:
        asking = group.create_task(client.get("/state/full", headers=asked))
        await waiting(service)
        world.snapshot_holder.snapshot = world.snapshot_holder.snapshot  # the same again is no news
        await asyncio.sleep(0)
        assert held(service) == 1
        world.show(full_state())
        answer = await asking

    assert answer.status_code == 200
    assert answer.headers["etag"] == world.snapshot_holder.snapshot.etag
    assert held(service) == 0


@pytest.mark.parametrize("page", PAGES)
async def test_without_news_it_is_told_so_after_a_while(world, page):
    asked = {**page, "if-none-match": world.snapshot_holder.snapshot.etag}
    async with opened(app(world, AT_ONCE)) as client:
        assert (await client.get("/state/full", headers=asked)).status_code == 304


@pytest.mark.parametrize("page", PAGES)
async def test_news_close_upon_news_are_told_together_a_while_later(world, page):
    service = app(world, replace(FOR_EVER, apart=3_600.0))
    old = {**page, "if-none-match": '"another"'}
    async with opened(service) as client, asyncio.TaskGroup() as group:
        # Those who lack the same hear of it at once, one after another.
        for _ in range(2):
            assert (await client.get("/state/full", headers=old)).status_code == 200
        world.show(full_state())
        asking = group.create_task(client.get("/state/full", headers=old))
        await waiting(service)
        for _ in range(10):
            await asyncio.sleep(0)
        assert held(service) == 1
        service._edge._opened().holds.let_go()

        assert (await asking).headers["etag"] == world.snapshot_holder.snapshot.etag


async def test_once_it_is_time_the_newest_is_told():
    seconds, news = 0.0, "first"
    throttle = NewsThrottle(10.0, lambda: seconds)
    await throttle.acquire(lambda: news)
    news = "second"
    seconds = 9.999
    later = asyncio.create_task(throttle.acquire(lambda: news))
    await asyncio.sleep(0)
    assert not later.done()

    seconds, news = 10.0, "third"
    await later
    # The same is told to all who ask.
    await throttle.acquire(lambda: news)


async def test_programs_and_those_who_have_nothing_yet_never_wait(world):
    known = {"if-none-match": world.snapshot_holder.snapshot.etag}
    async with opened(app(world, FOR_EVER)) as client:
        assert (await client.get("/state/full", headers=known)).status_code == 304
        for page in PAGES:
            old = {**page, "if-none-match": '"another"'}
            assert (await client.get("/state/full", headers=page)).status_code == 200
            assert (await client.get("/state/full", headers=old)).status_code == 200
            assert (await client.get("/health", headers=page)).status_code == 200
        assert (await client.get("/nothing")).status_code == 404


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("asked", "facts", "status"),
    [
        (("GET", "/state/full"), TOKENS, 401),
        (("GET", "/r/wrong/state/full"), TOKENS, 401),
        (("POST", "/bot/stop"), TOKENS, 401),
        (("GET", "/state/full"), {"allowed_hosts": ("bot.example",)}, 400),
        (("GET", "/nothing"), {}, 404),
        (("GET", "/whales?limit=0"), {}, 422),
        (("GET", "/state/full"), {"cors_origins": ("https://else.example",)}, 200),
    ],
)
async def test_a_page_waits_for_its_refusal(world, page, asked, facts, status):
    service = app(world.with_facts(**facts), FOR_EVER)
    page = {**page, "origin": DASHBOARD}
    async with opened(service) as client, asyncio.TaskGroup() as group:
        answer = group.create_task(client.request(*asked, headers=page))
        await waiting(service)
        service._edge._opened().holds.let_go()

        assert (await answer).status_code == status


async def test_a_program_hears_of_its_refusal_at_once(world):
    async with opened(app(world.with_facts(**TOKENS), FOR_EVER)) as client:
        assert (await client.get("/state/full")).status_code == 401
        assert (await client.get("/nothing", headers=READER)).status_code == 404


async def test_no_more_than_so_many_wait(world):
    service = app(world, FOR_EVER)
    asked = {"origin": DASHBOARD, "if-none-match": world.snapshot_holder.snapshot.etag}
    async with opened(service) as client, asyncio.TaskGroup() as group:
        first = [group.create_task(client.get("/state/full", headers=asked)) for _ in range(2)]
        await waiting(service, FOR_EVER.most)
        assert (await client.get("/state/full", headers=asked)).status_code == 304
        service._edge._opened().holds.let_go()

        assert {(await one).status_code for one in first} == {304}
        # Who ends waits for nobody.
        assert (await client.get("/state/full", headers=asked)).status_code == 304


async def test_who_has_gone_is_not_waited_for():
    holds = Holds(FOR_EVER)
    messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    await holds.refusal(receive)

    assert not messages
    assert len(holds) == 0
