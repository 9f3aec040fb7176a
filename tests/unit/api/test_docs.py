"""`/docs` and `/redoc`: they load nothing from elsewhere, and show where a token goes."""

import re

import pytest

from tests.support.api_world import OWNER, TOKENS, opened

PAGES = ["/docs", "/redoc"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_only_what_is_served_here(client, path):
    page = await client.get(path)
    loaded = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(loaded) >= 3
    for address in loaded:
        assert not address.startswith(("http", "/"))
        assert (await client.get(f"/{address}")).status_code == 200
    assert "<script>" not in page.text


@pytest.mark.parametrize("path", [*PAGES, "/docs/swagger-ui-bundle.js", "/docs/start.js"])
async def test_a_page_runs_no_script_but_those_of_this_service(client, path):
    answer = await client.get(path)
    rules = dict(
        r.strip().split(" ", 1) for r in answer.headers["content-security-policy"].split(";")
    )

    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "max-age=3600"


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("/docs/swagger-ui-bundle.js", "text/javascript", b"SwaggerUIBundle"),
        ("/docs/swagger-ui.css", "text/css", b".swagger-ui"),
        ("/docs/start.js", "text/javascript", b"openapi.json"),
        ("/docs/favicon.png", "image/png", b"PNG"),
        ("/redoc/redoc.standalone.js", "text/javascript", b"Redoc"),
        ("/redoc/logo-mini.svg", "image/svg+xml", b"<svg"),
    ],
)
async def test_the_files_of_the_viewers_are_those(client, path, kind, holds):
    answer = await client.get(path)

    assert answer.headers["content-type"].startswith(kind)
    assert holds in answer.content


@pytest.mark.parametrize("path", ["/docs/__init__.py", "/docs/%2e%2e/app.py", "/redoc/LICENSE"])
async def test_no_other_file_is_served(client, path):
    assert (await client.get(path)).status_code == 404


async def operations(world):
    async with opened(world.app(), **OWNER) as client:
        document = (await client.get("/openapi.json")).json()
    found = {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return document, found


async def test_where_nothing_wants_a_token_there_is_no_lock(world):
    document, found = await operations(world)

    assert "securitySchemes" not in document["components"]
    assert not any("security" in operation for operation in found.values())


async def test_with_a_token_every_post_has_a_lock_and_says_what_happens_without(world):
    document, found = await operations(world.with_facts(api_token=TOKENS["api_token"]))

    (scheme,) = document["components"]["securitySchemes"].items()
    assert scheme == ("API token", {"type": "http", "scheme": "bearer"})
    for (_, method), operation in found.items():
        assert (operation.get("security") == [{"API token": []}]) is (method == "post")
        assert ({"401", "429"} <= set(operation["responses"])) is (method == "post")


async def test_with_a_read_token_what_is_open_is_all_that_has_none(world):
    _, found = await operations(world.with_facts(**TOKENS))

    unlocked = {path for (path, _), operation in found.items() if "security" not in operation}
    assert unlocked == {"/", "/health", "/ready"}
