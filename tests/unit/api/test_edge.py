"""What every answer carries, and the ready bytes of `/state/full`."""

import asyncio
import gzip
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.deps import ServiceFacts
from api.middleware import MAX_BODY
from api.routes import state
from api.routes.ready import accepts_gzip, names
from bot.dashboard.snapshot import snapshot
from tests.support.api_world import DASHBOARD, NOW, OWNER, TOKEN, World, full_state, opened

FOREIGN = "https://evil.example"
SECURITY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


async def test_the_full_state_is_the_bytes_of_the_snapshot(world, client):
    world.show(full_state())

    answer = await client.get("/state/full")

    assert answer.content == world.snapshot_holder.snapshot.body
    assert answer.headers["etag"] == world.snapshot_holder.snapshot.etag
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert len(answer.json()["whales"]) == 50
    assert len(answer.json()["timeline"]) == 100


async def test_a_probe_waits_for_none_of_a_crowd(client):
    answered = []

    async def asked(path):
        await client.get(path)
        answered.append(path)

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(asked(("/state/full", "/nothing", "/config")[number % 3]))
        group.create_task(asked("/health"))

    assert answered.index("/health") < 20


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a",W/{} , "b"', "*"])
async def test_who_has_the_state_already_gets_no_body(world, client, form):
    tag = form.format(world.snapshot_holder.snapshot.etag)

    answer = await client.get("/state/full", headers={"if-none-match": tag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == world.snapshot_holder.snapshot.etag
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("tag", ['"other"', "", "W/", "nonsense", '"*"', 'W/"other", "more"'])
async def test_who_has_another_state_gets_this_one(client, tag):
    assert (await client.get("/state/full", headers={"if-none-match": tag})).status_code == 200


async def test_the_next_snapshot_has_the_next_tag(world, client):
    old = (await client.get("/state/full")).headers["etag"]
    world.show(full_state())

    answer = await client.get("/state/full", headers={"if-none-match": old})

    assert answer.status_code == 200
    assert answer.headers["etag"] != old


async def test_who_accepts_gzip_gets_the_same_state_compressed_under_its_own_tag(world, client):
    world.show(full_state())
    plain = await client.get("/state/full")

    answer = await client.get("/state/full", headers={"accept-encoding": "br, gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(plain.content) / 5
    assert answer.content == plain.content  # decompressed by the client
    assert answer.headers["etag"] != plain.headers["etag"]
    again = {"accept-encoding": "gzip", "if-none-match": answer.headers["etag"]}
    assert (await client.get("/state/full", headers=again)).status_code == 304
    again["if-none-match"] = plain.headers["etag"]
    assert (await client.get("/state/full", headers=again)).status_code == 200


async def test_a_snapshot_not_compressed_yet_is_sent_plain(world, client):
    world.snapshot_holder.snapshot = snapshot(full_state(), NOW)

    answer = await client.get("/state/full", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in answer.headers
    assert answer.content == world.snapshot_holder.snapshot.body


async def test_caches_are_told_what_the_answer_depends_on(client):
    answer = await client.get("/state/full")

    assert "accept-encoding" in answer.headers["vary"]
    assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("accepted", "gzipped"),
    [
        (b"gzip", True),
        (b"GZIP;q=0.5", True),
        (b"deflate, gzip;q=1.0, *;q=0.5", True),
        (b"*", True),
        (b"gzip; q=0", False),
        (b"gzip;q=0.000, *", False),
        (b"*;q=0", False),
        (b"br", False),
        (b"identity", False),
        (b"gzip;q=nonsense", False),
        (b"", False),
    ],
)
def test_gzip_is_sent_to_those_who_want_it(accepted, gzipped):
    assert accepts_gzip(accepted) is gzipped


@given(st.binary(max_size=40))
def test_no_header_breaks_the_answer(header):
    assert accepts_gzip(header) in {True, False}
    assert names(header, b'"tag"') in {True, False}


@pytest.mark.parametrize("path", ["/", "/health", "/state/full", "/state/markets", "/openapi.json"])
async def test_head_is_get_without_the_body(client, path):
    full = await client.get(path)
    head = await client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == full.headers


async def test_pages_cannot_be_framed_and_tell_nobody_where_they_were(client):
    answer = await client.get("/docs")

    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/state/full", 200),
        ("GET", "/nothing", 404),
        ("POST", "/state/full", 405),
        ("GET", "/state/whales?limit=0", 422),
    ],
)
async def test_every_answer_carries_the_security_and_cors_headers(client, method, path, status):
    answer = await client.request(method, path, headers={"origin": DASHBOARD})

    assert answer.status_code == status
    assert SECURITY.items() <= dict(answer.headers).items()
    assert answer.headers["access-control-allow-origin"] == DASHBOARD
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"]


async def test_a_fault_of_ours_carries_them_too_and_shows_no_trace(world):
    world.snapshot_holder.status = None  # no promise of ours: the view of it must break

    async with opened(world.app()) as client:
        answer = await client.get("/bot/status", headers={"origin": DASHBOARD})

    assert answer.status_code == 500
    assert answer.json() == {
        "error": {
            "code": "internal_error",
            "message": "The service failed to answer; its log says why",
            "details": [],
        }
    }
    assert SECURITY.items() <= dict(answer.headers).items()
    assert answer.headers["access-control-allow-origin"] == DASHBOARD


async def test_what_broke_is_told_to_nobody(world):
    app = world.app()

    @app.get("/broken")
    async def broken():
        raise LookupError("the password is swordfish")

    async with opened(app) as client:
        answer = await client.get("/broken")

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    reported = answer.text + str(answer.headers)
    assert not any(word in reported for word in ("swordfish", "LookupError", "Traceback", ".py"))


@pytest.mark.parametrize("path", ["/", "/state/full", "/bot/status", "/docs", "/nothing"])
async def test_who_came_encrypted_is_told_to_stay_so(client, path):
    plain = await client.get(path)
    encrypted = await client.get(path, headers={"x-forwarded-proto": "https"})

    assert "strict-transport-security" not in plain.headers
    assert encrypted.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("path", ["/state/full", "/state/overview"])
async def test_a_page_that_is_not_listed_may_not_read(client, path):
    answer = await client.get(path, headers={"origin": FOREIGN})

    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in answer.headers["vary"]


async def test_a_star_lets_every_page_read_but_none_act(world):
    world.facts = replace(world.facts, cors_origins=("*",))

    async with opened(world.app()) as client:
        for path in ("/state/full", "/state/overview"):
            answer = await client.get(path, headers={"origin": FOREIGN})
            assert answer.headers["access-control-allow-origin"] == "*"
        answer = await client.post("/bot/stop", headers={"origin": FOREIGN})

    assert answer.status_code == 403
    assert world.control.running


async def test_a_listed_page_is_told_that_it_may_ask(client):
    asked = {"origin": DASHBOARD, "access-control-request-method": "POST"}

    answer = await client.options("/bot/start", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == DASHBOARD
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]


async def test_a_foreign_page_is_told_that_it_may_not(client):
    asked = {"origin": FOREIGN, "access-control-request-method": "POST"}

    answer = await client.options("/bot/start", headers=asked)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"
    assert "access-control-allow-origin" not in answer.headers


ACTIONS = ["/bot/start", "/bot/stop", "/bot/kill", "/bot/resume"]
ACTIONS += ["/demo/signal", "/demo/whale", "/demo/pnl"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://localhost:81"},
        {"origin": "https://user@localhost"},
        {"origin": "http://[bad"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_no_foreign_page_acts_on_the_bot(world, client, headers):
    # At once: a refused page is held for a second.
    answers = await asyncio.gather(*(client.post(path, headers=headers) for path in ACTIONS))

    for path, answer in zip(ACTIONS, answers, strict=True):
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "foreign_origin"
        assert "CORS_ORIGINS" in answer.json()["error"]["message"]
    assert world.control.running


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": DASHBOARD},
        {"origin": "http://service.example"},
        {"origin": "https://service.example"},  # TLS ends before the service
        {"sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("facts", [{"allowed_hosts": ("service.example",)}, {}])
async def test_own_pages_listed_pages_and_scripts_act(world, headers, facts):
    world.with_facts(api_token=SecretStr(TOKEN), **facts)
    async with opened(world.app(), host="service.example", **OWNER) as client:
        for path in ACTIONS:
            assert (await client.post(path, headers=headers)).status_code == 200, path


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "0.0.0.0"])
async def test_without_a_token_a_page_of_this_machine_acts(client, host):
    page = {"host": host, "origin": f"http://{host}"}

    assert (await client.post("/bot/stop", headers=page)).status_code == 200


@pytest.mark.parametrize(
    "page", [{"origin": "http://rebound.example"}, {"sec-fetch-site": "same-origin"}]
)
async def test_a_name_that_was_led_to_this_machine_does_not_pass_for_ours(world, client, page):
    headers = {"host": "rebound.example", **page}

    answer = await client.post("/bot/stop", headers=headers)

    assert answer.status_code == 403
    assert world.control.running


@pytest.mark.parametrize(
    ("asked", "status", "code", "says"),
    [
        (("GET", "/nothing"), 404, "not_found", "/nothing"),
        (("GET", "/%0Aforged"), 404, "not_found", "/\\nforged"),
        (("POST", "/"), 405, "method_not_allowed", "POST"),
        (("GET", "/bot/start"), 405, "method_not_allowed", "GET"),
    ],
)
async def test_errors_have_one_shape_and_name_the_culprit(client, asked, status, code, says):
    answer = await client.request(*asked)

    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], error["details"]) == (code, [])
    assert says in error["message"]
    assert ("allow" in answer.headers) is (status == 405)


async def test_a_body_nobody_asked_for_is_refused(world, client):
    answer = await client.post("/bot/stop", content=b"x" * (MAX_BODY + 1))

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert world.control.running
    assert (await client.post("/bot/stop", content=b"{}")).status_code == 200


async def test_without_origins_no_page_is_welcome(tmp_path):
    facts = ServiceFacts(version="1", environment="test", mode="paper")
    world = World(tmp_path, facts=facts)

    async with opened(world.app()) as client:
        answer = await client.get("/state/full", headers={"origin": DASHBOARD})

    assert "access-control-allow-origin" not in answer.headers


async def test_the_route_behind_the_edge_sends_the_same(world):
    bare = FastAPI()
    bare.include_router(state.router)
    world.show(full_state())
    async with opened(world.app()) as edged, world.services() as services:
        bare.state.services = services
        async with opened(bare) as client:
            behind = await client.get("/state/full")
        before = await edged.get("/state/full")

    assert behind.content == before.content == gzip.decompress(world.snapshot_holder.snapshot.gzip)
    assert behind.headers["etag"] == before.headers["etag"]


async def test_a_service_that_was_never_opened_says_so(world):
    transport = httpx.ASGITransport(world.app())

    async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as client:
        with pytest.raises(RuntimeError, match="not open"):
            await client.get("/state/full")
