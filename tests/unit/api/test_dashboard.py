"""`/dashboard`: who is sent there, what it loads, and that it is what `frontend/` builds."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from api.routes.dashboard import STATIC
from tests.support.api_world import READ_TOKEN, TOKENS, opened
from tests.support.prefixes import Under

FRONTEND = Path(__file__).parents[3] / "frontend"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
#: What all assets may weigh together.
MOST_BYTES = 300_000


def digest(path):
    return sha256(path.read_bytes()).hexdigest()


def test_what_is_served_was_built_from_what_is_here():
    """After a change in `frontend/`: `npm ci && npm run build` there, and commit both."""
    record = json.loads((STATIC / "build.json").read_text())
    names = ["package.json", "package-lock.json", "build.mjs"]
    files = [FRONTEND / name for name in names] + [*(FRONTEND / "src").rglob("*")]
    sources = {str(one.relative_to(FRONTEND)): digest(one) for one in files if one.is_file()}

    assert record["sources"] == sources
    assert record["built"] == {name: digest(STATIC / name) for name in record["built"]}


def test_the_page_is_small():
    assert sum(one.stat().st_size for one in STATIC.glob("dashboard.*")) < MOST_BYTES


async def test_the_page_loads_only_what_is_served_here(client):
    page = await client.get("/dashboard")
    loaded = [one for one in re.findall(r'(?:src|href)="([^"]+)"', page.text) if "data:" not in one]

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for address in loaded:
        assert not address.startswith(("http", "/"))
        answer = await client.get(f"/{address}")
        assert answer.status_code == 200
        if "?v=" in address:
            body = sha256(answer.content).hexdigest()
            assert address.rpartition("=")[2] == body[:12]
            assert "immutable" in answer.headers["cache-control"]
    assert not re.search(r"<script>|<style>| style=| on\w+=", page.text)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/dashboard.js"])
async def test_no_script_and_no_style_of_others_may_run(client, path):
    answer = await client.get(path)
    rules = dict(
        one.strip().split(" ", 1) for one in answer.headers["content-security-policy"].split(";")
    )

    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/dashboard.js", "/dashboard/dashboard.css"]
)
async def test_a_file_is_sent_compressed_to_whoever_takes_that(client, path):
    plain = await client.get(path, headers={"accept-encoding": "identity"})
    packed = await client.get(path, headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["content-type"] == plain.headers["content-type"]
    for answer in (plain, packed):
        assert "accept-encoding" in answer.headers["vary"]
        assert answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/dashboard/build.json", "/dashboard/%2e%2e/app.py"])
async def test_no_other_file_is_served(client, path):
    assert (await client.get(path)).status_code == 404


async def test_a_browser_is_sent_to_the_page_and_nobody_else(client):
    sent = await client.get("/", headers=BROWSER)

    assert (sent.status_code, sent.headers["location"]) == (307, "dashboard")
    for accept in ("*/*", "application/json", ""):
        answer = await client.get("/", headers={"accept": accept})
        assert answer.json()["name"] == "KalshiProto"
        assert "accept" in answer.headers.get_list("vary")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/bot", "/bot/dashboard"),
        ("/bot/", "/bot/dashboard"),
        (f"/r/{READ_TOKEN}/", "dashboard"),
        (f"/r/{READ_TOKEN}", None),
    ],
)
async def test_the_way_there_leads_past_prefixes_and_never_says_a_token(world, path, location):
    app = world.with_facts(**TOKENS).app()
    async with opened(Under(app, "/bot") if path.startswith("/bot") else app) as client:
        sent = await client.get(path, headers=BROWSER)

    assert sent.headers.get("location") == location
    assert READ_TOKEN not in sent.headers.get("location", "")


async def test_the_page_is_open_and_what_it_shows_is_not(world):
    async with opened(world.with_facts(**TOKENS).app()) as client:
        assert (await client.get("/dashboard")).status_code == 200
        assert (await client.get("/dashboard/dashboard.css")).status_code == 200
        assert (await client.get("/state/full")).status_code == 401
