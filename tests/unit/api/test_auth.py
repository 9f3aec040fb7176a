"""Who may read and who may act: every route, with and without tokens, from here and elsewhere."""

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.security.auth import AccessPolicy
from api.security.paths import Target
from api.security.throttle import MOST, MOST_IN_ALL, ROOM, SPAN, Failures
from tests.support.api_world import OWNER, READ_TOKEN, READER, TOKEN, TOKENS, World, opened

APP = World(Path("never opened")).app()
#: What every route is asked for with, where its path leaves something open.
FILLED = {"/logs/{name}.csv": "/logs/trades.csv", "/positions/{ticker}/close": "/positions/A/close"}
#: Answers of those who were let in: nothing is held that could be closed.
SHUT = {401, 403, 429}


def paths(method: str) -> list[str]:
    """All of the app, so that a new route is guarded or fails here."""
    known = APP.openapi()["paths"]
    # A stream never ends: its door is tried where it is tested.
    return [
        FILLED.get(path, path)
        for path, methods in known.items()
        if method in methods and path != "/events"
    ]


ACTS, READS = paths("post"), paths("get")
GUARDED = [path for path in READS if path not in {"/", "/health", "/ready"}]
WRONG: list[dict[str, Any]] = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer " + TOKEN[:-1]},
    {"Authorization": "Bearer " + TOKEN + "x"},
    {"Authorization": "Bearer"},
    {"Authorization": "Basic " + TOKEN},
    {"Authorization": TOKEN},
    {"Authorization": "Bearer \udcff".encode("utf-8", "surrogateescape")},
    {"Cookie": f"token={TOKEN}"},
]


def test_the_tables_know_every_route():
    assert len(ACTS) >= 7
    assert {"/state/full", "/metrics", "/logs/trades.csv", "/decisions"} <= set(GUARDED)


@pytest.fixture
def guarded(world):
    return world.with_facts(**TOKENS)


@pytest.mark.parametrize("path", ACTS)
async def test_nobody_acts_without_the_right_token(guarded, path):
    async with opened(guarded.app()) as client:
        answers = [await client.post(path, headers=wrong) for wrong in WRONG]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.json()["error"]["code"] for answer in answers} == {"unauthorized"}
    assert guarded.control.running
    assert guarded.kill.reason is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_the_owner_acts_from_anywhere(guarded, scheme):
    async with opened(guarded.app(), "203.0.113.9") as client:
        for path in ACTS:
            answer = await client.post(path, headers={"Authorization": f"{scheme} {TOKEN}"})

            assert answer.status_code not in SHUT, path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "NEW"])
@pytest.mark.parametrize("path", ["/", "/nothing", "/state/full", "/docs"])
async def test_whatever_is_not_reading_is_acting(guarded, method, path):
    async with opened(guarded.app()) as client:
        assert (await client.request(method, path)).status_code == 401


async def test_who_may_read_may_not_act(guarded):
    async with opened(guarded.app()) as client:
        answer = await client.post("/bot/stop", headers=READER)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "reads_only")
    assert guarded.control.running


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", GUARDED)
async def test_with_a_read_token_nobody_reads_without_one(guarded, method, path):
    async with opened(guarded.app()) as client:
        refused = [await client.request(method, path, headers=wrong) for wrong in WRONG]
        let = [await client.request(method, path, headers=right) for right in (READER, OWNER)]

    assert {answer.status_code for answer in refused} == {401}
    assert "etag" not in refused[0].headers
    # There may be nothing of that name: whoever hears so was let in.
    assert {answer.status_code for answer in let} <= {200, 404}


async def test_who_has_the_state_already_needs_the_token_to_hear_so(guarded):
    asked = {"if-none-match": guarded.snapshot_holder.snapshot.etag}

    async with opened(guarded.app()) as client:
        assert (await client.get("/state/full", headers=asked)).status_code == 401
        assert (await client.get("/state/full", headers={**asked, **READER})).status_code == 304


@pytest.mark.parametrize(
    "path", ["/", "/health", "/ready", "/docs", "/redoc", "/openapi.json", "/docs/swagger-ui.css"]
)
async def test_some_things_anybody_may_know(guarded, path):
    async with opened(guarded.app(), "203.0.113.9") as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.head(path)).status_code == 200


