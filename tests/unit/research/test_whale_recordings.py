"""How often the whale rules speak of recordings that tell more than books."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.detector import TradesBetween
from bot.research.whales.recordings import rates, raw

TICKER = "A"


def write(run: Path, kind: str, frames: list[tuple[float, dict[str, Any]]]) -> None:
    lines = [
        json.dumps({"local_recv_ns": int(at * 1e9), "payload_json": {"market_ticker": TICKER, **m}})
        for at, m in frames
    ]
    with gzip.open(run / f"{kind}.ndjson.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Ten seconds of one market: a level grows each half second, and ten contracts trade."""
    whole = {"yes_dollars_fp": [["0.4500", "300.00"]], "no_dollars_fp": [["0.5300", "200.00"]]}
    grows = {"side": "yes", "price_dollars": "0.4500", "delta_fp": "10.00"}
    write(tmp_path, "orderbook_snapshot", [(100.0, whole)])
    write(tmp_path, "orderbook_delta", [(100.25 + 0.5 * n, grows) for n in range(20)])
    write(tmp_path, "ticker", [(100.1, {"volume_fp": "50"}), (104.1, {"volume_fp": "60.00"})])
    return tmp_path


@pytest.mark.parametrize(("every", "looks"), [(0.1, 22), (1.0, 10)])
def test_a_raw_recording_is_seen_as_often_as_is_asked(run: Path, every: float, looks: int) -> None:
    (market,) = raw(run, every)
    seen = list(market)

    assert len(seen) == looks
    assert seen[0][0].best_bid.tolist() == [0.45]
    assert seen[-1][0].bid_size[0, 0] > seen[0][0].bid_size[0, 0]
    # What was traded before the first volume is not known; then ten contracts were.
    volumes = np.array([traded.volume[0, 0] for _, traded in seen])
    assert np.nansum(volumes) == 10
    assert np.isnan(volumes[0])


def test_hours_are_those_watched_and_an_interruption_is_none() -> None:
    levels = [(Level(Decimal(price), Decimal(300)),) for price in ("0.45", "0.47")]
    book = OrderBook(*levels)
    looks = [
        (Books.of([(TICKER, at, book)]), TradesBetween.unknown(1)) for at in (0.0, 60.0, 1_000.0)
    ]

    assert rates([looks]).hours == pytest.approx(60 / 3_600)
