"""Answers of any size, shape and packing: bounded, and named when they are too much."""

import asyncio
import gzip
import itertools
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import stamina

from bot.kalshi import answers, calls
from bot.kalshi.calls import Calls, Write
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.outcome import is_final
from bot.kalshi.wire.documents import DEEPEST, MOST_ELEMENTS
from bot.ports.exchange import ExchangeError
from tests.support.fakes import HandClock
from tests.support.kalshi_bodies import T1, T2, Json, batch, dump, entry, listed, page

BASE = "https://exchange.invalid/trade-api/v2"
MEGABYTE = b" " * 2**20


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


class Chunks(httpx.AsyncByteStream):
    """A body in chunks, counting those that were taken."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


Say = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def asking(say: Say, base: str = BASE) -> AsyncIterator[tuple[KalshiClient, Calls]]:
    async with open_http(base, httpx.MockTransport(say)) as http:
        budget = TokenBudget(lambda: 0.0, capacity=1e6)
        yield KalshiClient(http, budget, HandClock()), Calls(http, budget)


async def refused(body: bytes | httpx.AsyncByteStream, **headers: str) -> str:
    """What is said of an answer to GET /markets."""

    def say(_request: httpx.Request) -> httpx.Response:
        stream = Chunks(iter([body])) if isinstance(body, bytes) else body
        return httpx.Response(200, headers=headers, stream=stream)

    async with asking(say) as (client, _):
        with pytest.raises(ExchangeError, match=r"^GET /markets: ") as raised:
            await client.markets([T1])
    return str(raised.value)


async def test_a_body_without_an_end_is_read_up_to_the_limit_and_named():
    endless = Chunks(itertools.repeat(MEGABYTE))

    assert "more than 8388608 bytes" in await refused(endless)
    assert endless.taken == 9
    assert endless.closed


async def test_a_body_in_crumbs_leaves_time_for_others_and_has_an_end():
    crumbs = Chunks(itertools.repeat(b" "))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    reason = await refused(crumbs)
    beside.cancel()

    assert "in more than 20000 pieces" in reason
    assert crumbs.taken == answers.MOST_PIECES + 1
    assert turns >= answers.MOST_PIECES // answers.AT_ONCE


async def test_a_length_beyond_the_limit_is_believed_and_nothing_read():
    endless = Chunks(itertools.repeat(MEGABYTE))

    assert "longer than 8388608 bytes" in await refused(endless, **{"Content-Length": "9" * 30})
    assert endless.taken == 0


def bomb() -> Iterator[bytes]:
    """Gzip of a gigabyte, a megabyte of which is a kilobyte."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for _ in range(1_000):
        if packed := packer.compress(MEGABYTE):
            yield packed
    yield packer.flush()


async def test_a_gzip_bomb_is_unpacked_up_to_the_limit_and_named():
    reported = await refused(Chunks(bomb()), **{"Content-Encoding": "gzip"})

    assert "unpacks to more than 8388608 bytes" in reported


def nothing_packed() -> Iterator[bytes]:
    """Gzip that goes on for ever and unpacks to nothing: empty stored blocks."""
    yield gzip.compress(b"")[:10]
    yield from itertools.repeat(b"\x00\x00\x00\xff\xff" * 100_000)


async def test_gzip_that_never_ends_and_holds_nothing_is_bounded_as_it_arrives():
    reported = await refused(Chunks(nothing_packed()), **{"Content-Encoding": "gzip"})

    assert "more than 8388608 bytes arrived" in reported


@pytest.mark.parametrize("packing", ["br", "zstd", "deflate", "gzip, gzip", "x-unknown"])
async def test_a_packing_that_was_not_asked_for_is_refused(packing):
    reported = await refused(b"{}", **{"Content-Encoding": packing})

    assert f"packed as '{packing}', which was not asked for" in reported


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"not gzip at all", "the answer is no gzip"),
        (gzip.compress(page(), mtime=0)[:-9], "the gzip of the answer broke off"),
        (gzip.compress(page(), mtime=0) + b"more", "more bytes follow the gzip"),
        (b"", "the gzip of the answer broke off"),
    ],
)
async def test_gzip_that_is_not_whole_is_refused(packed, why):
    assert why in await refused(packed, **{"Content-Encoding": "gzip"})


async def test_gzip_is_all_that_is_asked_for_and_is_read():
    asked = []

    def say(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        packed = gzip.compress(page(listed(T1)))
        return httpx.Response(200, content=packed, headers={"Content-Encoding": "GZIP"})

    async with asking(say) as (client, _):
        found = [one.tickers async for one in client.listing()]

    assert (asked, found) == (["gzip"], [(T1,)])


@pytest.mark.parametrize(
    "body", [b"", b" ", b"\xef\xbb\xbf{}", b"null", b"[]", b"\0", b"\xff\xfe{"]
)
async def test_an_answer_without_a_document_is_refused(body):
    assert "not the expected JSON" in await refused(body)


async def test_an_answer_without_content_is_refused():
    async with asking(lambda _: httpx.Response(204)) as (client, _):
        with pytest.raises(ExchangeError, match="not the expected JSON"):
            await client.markets([T1])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"x":' + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1) + b"}", "nested more than"),
        (b'{"x":' * 100_000, "nested more than"),
        (b"[" + b"1," * MOST_ELEMENTS + b"1]", "more than 500000 elements"),
        (b'{"x":[' + b"[]," * 400_000 + b"[]]}", "more than 500000 elements"),
        (b'{"markets":' + b"9" * 1_000_000 + b"}", "not the expected JSON"),
        (b'{"markets":1e1000000}', "not the expected JSON"),
        (b'{"markets":[],"cursor":"","cursor":""}', "'cursor' is there twice"),
        (dump({"markets": [], "cursor": "", "x" * 10**6: 1})[:-1] + b',"cursor":""}', "twice"),
    ],
)
async def test_a_document_of_excess_is_refused_in_a_short_line(body, why):
    reported = await refused(body)

    assert why in reported
    assert len(reported) < 1_100


