"""Every client goes out the same way: through the proxy, but for what is excepted."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts.webhook import Webhook
from bot.app.bootstrap import exchange
from bot.clock import SystemClock
from bot.config import load
from bot.outbound import DIRECT, Outbound
from bot.ports.exchange import ExchangeError

PROXIES = {"http": "http://p.example:1", "https": "http://p.example:2"}


@pytest.mark.parametrize(
    ("excepted", "address", "proxy"),
    [
        ("", "https://a.example/x", "http://p.example:2"),
        ("", "http://a.example/x", "http://p.example:1"),
        ("*", "https://a.example", None),
        ("a.example", "https://a.example", None),
        ("a.example", "https://b.a.example", None),
        ("a.example", "https://ba.example", "http://p.example:2"),
        (".a.example", "https://b.a.example", None),
        ("*.a.example", "https://b.a.example", None),
        ("A.Example", "https://a.example", None),
        ("a.example:443", "https://a.example", None),
        ("a.example:80", "https://a.example", "http://p.example:2"),
        ("https://a.example", "https://a.example", None),
        ("[::1]", "http://[::1]:9000", None),
        ("::1", "http://[::1]:9000", None),
        ("[::1]:9000", "http://[::1]:9000", None),
        ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f0::7]", None),
        ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f1::7]", "http://p.example:1"),
        ("10.0.0.0/8", "http://10.1.2.3", None),
        ("10.0.0.0/8", "http://11.1.2.3", "http://p.example:1"),
        ("10.0.0.0/8", "http://ten.example", "http://p.example:1"),
        ("[broken", "http://a.example", "http://p.example:1"),
        ("a.example:port", "http://a.example", "http://p.example:1"),
    ],
)
def test_an_exception_from_proxies_is_what_it_names(excepted, address, proxy):
    assert Outbound(PROXIES, (excepted,)).proxy(address) == proxy


@given(st.lists(st.text()), st.sampled_from(["http://a.example", "https://[::1]:9/x"]))
def test_no_exception_is_a_defect(excepted, address):
    assert Outbound(PROXIES, tuple(excepted)).proxy(address) in {None, *PROXIES.values()}


@asynccontextmanager
async def proxied(answer: bytes):
    """A proxy on this machine, and the requests that came through it."""
    asked = []

    async def serve(reader, writer):
        asked.append((await reader.readuntil(b"\r\n")).decode().strip())
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_books_orders_and_alerts_go_through_the_one_proxy(tmp_path):
    async with proxied(REFUSED) as (address, asked):
        settings = load(
            None, http_proxy=address, log_dir=tmp_path, kalshi_base_url="http://exchange.invalid/x"
        )
        async with exchange(settings, SystemClock()) as data:
            with pytest.raises(ExchangeError, match="403"):
                await data.books(["A"])
        hook = Webhook.of("http://hook.invalid/secret", "json", "test", settings.outbound)
        async with hook.opened() as channel:
            assert (await channel.http.post("/")).status_code == 403

    assert asked[0].startswith("GET http://exchange.invalid/x/markets/orderbooks")
    assert asked[-1].startswith("POST http://hook.invalid/secret")


async def test_what_is_excepted_does_not_go_through_the_proxy():
    async with proxied(REFUSED) as (address, asked), proxied(REFUSED) as (direct, reached):
        way = Outbound({"http": f"http://{address}"}, ("127.0.0.0/8",))
        async with httpx.AsyncClient(transport=way.transport(f"http://{direct}/")) as http:
            await http.get(f"http://{direct}/x")

    assert (asked, reached) == ([], ["GET /x HTTP/1.1"])


async def test_a_client_without_a_way_out_ignores_the_environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "localhost,[::1]")
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such")

    async with (
        proxied(REFUSED) as (direct, reached),
        httpx.AsyncClient(transport=DIRECT.transport(f"http://{direct}/")) as http,
    ):
        await http.get(f"http://{direct}/x")

    assert reached == ["GET /x HTTP/1.1"]
