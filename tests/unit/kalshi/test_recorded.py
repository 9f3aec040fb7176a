"""What the exchange really sent in July 2026, where the recordings lie beside the project."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.core.market.orderbook import MAX_LEVELS
from bot.kalshi.wire.books import books
from bot.kalshi.wire.markets import listing, markets
from tests.support.kalshi_bodies import RECORDED, dump, entry, page

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the shared folder with recorded bodies is not here"
)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as file:
        yield from map(json.loads, file)


def in_hundreds(items: list[Any]) -> Iterator[list[Any]]:
    return (items[start : start + 100] for start in range(0, len(items), 100))


@pytest.mark.parametrize("day", ["16", "17", "18", "19"])
def test_every_recorded_book_is_read_and_every_tenth_is_compared(day):
    recorded = [line["raw_orderbook"] for line in lines(RECORDED / f"dt=2026-07-{day}.jsonl.gz")]
    assert len(recorded) > 1_000

    for raws in in_hundreds(recorded):
        tickers = [f"T{number}" for number in range(len(raws))]
        answer = books(dump({"orderbooks": list(map(entry, tickers, raws))}), tickers, 0.0)
        assert not answer.missing
        for row, raw in list(enumerate(raws))[::10]:  # exact books are slow to make
            bids = sorted(((Decimal(p), Decimal(s)) for p, s in raw["yes_dollars"]), reverse=True)
            asks = sorted((1 - Decimal(p), Decimal(s)) for p, s in raw["no_dollars"])
            exact = answer.books.book(row)
            assert list(exact.bids) == bids[:MAX_LEVELS]
            assert list(exact.asks) == asks[:MAX_LEVELS]


def test_every_recorded_market_is_read():
    events = lines(RECORDED / "markets_by_event.jsonl.gz")
    recorded = [market for event in events for market in event["markets"].values()]
    assert len(recorded) > 1_000

    for some in in_hundreds(recorded):
        body = page(*some)
        found, broken = markets(body)
        assert not broken
        assert [one.ticker for one in found] == [one["ticker"] for one in some]
        assert [one.volume_24h for one in found] == [Decimal(one["volume_24h_fp"]) for one in some]
        assert all(one.grid.allows(Decimal("0.5")) for one in found)
        assert listing(body).tickers == tuple(one.ticker for one in found)
