"""`python -m trials.fuzz`: odd answers of the exchange against the real client.

Each case takes a sound answer, spoils it in a way that knows its structure (fields and elements
left out, doubled, swapped, replaced by what is hard to read), packs it for the wire in a sound or
spoilt way, and asks the client for it. What comes must be a value or an ExchangeError of one
bounded line, within bounded time and memory. Hypothesis chooses, and shrinks what fails.
"""

import argparse
import asyncio
import copy
import gzip
import json
import logging
import multiprocessing
import resource
import sys
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

import httpx
import stamina
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.clock import RecordedClock
from bot.core.market.market import Side
from bot.core.market.orders import Order
from bot.kalshi.calls import Calls
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.requests import KalshiTrading
from bot.ports.exchange import LONGEST_REASON, ExchangeError

#: Seconds one case may take, and megabytes a process of ROUND cases may grow by.
MOST_SECONDS: Final = 2.0
MOST_MEGABYTES: Final = 250.0
#: Copies of an element: with the longest of what is odd in each, a body of some megabytes.
MANY: Final = 30
#: Cases of one process: Hypothesis remembers what it tried, and memory is the client's to grow.
ROUND: Final = 5_000
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
BASE: Final = "https://exchange.invalid/trade-api/v2"

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]
Ask: TypeAlias = Callable[[KalshiClient, KalshiTrading], Awaitable[object]]

_MARKET: Final[Json] = {
    "ticker": "KXRAIN-A",
    "event_ticker": "KXRAIN",
    "title": "Rain in New York?",
    "yes_sub_title": "Rain",
    "status": "active",
    "open_time": "2026-11-22T15:00:00Z",
    "close_time": "2026-11-24T04:59:00Z",
    "volume_24h_fp": "912.50",
    "open_interest_fp": "1840.00",
    "result": "",
    "settlement_value_dollars": None,
    "exchange_index": 0,
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
}
_LEVELS: Final[Json] = [["0.3400", "60.25"], ["0.3500", "120.00"]]
_BOOK: Final[Json] = {
    "ticker": "KXRAIN-A",
    "orderbook_fp": {"yes_dollars": _LEVELS, "no_dollars": [["0.6100", "10.00"]]},
}
_TRADE: Final[Json] = {
    "trade_id": "t-1",
    "ticker": "KXRAIN-A",
    "count_fp": "2.00",
    "yes_price_dollars": "0.3700",
    "taker_book_side": "bid",
    "created_time": "2026-11-22T12:00:00.5Z",
    "is_block_trade": False,
}
_ORDER: Final[Json] = {
    "order_id": "o-1",
    "client_order_id": "c-1",
    "ticker": "KXRAIN-A",
    "book_side": "bid",
    "status": "executed",
    "initial_count_fp": "5.00",
    "fill_count_fp": "5.00",
}
_FILL: Final[Json] = {
    "fill_id": "f-1",
    "order_id": "o-1",
    "ticker": "KXRAIN-A",
    "book_side": "bid",
    "count_fp": "5.00",
    "yes_price_dollars": "0.4100",
    "fee_cost": "0.025400",
    "is_taker": True,
    "created_time": "2026-11-22T12:00:01Z",
}
_EVENT: Final[Json] = {
    "event_ticker": "KXRAIN",
    "series_ticker": "KXRAIN",
    "title": "Rain",
    "fee_type_override": None,
    "fee_multiplier_override": None,
}
_SERIES: Final[Json] = {
    "ticker": "KXRAIN",
    "title": "Rain",
    "category": "Weather",
    "fee_type": "quadratic",
    "fee_multiplier": 1,
}
_STATUS: Final[Json] = {
    "exchange_active": True,
    "trading_active": True,
    "exchange_index_statuses": [
        {"exchange_index": 0, "exchange_active": True, "trading_active": True}
    ],
}
_WISH: Final = Order(
    client_order_id="c-1",
    ticker="KXRAIN-A",
    side=Side.BUY,
    size=Decimal(5),
    limit=Decimal("0.42"),
    at=NOON,
)


async def _listing(client: KalshiClient, _trading: KalshiTrading) -> object:
    return [page async for page in client.listing()]


def _unchecked() -> None:
    """Nothing speaks against sending it."""


