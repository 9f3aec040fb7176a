"""Ways in which an exchange, or the way to it, fails: a transport in front of a good one."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

Answer = Callable[[httpx.Request, httpx.Response], httpx.Response]

HTML = b"<html><head><title>503</title></head><body>Service Unavailable</body></html>"


class FaultyTransport(httpx.AsyncBaseTransport):
    """Passes requests on; while `fault` is set, spoils what comes of them."""

    def __init__(self, good: httpx.AsyncBaseTransport) -> None:
        self._good = good
        self.fault: Answer | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._good.handle_async_request(request)
        if self.fault is None:
            return response
        await response.aread()
        return self.fault(request, response)


def raising(error: type[httpx.RequestError]) -> Answer:
    def answer(request, _):
        raise error("injected", request=request)

    return answer


def saying(status: int, body: bytes, media: str = "application/json") -> Answer:
    return lambda request, _: httpx.Response(
        status, content=body, headers={"content-type": media}, request=request
    )


def changing(change: Callable[[str], str]) -> Answer:
    """The good answer with its text changed."""

    def answer(request, response):
        return httpx.Response(
            response.status_code, content=change(response.text).encode(), request=request
        )

    return answer


def with_json(change: Callable[[dict[str, Any]], object]) -> Answer:
    """The good answer with its JSON changed."""
    return changing(lambda text: json.dumps(change(json.loads(text))))


def _books(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    """Order books changed; everything else as it is."""

    def changed(body):
        if "orderbooks" in body:
            body["orderbooks"] = [change(entry) for entry in body["orderbooks"]]
        return body

    return with_json(changed)


def _ladders(yes: object, no: object) -> Answer:
    return _books(lambda entry: {**entry, "orderbook_fp": {"yes_dollars": yes, "no_dollars": no}})


def _without(*names: str) -> Answer:
    """Fields left out wherever they stand."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in names}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return with_json(strip)


def _nulls() -> Answer:
    """Every list is null."""
    return with_json(lambda body: {k: None if isinstance(v, list) else v for k, v in body.items()})


#: Failures after which nothing is known of any market.
TOTAL: Mapping[str, Answer] = {
    "no connection": raising(httpx.ConnectError),
    "connection reset": raising(httpx.ReadError),
    "slow answer": raising(httpx.ReadTimeout),
    "slow connection": raising(httpx.ConnectTimeout),
    "no free connection": raising(httpx.PoolTimeout),
    "cut off in the middle": raising(httpx.RemoteProtocolError),
    "429 in words": saying(429, b'{"error":"too many requests"}'),
    "429 nested": saying(429, b'{"error":{"code":"too_many_requests","message":"x"}}'),
    "500": saying(500, b'{"code":"internal","message":"x"}'),
    "503 in HTML": saying(503, HTML, "text/html"),
    "504 without a body": saying(504, b""),
    "401": saying(401, b'{"error":{"code":"token_authentication_failure","message":"x"}}'),
    "403 in HTML": saying(403, HTML, "text/html"),
    "400 bare": saying(400, b'{"msg":"Parameter validation failed"}'),
    "404": saying(404, b'{"error":{"code":"not_found","message":"not found"}}'),
    "410": saying(410, b'{"error":{"code":"deprecated_v1_order_endpoint","message":"x"}}'),
    "redirect": saying(301, b""),
    "200 in HTML": saying(200, HTML, "text/html"),
    "200 without a body": saying(200, b""),
    "a number": saying(200, b"42"),
    "null": saying(200, b"null"),
    "an empty object": saying(200, b"{}"),
    "an error with status 200": saying(200, b'{"error":{"code":"x","message":"y"}}'),
    "not UTF-8": saying(200, b'{"orderbooks":[{"ticker":"\xff\xfe"}]}'),
    "half the answer": changing(lambda text: text[: len(text) // 2]),
    "null lists": _nulls(),
    "the old field names": changing(
        lambda text: text.replace("orderbook_fp", "orderbook").replace("_dollars", "")
    ),
    "no tickers": _without("ticker"),
    "no books": _without("orderbook_fp", "orderbooks"),
}

#: Failures of the books alone.
BOOKS: Mapping[str, Answer] = {
    "one side missing": _ladders([["0.5000", "10.00"]], None),
    "numbers instead of strings": _ladders([[0.5, 10]], [[0.4, 10]]),
    "a price of NaN": _ladders([["NaN", "10.00"]], [["0.4000", "10.00"]]),
    "an endless size": _ladders([["0.5000", "Infinity"]], [["0.4000", "10.00"]]),
    "a negative size": _ladders([["0.5000", "-1.00"]], [["0.4000", "10.00"]]),
    "prices in cents": _ladders([["50", "10.00"]], [["40", "10.00"]]),
    "a crossed book": _ladders([["0.9000", "10.00"]], [["0.9000", "10.00"]]),
    "a locked book": _ladders([["0.6000", "10.00"]], [["0.4000", "10.00"]]),
    "a price twice": _ladders([["0.5000", "1.00"], ["0.50", "2.00"]], [["0.4000", "1.00"]]),
    "levels of three": _ladders([["0.5000", "1.00", "x"]], [["0.4000", "1.00"]]),
    "words as levels": _ladders(["best", "worst"], []),
    "other markets' books": _books(lambda entry: {**entry, "ticker": entry["ticker"] + "-X"}),
    "one bogus ticker": with_json(
        lambda body: (
            {"orderbooks": [{**body["orderbooks"][0], "ticker": "A,B"}]}
            if "orderbooks" in body
            else body
        )
    ),
    "an empty batch": with_json(
        lambda body: {**body, "orderbooks": []} if "orderbooks" in body else body
    ),
}

#: Strange answers that are no failure.
STRANGE: Mapping[str, Answer] = {
    "unknown fields": with_json(lambda body: {**body, "new_field": {"deep": [1, None]}}),
    "unknown words": changing(
        lambda text: text.replace("linear_cent", "spiral_cent").replace('"custom"', '"weekly-ish"')
    ),
    "levels in any order": _books(
        lambda entry: {
            **entry,
            "orderbook_fp": {side: levels[::-1] for side, levels in entry["orderbook_fp"].items()},
        }
    ),
    "markets in any order": with_json(
        lambda body: {k: v[::-1] if isinstance(v, list) else v for k, v in body.items()}
    ),
}


async def at_once(_seconds: float) -> None:
    """A sleep that takes no time but lets others run."""
    await asyncio.sleep(0)