@pytest.mark.parametrize("path", ["/docs/../bot/status", "/docs/%2e%2e/bot/status", "//health/x"])
async def test_no_path_dresses_up_as_an_open_one(guarded, path):
    async with opened(guarded.app()) as client:
        assert (await client.get(path)).status_code in {401, 404}


async def test_without_a_read_token_reading_is_open(world):
    async with opened(world.with_facts(api_token=SecretStr(TOKEN)).app(), "203.0.113.9") as client:
        assert {(await client.get(path)).status_code for path in READS} <= {200, 404}


async def test_a_read_token_alone_leaves_acting_to_this_machine(world):
    world.with_facts(api_read_token=SecretStr(READ_TOKEN))

    async with opened(world.app()) as here, opened(world.app(), "203.0.113.9") as there:
        assert (await here.get("/bot/status")).status_code == 401
        assert (await here.post("/bot/stop")).status_code == 200
        assert (await there.post("/bot/start", headers=READER)).status_code == 403


@pytest.mark.parametrize("environment", ["development", "test"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_in_development_this_machine_acts_without_a_token(world, environment, address):
    async with opened(world.with_facts(environment=environment).app(), address) as client:
        assert not SHUT & {(await client.post(path)).status_code for path in ACTS}


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.9", {}),
        ("10.0.0.1", {}),
        ("::ffff:10.0.0.1", {}),
        ("localhost", {}),  # a name proves nothing
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}),
        ("127.0.0.1", {"via": "1.1 proxy"}),
        ("127.0.0.1", {"x-forwarded-port": "443"}),
        ("127.0.0.1", {"cf-connecting-ip": "127.0.0.1"}),
        ("127.0.0.1", {"true-client-ip": "127.0.0.1"}),
        ("127.0.0.1", {"fly-client-ip": "127.0.0.1"}),
        ("127.0.0.1", {"x-client-ip": "127.0.0.1"}),
        ("127.0.0.1", {"fastly-client-ip": "127.0.0.1"}),
        ("127.0.0.1", {"x-original-forwarded-for": "127.0.0.1"}),
        # A proxy on this machine that adds nothing, but keeps the name it was asked for.
        ("127.0.0.1", {"host": "bot.example"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        ("127.0.0.1", {"host": "10.0.0.1:8000"}),
        ("127.0.0.1", {"host": ""}),
    ],
)
async def test_without_a_token_nobody_else_acts(world, address, headers):
    async with opened(world.app(), address) as client:
        for path in ACTS:
            answer = await client.post(path, headers=headers)

            assert answer.status_code == 403, path
            assert answer.json()["error"]["code"] == "no_token_set"
            assert "Set API_TOKEN" in answer.json()["error"]["message"]
    assert world.control.running


@pytest.mark.parametrize("environment", ["production", "staging", "prod", "Development"])
async def test_anywhere_but_in_development_nobody_acts_until_there_is_a_token(world, environment):
    async with opened(world.with_facts(environment=environment).app(), **OWNER) as client:
        for path in ACTS:
            answer = await client.post(path)

            assert answer.status_code == 403, path
            assert "Set API_TOKEN" in answer.json()["error"]["message"]


async def test_who_has_no_address_is_not_at_home(world):
    scope = {"type": "http", "method": "POST", "path": "/bot/stop", "client": None}

    refusal = AccessPolicy(world.facts, lambda: 0.0).refusal(scope, Target("/bot/stop"), {})

    assert refusal is not None
    assert refusal.status == 403


async def test_a_proxy_of_this_machine_that_speaks_http_1_0_is_not_at_home(world):
    scope = {"type": "http", "method": "POST", "client": ("127.0.0.1", 1), "http_version": "1.0"}
    access_policy, stop = AccessPolicy(world.facts, lambda: 0.0), Target("/bot/stop")

    assert access_policy.refusal(scope, stop, {b"host": b"127.0.0.1:8000"}) is not None
    scope["http_version"] = "1.1"
    assert access_policy.refusal(scope, stop, {b"host": b"127.0.0.1:8000"}) is None


async def test_a_blank_token_is_none(world):
    async with opened(world.with_facts(api_token=SecretStr(" \n")).app(), "203.0.113.9") as client:
        assert (
            await client.post("/bot/stop", headers={"Authorization": "Bearer "})
        ).status_code == 403