#: What is asked, and a sound answer to it.
QUESTIONS: Final[Mapping[str, tuple[Ask, Json]]] = {
    "listing": (_listing, {"markets": [_MARKET, {**_MARKET, "ticker": "B"}], "cursor": ""}),
    "markets": (
        lambda client, _: client.markets(["KXRAIN-A", "B"]),
        {"markets": [_MARKET, {**_MARKET, "ticker": "B"}], "cursor": ""},
    ),
    "books": (
        lambda client, _: client.books(["KXRAIN-A", "B"]),
        {"orderbooks": [_BOOK, {**_BOOK, "ticker": "B"}]},
    ),
    "recent trades": (
        lambda client, _: client.recent_trades(NOON, 2),
        {"trades": [_TRADE, {**_TRADE, "trade_id": "t-2"}], "cursor": ""},
    ),
    "trades": (lambda client, _: client.trades("KXRAIN-A"), {"trades": [_TRADE], "cursor": ""}),
    "terms": (
        lambda client, _: client.terms(["KXRAIN"]),
        {"events": [_EVENT], "cursor": "", "series": _SERIES},
    ),
    "status": (lambda client, _: client.exchange_status(), _STATUS),
    "order": (lambda _, trading: trading.order(_WISH), {"orders": [_ORDER], "cursor": ""}),
    "fills": (lambda _, trading: trading.fills("o-1"), {"fills": [_FILL], "cursor": ""}),
    "positions": (
        lambda _, trading: trading.holdings(),
        {"market_positions": [{"ticker": "A", "position_fp": "-5.00"}], "cursor": ""},
    ),
    "cash": (
        lambda _, trading: trading.cash(),
        {"balance_dollars": "100.00", "portfolio_value": 5, "updated_ts": 1},
    ),
    "caught up": (
        lambda _, trading: trading.caught_up_to(),
        {"as_of_time": "2026-11-22T12:00:00Z"},
    ),
    "archived": (lambda client, _: client.archived(["KXRAIN-A"]), {"market": _MARKET}),
    "archived before": (
        lambda _, trading: trading.archived_before(),
        dict.fromkeys(
            ["market_settled_ts", "trades_created_ts", "orders_updated_ts"], "2026-11-22T12:00:00Z"
        ),
    ),
    "shards": (lambda _, trading: trading.shards(), _STATUS),
    "group": (lambda _, trading: trading.create_group(5, 0), {"order_group_id": "g-1"}),
    "create": (
        lambda _, trading: trading.create(_WISH, "g-1", 0, _unchecked),
        {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00", "ts_ms": 1},
    ),
}

#: What is hard to read wherever it stands.
ODD: Final[Sequence[Json]] = (
    *(None, True, 0, -1, 1.5, 1e300, 2**63, "", " ", "x", [], {}, [[]], [None], {"a": {"a": 1}}),
    *("NaN", "Infinity", "-0", "1e9", "0.1e-99999", "9" * 400, "0." + "3" * 40, "-1.00", "٣"),
    *("a\0b", "a\nb", "\u202ea", "\ud800", "\U0001f600", "é" * 10_000, "\\", '"', "__proto__"),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z"),
    *("2026-11-22T12:00:00", "finalized", "inactive", "bid", "ask", "KXRAIN-A", "0.0000", "1.0000"),
)
#: What cannot be said by encoding a value.
RAW: Final[Sequence[bytes]] = (
    *(b"9" * 5_000, b"1e1000000", b"-", b"NaN", b"Infinity", b"0x1", b"1e-999999", b"tru"),
    *(b"[" * 2_000, b"[" * 50 + b"]" * 50, b'{"a":1,"a":2}', b'"\\ud800"', b'"\xff"', b'"\x01"'),
    *(b'"' + b"x" * 200_000 + b'"', b"[" + b"1," * 50_000 + b"1]", b"\xef\xbb\xbf{}", b""),
)
_PLACE: Final = "here is what cannot be encoded"


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and the answer it is given."""

    question: str
    body: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    chunk: int


@dataclass(slots=True)
class Tally:
    """What came of the cases."""

    values: int = 0
    errors: int = 0
    slowest: float = 0.0
    by_question: Counter[str] = field(default_factory=Counter)


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, chunk: int) -> None:
        self._body = body
        self._chunk = chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._chunk):
            yield self._body[start : start + self._chunk]


def places(document: Json, path: Path = ()) -> list[Path]:
    """Every place in a document, the whole of it last."""
    inner: list[Path] = []
    if isinstance(document, dict):
        for name, value in document.items():
            inner += places(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            inner += places(value, (*path, number))
    return [*inner, path]


def _within(document: Json, path: Path) -> Json:
    for step in path:
        document = document[step]
    return document


def _replaced(document: Json, path: Path, value: Json) -> Json:
    if not path:
        return value
    _within(document, path[:-1])[path[-1]] = value
    return document


def _removed(document: Json, path: Path) -> Json:
    if path:
        del _within(document, path[:-1])[path[-1]]
    return document


def _doubled(document: Json, path: Path) -> Json:
    holder = _within(document, path[:-1]) if path else None
    if isinstance(holder, list):
        holder.append(copy.deepcopy(_within(document, path)))
    return document


def _multiplied(document: Json, path: Path) -> Json:
    holder = _within(document, path[:-1]) if path else None
    if isinstance(holder, list):
        holder.extend([holder[0]] * MANY)
    return document


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any question with an answer spoilt up to three times."""
    question = draw(st.sampled_from(sorted(QUESTIONS)))
    document = copy.deepcopy(QUESTIONS[question][1])
    raw: bytes | None = None
    ways = ["odd", "odd", "odd", "raw", "remove", "double", "many"]
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(document)))
        match draw(st.sampled_from(ways)):
            case "odd":
                document = _replaced(document, path, copy.deepcopy(draw(st.sampled_from(ODD))))
            case "raw":
                raw = draw(st.sampled_from(RAW))
                document = _replaced(document, path, _PLACE)
            case "remove":
                document = _removed(document, path)
            case "double":
                document = _doubled(document, path)
            case _:
                document = _multiplied(document, path)
                # Many of many would be hundreds of megabytes here, before the client sees any.
                ways.remove("many")
    body = json.dumps(document).encode()
    if raw is not None:
        body = body.replace(f'"{_PLACE}"'.encode(), raw)
    return draw(_sent(question, _spoilt(draw, body)))


