"""Recordings of Kalshi's own stream, folded by our code, against the books another folded of them.

They are no part of the project: without them beside the repository these tests are skipped.
"""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bot.core.market.book_store import CROSSED, PRICE_UNITS, BookStore
from bot.core.market.market import Side
from bot.core.market.orderbook import complement
from bot.kalshi.wire.frames import levels, price_units, size_units

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("DATA", ROOT.parent / "shared" / "data"))
#: By which the clock of a recording is ahead of the time of its second-by-second books, ms.
AHEAD = {
    "20260513T1333Z": 558,
    "20260513T230108Z": -131,
    "20260514T010859Z": -172,
    "20260514T043808Z": -252,
    "20260515T091646Z": -122,
    "20260515T190705Z": -447,
}
SIDES = ("yes_bid", "no_bid")
DEPTH = 10

pytestmark = pytest.mark.skipif(
    not (DATA / "btc15m-ws").is_dir(), reason=f"no recordings of the stream in {DATA}"
)


class Said(NamedTuple):
    """A frame of a recording: when it came, in ms, what it is, and its message."""

    at: int
    kind: str
    msg: dict[str, Any]


def _recorded(run: str) -> list[Said]:
    lines = [
        (line["local_recv_ns"], line["event_type"] == "orderbook_delta", number, line)
        for kind in ("snapshot", "delta")
        for number, line in enumerate(_lines(DATA / "btc15m-ws" / run / f"orderbook_{kind}"))
    ]
    lines.sort(key=lambda line: line[:3])
    return [
        Said(ns // 1_000_000, line["event_type"], line["payload_json"]) for ns, _, _, line in lines
    ]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file.with_name(file.name + ".ndjson.gz")) as text:
        yield from map(json.loads, text)


def _apply(store: BookStore, said: Said) -> str | None:
    msg = said.msg
    ticker = msg["market_ticker"]
    if said.kind == "orderbook_snapshot":
        no = levels(msg.get("no_dollars_fp", []))
        asks = {PRICE_UNITS - price: size for price, size in no.items()}
        return store.replace(ticker, levels(msg.get("yes_dollars_fp", [])), asks)
    side = Side.BUY if msg["side"] == "yes" else Side.SELL
    price = price_units(msg["price_dollars"])
    yes_price = price if side is Side.BUY else PRICE_UNITS - price
    return store.change(ticker, side, yes_price, size_units(msg["delta_fp"]))


def _seconds(run: str) -> list[dict[str, Any]]:
    table = pq.read_table(DATA / "btc15m-l2-1s.parquet")
    rows: list[dict[str, Any]] = table.filter(pc.ends_with(table["segment"], run)).to_pylist()
    return sorted(rows, key=lambda row: row["ts_ms"])


def _as_ours(row: dict[str, Any]) -> list[float]:
    found = []
    for side in SIDES:
        for kind in ("px", "sz"):
            values = [row[f"{side}_{kind}{level}"] for level in range(1, DEPTH + 1)]
            found += [0.0 if value is None else round(value, 6) for value in values]
    return found


def _ours(store: BookStore, ticker: str) -> list[float]:
    books = store.read((ticker,), np.zeros(1))
    matrices = books.bid_price, books.bid_size, complement(books.ask_price), books.ask_size
    found: list[float] = []
    for matrix in matrices:
        row = np.nan_to_num(matrix[0, :DEPTH])
        found += np.pad(row, (0, DEPTH - len(row))).tolist()
    return found


@pytest.mark.parametrize("run", AHEAD)
def test_a_recorded_stream_gives_the_recorded_books_second_by_second(run):
    store, said, folded = BookStore(), _recorded(run), 0
    faults: set[str | None] = set()
    rows, ours = _seconds(run), []

    for row in rows:
        while folded < len(said) and said[folded].at - AHEAD[run] <= row["ts_ms"]:
            faults.add(_apply(store, said[folded]))
            folded += 1
        ours.append(_ours(store, row["ticker"]))

    assert len(rows) > 800
    np.testing.assert_allclose(ours, [_as_ours(row) for row in rows], rtol=0, atol=1e-9)
    assert faults <= {None, CROSSED}
