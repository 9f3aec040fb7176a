"""The doors stand before WebSockets, too: there is none yet, and one that comes is guarded."""

import pytest
from starlette.websockets import WebSocket

from tests.support.api_world import READ_TOKEN, TOKENS

POLICY_VIOLATION = 1008


@pytest.fixture
def guarded(world):
    """The service with tokens and a WebSocket that greets whoever gets to it."""
    app = world.with_facts(**TOKENS).app()

    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4000)

    app.add_api_websocket_route("/stream", greet)
    return app


def scope(path, *headers):
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"test"), *headers],
        "client": ("203.0.113.7", 1234),
        "server": ("test", 80),
        "scheme": "ws",
        "subprotocols": [],
    }


async def asked(app, path, *headers):
    """What the app sends to whoever opens a WebSocket there."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await app(scope(path, *headers), receive, send)
    return sent


@pytest.mark.parametrize("path", ["/stream", "/nowhere", "/health"])
@pytest.mark.parametrize("token", [None, b"Bearer wrong"], ids=["none", "wrong"])
async def test_without_the_token_no_websocket_opens(guarded, path, token):
    sent = await asked(guarded, path, *([(b"authorization", token)] if token else []))

    assert [message["type"] for message in sent] == ["websocket.close"]
    if path == "/stream":
        assert sent[0]["code"] == POLICY_VIOLATION


async def test_the_token_opens_it(guarded):
    sent = await asked(guarded, "/stream", (b"authorization", f"Bearer {READ_TOKEN}".encode()))

    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


async def test_a_page_of_a_stranger_opens_none_though_reading_is_free(world):
    app = world.app()

    sent = await asked(app, "/stream", (b"origin", b"https://evil.example"))

    assert [message["code"] for message in sent] == [POLICY_VIOLATION]