def _spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes as they are, mostly; cut off, flipped, or with a name said twice."""
    how = draw(st.sampled_from(["sound"] * 20 + ["cut", "flip", "twice", "after"]))
    at = draw(st.integers(0, max(len(body) - 1, 0)))
    match how:
        case "cut":
            return body[:at]
        case "flip":
            return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
        case "twice":
            return body[:-1] + b',"cursor":"","cursor":"x"}'
        case "after":
            return body + draw(st.sampled_from([b"\0", b"{}", b" " * 10_000, b"\xff"]))
        case _:
            return body


@st.composite
def _sent(draw: st.DrawFn, question: str, body: bytes) -> Case:
    """The answer on the wire: status, headers and packing, sound ones mostly."""
    status = draw(st.sampled_from([200] * 40 + [201, 204, 206, 301, 304, 400, 404, 429, 500, 503]))
    headers: list[tuple[bytes, bytes]] = []
    match draw(st.sampled_from(["plain"] * 20 + ["gzip", "gzip", "cut", "bomb", "lie", "br"])):
        case "gzip":
            body = gzip.compress(body, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "cut":
            body = gzip.compress(body, 1)[: draw(st.integers(0, 40))]
            headers.append((b"content-encoding", b"GZip"))
        case "bomb":
            body = gzip.compress(body + _BLANK, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "lie":
            body = zlib.compress(body, 1)
            headers.append((b"Content-Encoding", b"gzip"))
        case "br":
            headers.append((b"Content-Encoding", draw(st.sampled_from([b"br", b"zstd", b"\xff"]))))
        case _:
            pass
    extra = [
        *((b"Date", b"x"), (b"Date", b"Sun, 22 Nov 2026 12:00:00 GMT"), (b"Age", b"\xff")),
        *((b"Date", b"Mon, 99 Foo 99999 99:99:99 GMT"), (b"Content-Length", b"99999999999999")),
        *((b"Location", b"//a:b@[::x"), (b"Location", b"\xff\x00"), (b"Set-Cookie", b"a=b;" * 99)),
        *((b"Content-Type", b"text/html; charset=utf-7"), (b"Retry-After", b"1e999")),
    ]
    headers += draw(st.lists(st.sampled_from(extra), max_size=2))
    return Case(question, body, status, tuple(headers), draw(st.sampled_from([1 << 16, 4_096])))


_BLANK: Final = b" " * 300_000


class Client:
    """The real clients on a transport that answers every request with the case at hand."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._asked = 0
        self._runner = asyncio.Runner()
        self.tally = Tally()

    def close(self) -> None:
        """End its event loop."""
        self._runner.close()

    def hold(self, case: Case) -> None:
        """Ask, and hold what comes to the promise. Raises AssertionError, or whatever broke."""
        self._case, self._asked = case, 0
        # Of the processor: on the wall a busy machine would fail the client.
        start = time.process_time()
        try:
            self._runner.run(self._ask(case.question))
            self.tally.values += 1
        except ExchangeError as error:
            self.tally.errors += 1
            told = str(error)
            if not told or len(told) > LONGEST_REASON + 1 or not told.isprintable():
                raise AssertionError(f"no bounded line: {told[:300]!r}") from error
        took = time.process_time() - start
        self.tally.slowest = max(self.tally.slowest, took)
        self.tally.by_question[case.question] += 1
        if took > MOST_SECONDS:
            raise AssertionError(f"{took:.1f} s for one answer")

    async def _ask(self, question: str) -> object:
        ask, _ = QUESTIONS[question]
        async with open_http(BASE, httpx.MockTransport(self._answer)) as http:
            budget = TokenBudget(lambda: 0.0, capacity=1e9)
            calls = Calls(http, budget)
            client = KalshiClient(http, budget, RecordedClock(NOON))
            return await ask(client, KalshiTrading(calls, calls))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        case = self._case
        self._asked += 1
        if case is None or self._asked > MOST_REQUESTS:
            raise AssertionError(f"more than {MOST_REQUESTS} requests: {request.url}")
        return httpx.Response(
            case.status, headers=list(case.headers), stream=_Body(case.body, case.chunk)
        )


