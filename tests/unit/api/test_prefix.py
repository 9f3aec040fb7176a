"""The same service under a path prefix, and through the read door."""

import httpx
import pytest
from pydantic import SecretStr

from tests.support.api_world import OWNER, READ_TOKEN, READER, TOKEN, TOKENS, opened
from tests.support.prefixes import Under

#: Path, status without a token, status with the token for reading.
EXPECTED = [
    ("/health", 200, 200),
    ("/ready", 200, 200),
    ("/", 200, 200),
    ("/docs", 200, 200),
    ("/docs/swagger-ui.css", 200, 200),
    ("/redoc", 200, 200),
    ("/openapi.json", 200, 200),
    ("/state/full", 401, 200),
    ("/bot/status", 401, 200),
    ("/logs/trades.csv", 401, 200),
    ("/nothing", 401, 404),
]


@pytest.fixture
def guarded(world):
    return world.with_facts(**TOKENS, allowed_hosts=("bot.example",))


@pytest.mark.parametrize("strips", [True, False])
@pytest.mark.parametrize("prefix", ["/x", "/bot", "/bot/", "bot", "/a/b", "/state"])
async def test_the_doors_are_the_same_under_a_prefix(guarded, prefix, strips):
    """A proxy may strip the prefix, or leave it."""
    left = "" if strips else "/" + prefix.strip("/")
    async with opened(Under(guarded.app(), prefix), host="bot.example") as client:
        for path, without, with_token in EXPECTED:
            assert (await client.get(left + path)).status_code == without, path
            assert (await client.get(left + path, headers=READER)).status_code == with_token, path
            assert (await client.head(left + path)).status_code == without, path
        assert (await client.post(left + "/bot/stop", headers=READER)).status_code == 403
        assert (await client.post(left + "/bot/stop", headers=OWNER)).status_code == 200


async def test_probes_answer_under_any_name_and_the_rest_does_not(guarded):
    async with opened(Under(guarded.app(), "/bot"), host="10.0.0.7") as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/bot/health")).status_code == 200
        assert (await client.get("/docs")).status_code == 400


async def test_the_documentation_asks_for_what_is_there(guarded):
    async with opened(Under(guarded.app(), "/bot"), host="bot.example") as client:
        page = (await client.get("/docs")).text
        document = (await client.get("/openapi.json")).json()

    assert "docs/swagger-ui-bundle.js" in page
    assert '"/docs' not in page
    assert document["servers"] == [{"url": "/bot"}]


@pytest.mark.parametrize("prefix", ["", "/bot", "/x"])
async def test_the_read_door_reads_and_does_nothing_else(guarded, prefix):
    door = f"/r/{READ_TOKEN}"
    async with opened(Under(guarded.app(), prefix), host="bot.example") as client:
        for path, _, with_token in EXPECTED:
            assert (await client.get(door + path)).status_code == with_token, path
        etag = (await client.get(door + "/state/full")).headers["etag"]
        same = await client.get(door + "/state/full", headers={"if-none-match": etag})
        acted = [await client.request(m, door + "/bot/stop") for m in ("POST", "HEAD", "PUT")]
        owned = await client.post(door + "/bot/stop", headers=OWNER)

    assert same.status_code == 304
    assert {answer.status_code for answer in (*acted, owned)} == {405}
    assert guarded.control.running


@pytest.mark.parametrize(
    "token",
    [
        "",
        "another-token",
        READ_TOKEN[:-1],
        READ_TOKEN + "x",
        TOKEN,
        "%00",
        "%ff",
        READ_TOKEN.upper(),
    ],
)
async def test_no_other_token_opens_the_read_door(guarded, token, caplog):
    with caplog.at_level("DEBUG"):
        async with opened(guarded.app(), host="bot.example") as client:
            answer = await client.get(f"/r/{token}/state/full")

    assert answer.status_code == 401
    said = [one.getMessage() for one in caplog.records if one.name == "main"]
    assert any("a wrong token in the path" in line for line in said)
    if len(token) > 3:
        assert token not in "".join(said) + answer.text


async def test_a_token_with_a_slash_opens_the_read_door_if_it_is_spelt_out(world):
    world.with_facts(api_read_token=SecretStr("a/slash+and=more"))
    async with opened(world.app()) as client:
        assert (await client.get("/r/a%2Fslash+and=more/state/full")).status_code == 200
        assert (await client.get("/r/a/slash+and=more/state/full")).status_code == 401


async def test_without_a_read_token_there_is_no_read_door(world):
    async with opened(world.app()) as client:
        answer = await client.get("/r/anything/state/full")

    assert answer.status_code == 404
    assert "API_READ_TOKEN" in answer.json()["error"]["message"]


async def test_the_server_sees_no_token_in_the_path_it_logs(guarded):
    seen = {}

    async def server(scope, receive, send):
        seen["scope"] = scope
        await app(scope, receive, send)

    app = guarded.app()
    async with opened(app, host="bot.example"):
        transport = httpx.ASGITransport(server)
        async with httpx.AsyncClient(transport=transport, base_url="http://bot.example") as client:
            for token in (READ_TOKEN, "a-wrong-one"):
                await client.get(f"/r/{token}/state/full")

                assert token not in str(seen["scope"]["path"]) + str(seen["scope"]["raw_path"])


@pytest.mark.parametrize(
    ("path", "without", "location"),
    [
        ("/health/", 307, "../health"),
        ("/ready/", 307, "../ready"),
        ("/docs/?a=b", 307, "../docs?a=b"),
        ("/dashboard/", 307, "../dashboard"),
        ("/state/full/", 401, "../full"),
        ("/nothing/", 401, None),
        ("/health//", 401, None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/bot"])
async def test_a_slash_too_much_meets_the_same_door_and_leads_to_no_other_host(
    guarded, prefix, path, without, location
):
    async with opened(Under(guarded.app(), prefix), host="bot.example") as client:
        assert (await client.get(prefix + path)).status_code == without
        answer = await client.get(prefix + path, headers=READER)

        assert answer.status_code == (404 if location is None else 307)
        assert answer.headers.get("location") == location
        if location is not None:
            there = await client.get(answer.url.join(location), headers=READER)
            assert there.status_code == 200


async def test_an_act_with_a_slash_too_much_wants_its_token_first(guarded):
    async with opened(guarded.app(), host="bot.example") as client:
        assert (await client.post("/bot/stop/")).status_code == 401
        answer = await client.post("/bot/stop/", headers=OWNER)
        assert (answer.status_code, answer.headers["location"]) == (307, "../stop")