def _said(body: str, _request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text=body)


async def test_a_book_that_says_two_things_is_missing_and_the_others_are_there():
    sides = json.dumps(entry(T1)["orderbook_fp"]["no_dollars"])
    whole = batch(entry(T1), entry(T2)).decode()
    twice = whole.replace(f'"no_dollars": {sides}', f'"no_dollars": {sides}, "no_dollars": []', 1)
    escaped = twice.replace('"no_dollars": []', r'"no_doll\u0061rs": []')

    for body in (twice, escaped):
        async with asking(partial(_said, body)) as (client, _):
            answer = await client.books([T1, T2])
        assert answer.books.tickers == (T2,)
        assert "'no_dollars' is there twice" in answer.missing[T1]


async def test_half_a_batch_of_books_with_a_side_of_null_costs_those_alone():
    odd: Json = {"yes_dollars": None, "no_dollars": []}
    body = batch(entry(T1, odd), entry(T2))

    async with asking(lambda _: httpx.Response(200, content=body)) as (client, _):
        answer = await client.books([T1, T2])

    assert (answer.books.tickers, list(answer.missing)) == ((T2,), [T1])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_names_where_it_points_and_nothing_is_sent_there(status):
    asked = []

    def say(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        where = "https://ann:secret@elsewhere.invalid/v3/markets?token=secret#x\u202e"
        return httpx.Response(status, headers=[(b"Location", where.encode())])

    async with asking(say) as (client, calls_):
        for ask in (client.markets([T1]), calls_.write(Write("POST", "/orders"), bytes)):
            with pytest.raises(ExchangeError) as raised:
                await ask
            reported = str(raised.value)
            assert f"HTTP {status}, it points to https://elsewhere.invalid/v3/markets," in reported
            assert "KALSHI_BASE_URL" in reported
            assert "secret" not in reported
            assert not is_final(raised.value)
    assert set(asked) == {"exchange.invalid"}


async def test_of_a_refusal_only_the_beginning_is_read_and_it_stays_a_refusal():
    endless = Chunks(itertools.repeat(MEGABYTE))
    async with asking(lambda _: httpx.Response(400, stream=endless)) as (_, calls_):
        with pytest.raises(ExchangeError, match=r"POST /orders: HTTP 400") as raised:
            await calls_.write(Write("POST", "/orders"), bytes)

    assert endless.taken == 1
    assert is_final(raised.value)


async def test_an_order_answered_by_too_much_may_have_been_done():
    endless = Chunks(itertools.repeat(MEGABYTE))
    async with asking(lambda _: httpx.Response(201, stream=endless)) as (_, calls_):
        with pytest.raises(ExchangeError, match="bytes arrived") as raised:
            await calls_.write(Write("POST", "/orders"), bytes)

    assert not is_final(raised.value)


async def test_cookies_are_not_kept():
    asked = []

    def say(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("cookie"))
        return httpx.Response(200, content=page(), headers={"Set-Cookie": "a=" + "x" * 4_000})

    async with asking(say) as (client, _):
        await client.markets([T1])
        await client.markets([T1])

    assert asked == [None, None]


async def _drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def _headers_without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


async def _many_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: 1\r\n" * 1_000)
        await writer.drain()


async def _interim_without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        await writer.drain()
        await asyncio.sleep(0)


async def _short_of_its_length(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + page())
    writer.close()


async def _two_lengths(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 24\r\n\r\n" + page())
    writer.close()


@pytest.mark.parametrize(
    "serve",
    [
        *(_drip, _headers_without_end, _many_headers, _interim_without_end),
        *(_short_of_its_length, _two_lengths),
    ],
)
async def test_an_answer_that_is_not_http_or_never_ends_is_an_error_in_bounded_time(
    serve, monkeypatch
):
    monkeypatch.setattr(calls, "ATTEMPT_PATIENCE", 0.3)

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with open_http(f"http://{host}:{port}") as http:
            client = KalshiClient(http, TokenBudget(lambda: 0.0, capacity=1e6), HandClock())
            with pytest.raises(ExchangeError, match=r"^GET /markets: "):
                await client.markets([T1])


def test_the_limits_leave_room_for_the_longest_page_there_is():
    assert answers.MOST_BYTES > 3 * 2_500 * 1_000
    assert MOST_ELEMENTS > 6 * 80_000
