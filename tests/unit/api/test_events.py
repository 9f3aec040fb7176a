"""`/events`: every snapshot once to each who listens, and nobody holds up anybody."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.serving.events import GREETING, Listeners
from bot.dashboard.snapshot import packed, snapshot
from bot.scrub import Scrubber
from tests.support.api_world import NOW, READER, TOKENS, full_state, market, opened

PATH = "/events"


@dataclass
class Listener:
    """A client at an app, without a network: what it was sent, and whether it takes more."""

    app: Any
    headers: dict[str, str] = field(default_factory=dict)
    path: str = PATH
    status: int | None = None
    sent: dict[str, Any] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self):
        self.takes.set()

    async def listen(self):
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        await self.app(scope, self._receive, self._send)

    async def _receive(self):
        if not self.sent.get("asked"):
            self.sent["asked"] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        await self.takes.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.sent["headers"] = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message["body"]:
            self.chunks.append(message["body"])
        self.news.set()

    async def until(self, count):
        async with asyncio.timeout(5):
            while len(self.chunks) < count:
                self.news.clear()
                await self.news.wait()
        return self.chunks[:count]

    @property
    def states(self):
        return [json.loads(c.split(b"\ndata: ")[1]) for c in self.chunks if c[:5] == b"event"]


@asynccontextmanager
async def listening(world, *, app=None, **options):
    """One who listens to a service that is open."""
    app = app or world.app()
    listener = Listener(app, **options)
    async with app.router.lifespan_context(app), asyncio.TaskGroup() as group:
        task = group.create_task(listener.listen())
        yield listener
        listener.gone.set()
        await asyncio.wait({task}, timeout=5)
        assert task.done()


def shown(number):
    return full_state(markets=(market(f"KX-{number}"),))


async def test_the_state_of_now_comes_first_and_then_each_that_follows(world):
    world.show(shown(1))
    async with listening(world) as listener:
        greeting, first = await listener.until(2)
        world.show(shown(2))
        await listener.until(3)

    body = world.snapshot_holder.snapshot.body
    etag = world.snapshot_holder.snapshot.etag.strip('"')
    assert greeting == GREETING
    assert first.startswith(b"event: state\nid: ")
    assert listener.chunks[2] == f"event: state\nid: {etag}\ndata: ".encode() + body + b"\n\n"
    assert [one["markets"][0]["ticker"] for one in listener.states] == ["KX-1", "KX-2"]
    assert listener.sent["headers"]["content-type"].startswith("text/event-stream")
    assert listener.sent["headers"]["cache-control"] == "no-store"


async def test_what_the_client_has_already_is_not_sent_again(world):
    world.show(shown(1))
    known = world.snapshot_holder.snapshot.etag.strip('"')
    async with listening(world, headers={"last-event-id": known}) as listener:
        await listener.until(1)
        world.show(shown(2))
        await listener.until(2)

    assert [one["markets"][0]["ticker"] for one in listener.states] == ["KX-2"]


async def test_who_is_slow_gets_the_newest_and_queues_nothing(world):
    world.show(shown(1))
    async with listening(world) as listener:
        await listener.until(2)
        listener.takes.clear()
        for number in range(2, 9):
            world.show(shown(number))
            for _ in range(5):
                await asyncio.sleep(0)
        listener.takes.set()
        await listener.until(4)

    # The one that was on its way when it stopped taking, and the newest.
    assert [one["markets"][0]["ticker"] for one in listener.states] == ["KX-1", "KX-2", "KX-8"]


async def test_a_sign_of_life_comes_while_nothing_changes(world):
    world.show(shown(1))
    app = world.app()
    async with app.router.lifespan_context(app):
        listeners = Listeners(world.snapshot_holder, app.state.listeners._ended, heartbeat=0.01)
        app.state.listeners = listeners
        listener = Listener(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(listener.listen())
            chunks = await listener.until(4)
            listener.gone.set()

    assert chunks[2:] == [b": \n\n", b": \n\n"]


async def test_all_are_sent_the_very_same_bytes(world):
    world.show(shown(1))
    app = world.app()
    crowd = [Listener(app) for _ in range(3)]
    async with app.router.lifespan_context(app), asyncio.TaskGroup() as group:
        for one in crowd:
            group.create_task(one.listen())
        found = [(await one.until(2))[1] for one in crowd]
        assert len(app.state.listeners) == 3
        for one in crowd:
            one.gone.set()

    assert found[0] is found[1] is found[2]
    assert len(app.state.listeners) == 0


async def test_more_than_there_is_room_for_are_asked_to_come_back(world):
    app = world.app()
    async with opened(app) as client:
        app.state.listeners = Listeners(world.snapshot_holder, app.state.listeners._ended, most=0)
        answer = await client.get(PATH)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"


async def test_a_service_that_ends_lets_all_go(world):
    app = world.app()
    listener = Listener(app)
    async with app.router.lifespan_context(app) as state, asyncio.TaskGroup() as group:
        task = group.create_task(listener.listen())
        await listener.until(2)
        state["let_go"]()
        await asyncio.wait({task}, timeout=5)

        assert task.done()


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (READER, 200)])
async def test_it_is_behind_the_read_door(world, headers, status):
    lowered = {name.lower(): value for name, value in headers.items()}
    async with listening(world.with_facts(**TOKENS), headers=lowered) as listener:
        await listener.until(1)

    assert listener.status == status


async def test_a_secret_is_masked_there_as_well(world):
    world.with_facts(scrubber=Scrubber(("the-token-of-the-owner",)))
    state = full_state(markets=(market("the-token-of-the-owner"),))
    world.snapshot_holder.snapshot = packed(snapshot(state, NOW))
    async with listening(world) as listener:
        await listener.until(2)

    assert b"the-token-of-the-owner" not in listener.chunks[1]


async def test_head_says_what_it_is_and_ends(client):
    answer = await client.head(PATH)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
