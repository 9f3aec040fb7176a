"""Bodies as the exchange sends them, invented for tests, and where recorded ones may lie."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SHARED = Path(__file__).parents[2].parent / "shared"
FIXTURES = SHARED / "kalshi" / "fixtures"
RECORDED = SHARED / "data" / "rest-raw"

T1, T2, T3 = "KXRAIN-26NOV23-A", "KXRAIN-26NOV23-B", "KXSNOW-26NOV24-C"


def sides(
    yes: Sequence[tuple[str, ...]] = (("0.3400", "60.25"), ("0.3500", "120.00")),
    no: Sequence[tuple[str, ...]] = (("0.6100", "10.00"), ("0.6300", "45.50")),
) -> Json:
    return {
        "yes_dollars": [list(level) for level in yes],
        "no_dollars": [list(level) for level in no],
    }


def entry(ticker: str, book: Json | None = None) -> Json:
    return {"ticker": ticker, "orderbook_fp": sides() if book is None else book}


def batch(*entries: Json) -> bytes:
    return dump({"orderbooks": list(entries)})


def dump(document: object) -> bytes:
    return json.dumps(document).encode()


def listed(ticker: str, volume: object = "10.00", status: str = "active", **more: object) -> Json:
    return {"ticker": ticker, "status": status, "volume_24h_fp": volume, **more}


def market(named: str = T1, /, **changes: object) -> Json:
    whole = {
        "ticker": named,
        "event_ticker": named.rsplit("-", 1)[0],
        "title": "Rain in New York?",
        "yes_sub_title": "Rain",
        "status": "active",
        "open_time": "2026-11-22T15:00:00Z",
        "close_time": "2026-11-24T04:59:00Z",
        "volume_24h_fp": "912.50",
        "open_interest_fp": "1840.00",
        "result": "",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    }
    return {**whole, **changes}


def page(*markets: object, cursor: str = "") -> bytes:
    return dump({"markets": list(markets), "cursor": cursor})


def event(ticker: str = "KXRAIN-26NOV23", series: str = "KXRAIN", **more: object) -> Json:
    return {"event_ticker": ticker, "series_ticker": series, "title": "Rain", **more}


def events(*entries: object) -> bytes:
    return dump({"events": list(entries), "cursor": ""})


def series(
    ticker: str = "KXRAIN",
    fee_type: str = "quadratic",
    multiplier: object = 1,
    category: str | None = "Weather",
) -> bytes:
    whole = {"ticker": ticker, "title": "Rain", "category": category, "tags": None}
    return dump({"series": {**whole, "fee_type": fee_type, "fee_multiplier": multiplier}})
