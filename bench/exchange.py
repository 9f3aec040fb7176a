"""An exchange that answers from memory: what it costs to be asked is next to nothing.

Its bodies have the size of real ones: forty levels a side, markets with all their fields. The
books move from one look to the next, so that nothing can be had from memory but the bytes.
"""

from collections.abc import Sequence
from typing import Any, Final

import httpx
import numpy as np
import orjson

LEVELS: Final = 40
#: How many different answers there are for the same books, one look after the other.
LOOKS: Final = 4
PER_EVENT: Final = 10
_RULES: Final = "If the sample settles above its strike, then the market resolves to Yes. " * 4


class Canned(httpx.AsyncBaseTransport):
    """A transport to that exchange, with `size` open markets."""

    def __init__(self, size: int) -> None:
        self.tickers = [f"KXBENCH-26DEC{n // PER_EVENT:03d}-T{n % PER_EVENT}" for n in range(size)]
        self._bodies: dict[bytes, list[bytes]] = {}
        self._asked: dict[bytes, int] = {}
        #: Bodies given out since it was last emptied.
        self.given: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The next of the bodies made for this address."""
        address = request.url.raw_path
        if address not in self._bodies:
            self._bodies[address] = self._made(request.url)
        turn = self._asked[address] = self._asked.get(address, -1) + 1
        bodies = self._bodies[address]
        body = bodies[turn % len(bodies)]
        self.given.append(body)
        return httpx.Response(200, content=body, headers={"content-type": "application/json"})

    def _made(self, url: httpx.URL) -> list[bytes]:
        wanted = url.params.get("tickers", "").split(",")
        path = url.path.removeprefix("/trade-api/v2")
        if path == "/markets/orderbooks":
            return _books(url.params.get_list("tickers"))
        if path == "/markets":
            tickers = wanted if wanted != [""] else self.tickers
            return [_json(markets=[_market(ticker) for ticker in tickers], cursor="")]
        if path == "/events":
            return [_json(events=[_event(ticker) for ticker in wanted], cursor="")]
        return [_json(series=_SERIES)]


_SERIES: Final = {
    "ticker": "KXBENCH",
    "title": "Samples",
    "category": "Crypto",
    "fee_type": "quadratic",
    "fee_multiplier": 1,
}


def _books(tickers: Sequence[str]) -> list[bytes]:
    rng = np.random.default_rng(len(tickers))
    mids = rng.integers(300, 700, len(tickers))
    bodies = []
    for _ in range(LOOKS):
        mids = mids + rng.integers(-5, 6, len(tickers))
        books = [_book(ticker, int(mid), rng) for ticker, mid in zip(tickers, mids, strict=True)]
        bodies.append(_json(orderbooks=books))
    return bodies


def _book(ticker: str, mid: int, rng: np.random.Generator) -> dict[str, Any]:
    """Levels of a tenth of a cent around `mid`, the best last."""
    yes, no = mid - int(rng.integers(1, 4)), 1000 - mid - int(rng.integers(1, 4))
    sides = {
        name: [
            [f"{(best - LEVELS + 1 + n) / 1000:.4f}", f"{size / 100:.2f}"]
            for n, size in enumerate(rng.integers(100, 1_000_000, LEVELS).tolist())
        ]
        for name, best in (("yes_dollars", yes), ("no_dollars", no))
    }
    return {"ticker": ticker, "orderbook_fp": sides}


def _market(ticker: str) -> dict[str, Any]:
    return {
        "ticker": ticker,
        "event_ticker": ticker.rpartition("-")[0],
        "title": f"Will {ticker} settle above its strike?",
        "yes_sub_title": "Above the strike",
        "no_sub_title": "At or below it",
        "market_type": "binary",
        "status": "active",
        "open_time": "2020-01-01T00:00:00Z",
        "close_time": "2099-01-01T00:00:00Z",
        "created_time": "2020-01-01T00:00:00Z",
        "expiration_time": "2099-01-02T00:00:00Z",
        "volume_fp": "245000.75",
        "volume_24h_fp": f"{90_000 - len(ticker)}.50",
        "open_interest_fp": "18400.00",
        "result": "",
        "price_level_structure": "deci_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}],
        "yes_bid_dollars": "0.4200",
        "yes_ask_dollars": "0.4300",
        "no_bid_dollars": "0.5700",
        "no_ask_dollars": "0.5800",
        "last_price_dollars": "0.4200",
        "rules_primary": _RULES,
        "rules_secondary": "",
        "exchange_index": 0,
    }


def _event(ticker: str) -> dict[str, Any]:
    return {"event_ticker": ticker, "series_ticker": "KXBENCH", "title": "Samples"}


def _json(**fields: Any) -> bytes:  # noqa: ANN401 -- JSON
    return orjson.dumps(fields)
