"""Clients that let the server wait, over real sockets, with both protocols of uvicorn."""

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from api.serving.connections import Patience, Room, bounded

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
ANSWER = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
#: More than the buffers of two sockets hold.
LARGE = b"a" * 20_000_000
SHORT, LONG = Patience(0.05, 0.05), 3_600


async def app(scope, receive, send):
    """Answer once the whole request is there."""
    while (await receive()).get("more_body"):
        pass
    await send(ANSWER)
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def protocol(request):
    return request.param


@asynccontextmanager
async def served(protocol, app, patience):
    """A port with that app; uvicorn itself closes nothing."""
    config = uvicorn.Config(app, timeout_keep_alive=LONG, log_config=None)
    config.load()
    kind: Any = bounded(protocol, Room(100), patience)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for one in list(state.connections):
            one.transport.abort()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@asynccontextmanager
async def sent(port, *words):
    """A connection on which that was sent; its reader."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.writelines(words)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    "words",
    [b"", GET[:5], GET + b"X-A: a", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"],
    ids=["silent", "line", "header", "body"],
)
async def test_who_does_not_bring_the_request_is_closed(protocol, words):
    async with served(protocol, app, SHORT) as port, sent(port, words) as (reader, _):
        assert b"200" not in await reader.read()


async def test_bytes_now_and_then_buy_no_time(protocol):
    async with served(protocol, app, SHORT) as port, sent(port, GET + b"X: ") as (reader, writer):
        ended = asyncio.ensure_future(reader.read())
        while not (await asyncio.wait([ended], timeout=SHORT.request / 5))[0]:
            writer.write(b"a")
        assert ended.exception() or ended.result() == b""


async def test_who_asks_no_more_after_an_answer_is_closed(protocol):
    async with served(protocol, app, SHORT) as port, sent(port, GET + b"\r\n") as (reader, _):
        assert (await reader.read()).endswith(b"ok")


async def test_an_answer_that_takes_long_to_make_is_not_cut_off(protocol):
    release = asyncio.Event()

    async def slow(scope, receive, send):
        await release.wait()
        await app(scope, receive, send)

    async with served(protocol, slow, SHORT) as port, sent(port, GET + b"\r\n") as (reader, _):
        for _ in range(3):
            # One that came later has had its time.
            async with sent(port) as (silent, _):
                await silent.read()
        release.set()
        assert (await reader.read()).endswith(b"ok")


async def test_who_does_not_take_its_answer_loses_it(protocol):
    lost = asyncio.Event()

    async def large(scope, receive, send):
        assert (await receive())["type"] == "http.request"
        length = (b"content-length", str(2 * len(LARGE)).encode())
        await send({**ANSWER, "headers": [length]})
        for _ in range(2):
            # The second one waits until the first is taken.
            await send({"type": "http.response.body", "body": LARGE, "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        lost.set()

    async with served(protocol, large, SHORT) as port:
        with socket.socket() as one:
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(one, GET + b"\r\n")
            await asyncio.wait_for(lost.wait(), 30)