#: Requests one question may lead to, whatever is answered.
MOST_REQUESTS: Final = 60


def fuzz(count: int, *, is_random: bool) -> Tally:
    """So many cases, the same ones each time unless they are random.

    Raises AssertionError, or what broke, with the smallest case that does it.
    """
    client = Client()

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=not is_random,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def hold(case: Case) -> None:
        client.hold(case)

    try:
        # What may pass by itself is asked again, without a wait.
        with stamina.set_testing(True, attempts=2):
            hold()
    finally:
        client.close()
    return client.tally


def _resident() -> float:
    """The most megabytes this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def measured(count: int) -> tuple[Tally, float]:
    """So many random cases, and the megabytes by which this process grew at most."""
    logging.getLogger("main").setLevel(logging.ERROR)
    stamina.instrumentation.set_on_retry_hooks([])
    before = _resident()
    return fuzz(count, is_random=True), _resident() - before


def in_rounds(count: int) -> tuple[Tally, float]:
    """The same in processes one after the other: the sum, and the most that any of them grew."""
    whole, most = Tally(), 0.0
    spawn = multiprocessing.get_context("spawn")
    rounds = [min(ROUND, count - start) for start in range(0, count, ROUND)]
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for tally, grown in pool.map(measured, rounds):
            whole.values += tally.values
            whole.errors += tally.errors
            whole.slowest = max(whole.slowest, tally.slowest)
            whole.by_question += tally.by_question
            most = max(most, grown)
    return whole, most


def main(argv: Sequence[str]) -> int:
    """So many cases; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    wanted = parser.parse_args(argv)
    start = time.monotonic()
    tally, grown = in_rounds(wanted.cases)
    sys.stdout.write(
        f"{sum(tally.by_question.values())} cases in {time.monotonic() - start:.0f} s: "
        f"{tally.values} values, {tally.errors} errors of the exchange, nothing else; the slowest "
        f"took {tally.slowest:.2f} s; no process grew by more than {grown:.0f} MB\n"
    )
    if grown > MOST_MEGABYTES:
        sys.stdout.write(f"FAILED more than {MOST_MEGABYTES:.0f} MB\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