async def test_blanks_around_a_token_do_not_count(world):
    async with opened(world.with_facts(api_token=SecretStr(TOKEN + "\n")).app()) as client:
        assert (await client.post("/bot/stop", headers=OWNER)).status_code == 200


async def test_tokens_are_compared_whole_whatever_they_share(guarded, monkeypatch):
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    async with opened(guarded.app()) as client:
        for token in ("", "x", TOKEN[:-1], TOKEN, READ_TOKEN, "x" * 5000):
            compared.clear()
            await client.get("/bot/status", headers={"Authorization": f"Bearer {token}"})
            # Both tokens, each time: digests, so of one length.
            assert {other for _, other in compared[:2]} == {32}
            assert {one for one, _ in compared[:2]} == ({32} if token else {0})


async def test_who_fails_too_often_is_told_when_to_come_back(guarded):
    async with opened(guarded.app(), "203.0.113.9") as client:
        failed = [await client.post("/bot/stop") for _ in range(MOST)]
        guarded.seconds = 20.0
        limited = await client.post("/bot/stop")
        read = await client.get("/state/full", headers={"Authorization": "Bearer wrong"})
        guarded.seconds = SPAN
        again = await client.post("/bot/stop")

    assert {answer.status_code for answer in failed} == {401}
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "40")
    assert limited.json()["error"]["code"] == "too_many_requests"
    assert read.status_code == 429
    assert again.status_code == 401


async def test_nobody_can_lock_the_owner_out(guarded):
    async with opened(guarded.app(), "203.0.113.9") as client:
        for _ in range(MOST + 1):
            answer = await client.post("/bot/stop")
        assert answer.status_code == 429
        assert (await client.post("/bot/stop", headers=OWNER)).status_code == 200
        assert (await client.get("/state/full", headers=READER)).status_code == 200


async def test_others_do_not_pay_for_it(guarded):
    app = guarded.app()
    async with opened(app, "203.0.113.9") as one, opened(app, "203.0.113.10") as other:
        for _ in range(MOST + 1):
            await one.post("/bot/stop")
        assert (await other.post("/bot/stop")).status_code == 401


def test_a_neighbourhood_of_ipv6_counts_as_one():
    failures = Failures(lambda: 0.0)

    for number in range(MOST):
        failures.add(f"2001:db8::{number}")

    assert failures.add("2001:db8::ffff").wait
    assert not failures.add("2001:db8:0:1::1").wait


def test_the_table_of_failures_is_bounded_and_forgets_who_failed_longest_ago():
    failures = Failures(lambda: 0.0)
    for _ in range(MOST):
        failures.add("first")
    for number in range(ROOM - 1):
        failures.add(str(number))
    assert failures.add("first").wait  # kept, and the newest again

    failures.add("one more")
    failures.add("and another")

    assert len(failures) == ROOM
    assert failures.add("first").wait


def test_an_old_failure_makes_room_for_the_next():
    now = 0.0
    failures = Failures(lambda: now)
    for _ in range(MOST):
        failures.add("a")
        now += 1.0
    now = SPAN

    assert failures.add("a").wait == 0
    assert failures.add("a").wait == 1


async def test_a_failure_is_one_line_without_the_token(guarded, caplog):
    secret = "a-guess-that-was-nearly-right"
    async with opened(guarded.app(), "203.0.113.9") as client:
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            await client.post("/bot/stop%0Aforged", headers={"Authorization": f"Bearer {secret}"})
            await client.post("/bot/stop", headers=OWNER)
            await client.get("/bot/status", headers=READER)

    (line,) = [one.getMessage() for one in caplog.records if one.name == "main"]
    assert line == "Refused POST /bot/stop\\nforged: a wrong token from 203.0.113.9"
    assert not any(word in caplog.text for word in (secret, TOKEN, READ_TOKEN))


async def test_a_flood_of_failures_does_not_flood_the_log(guarded, caplog):
    async with opened(guarded.app()) as client:
        caplog.clear()
        for _ in range(5 * MOST):
            await client.post("/bot/stop")
        guarded.seconds = SPAN
        await client.post("/bot/stop")

    lines = [one.getMessage() for one in caplog.records if one.name == "main"]
    assert lines[0] == "Refused POST /bot/stop: no token from 127.0.0.1"
    assert lines[1:] == [f"{lines[0]}; {5 * MOST - 1} more since the last such line"]


async def test_whoever_calls_himself_another_each_time_is_one_too_many_soon(guarded, caplog):
    app, statuses = guarded.app(), []
    for number in range(2 * MOST_IN_ALL):
        async with opened(app, f"198.51.{number}.1") as client:
            statuses.append((await client.post("/bot/stop")).status_code)
            assert (await client.get("/state/full", headers=READER)).status_code == 200

    assert statuses == [401] * MOST_IN_ALL + [429] * MOST_IN_ALL
    assert len([one for one in caplog.records if "Refused" in one.getMessage()]) == MOST_IN_ALL


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"environment": "development"}, ["this machine may act"]),
        ({"environment": "production"}, ["every POST is refused"]),
        ({"api_token": SecretStr("short"), "environment": "production"}, ["openssl rand"]),
        (TOKENS, []),
    ],
)
async def test_the_start_says_once_how_the_doors_stand(world, caplog, facts, said):
    with caplog.at_level(logging.WARNING, "main"):
        async with opened(world.with_facts(**facts).app()):
            pass

    lines = [one.getMessage() for one in caplog.records]
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))
    assert "short" not in caplog.text


def test_no_token_is_shown_with_the_facts(guarded):
    shown = repr(guarded.facts) + repr(vars(AccessPolicy(guarded.facts, lambda: 0.0)))

    assert TOKEN not in shown
    assert READ_TOKEN not in shown


async def test_a_page_of_a_listed_origin_may_read_why_it_was_refused(guarded):
    page = {"origin": guarded.facts.cors_origins[0]}

    async with opened(guarded.app()) as client:
        for path in ("/state/full", "/bot/status"):
            answer = await client.get(path, headers=page)
            assert answer.status_code == 401
            assert answer.headers["access-control-allow-origin"] == page["origin"]
            assert answer.headers["cache-control"] == "no-store"
        asked = {"access-control-request-method": "POST", **page}
        assert (await client.options("/bot/stop", headers=asked)).status_code == 204


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("bot.example", 200),
        ("BOT.example:8000", 200),
        ("bot.example.", 200),
        ("a.family.example", 200),
        ("[::1]:8000", 200),
        ("family.example", 400),
        ("evil-bot.example", 400),
        ("bot.example.evil.example", 400),
        ("localhost", 400),
        ("", 400),
    ],
)
async def test_only_names_that_are_listed_are_answered_to(world, host, status):
    world.with_facts(allowed_hosts=("bot.example", "*.family.example", "::1"))

    async with opened(world.app()) as client:
        for path in ("/state/full", "/bot/status", "/docs"):
            answer = await client.get(path, headers={"host": host})
            assert answer.status_code == status
        assert (await client.get("/health", headers={"host": host})).status_code == 200

    if status == 400:
        assert answer.json()["error"]["code"] == "unknown_host"
        assert "ALLOWED_HOSTS" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["host", "origin", "authorization"])
async def test_what_decides_may_be_there_once(world, name):
    twice = [(name, "http://one.example"), (name, "http://two.example")]

    async with opened(world.app()) as client:
        refused = await client.get("/bot/status", headers=twice)
        other = await client.get("/bot/status", headers=[("accept", "a"), ("accept", "b")])

    assert (refused.status_code, other.status_code) == (400, 200)
    assert name in refused.json()["error"]["message"]


def test_a_request_without_a_name_is_not_for_a_service_that_has_some(world):
    access_policy = AccessPolicy(
        world.with_facts(allowed_hosts=("bot.example",)).facts, lambda: 0.0
    )
    scope = {"type": "http", "method": "GET", "path": "/state/full", "client": None}

    refusal = access_policy.refusal(scope, Target("/state/full"), {})

    assert refusal is not None
    assert refusal.status == 400
    assert not access_policy.reads_are_free


def test_a_service_without_a_read_token_has_nothing_to_check_of_a_poll(world):
    assert AccessPolicy(world.facts, lambda: 0.0).reads_are_free
    assert not AccessPolicy(world.with_facts(**TOKENS).facts, lambda: 0.0).reads_are_free
