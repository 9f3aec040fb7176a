from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.core.market.market import MarketStatus, Side
from bot.sim.engine.exchange import Exchange, total_money
from bot.sim.engine.orders import OrderRequest
from bot.sim.engine.units import CONTRACT, ticks, units
from bot.sim.world.book_series import LONGEST_SILENCE, read_tape
from bot.sim.world.tape import TapeWorld, tape_exchange

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "btc15m-l2-1s.parquet"

TwoLevels = tuple[float, float, float, float]
#: Seconds, ticker, two YES bids, two NO bids (price and size each), volume, last price.
ROWS: list[tuple[float, str, TwoLevels, TwoLevels, float, float]] = [
    (0.0, "KXA-1", (0.50, 100.5, 0.49, 40.0), (0.48, 80.0, 0.47, 10.0), 1000.0, 0.52),
    (1.0, "KXA-1", (0.50, 60.0, 0.48, 40.0), (0.48, 90.0, 0.47, 10.0), 1000.0, 0.52),
    (2.0, "KXA-1", (0.52, 60.0, np.nan, np.nan), (0.46, 90.0, 0.45, 10.0), 1025.0, 0.52),
    (2.5, "KXB-1", (0.20, 5.0, 0.10, 5.0), (np.nan, np.nan, np.nan, np.nan), 0.0, np.nan),
    (9000.0, "KXB-1", (0.21, 5.0, 0.10, 5.0), (0.70, 5.0, 0.60, 5.0), 0.0, np.nan),
]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    columns = {
        "ts_ms": [int(row[0] * 1000) + 1_700_000_000_000 for row in ROWS],
        "ticker": [row[1] for row in ROWS],
        "volume": [row[4] for row in ROWS],
        "last_px": [row[5] for row in ROWS],
    }
    sides = {"yes": [row[2] for row in ROWS], "no": [row[3] for row in ROWS]}
    for side, quoted in sides.items():
        for level in (1, 2):
            columns[f"{side}_bid_px{level}"] = [each[2 * level - 2] for each in quoted]
            columns[f"{side}_bid_sz{level}"] = [each[2 * level - 1] for each in quoted]
    path = tmp_path / "tape.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def shown(recording: Path) -> tuple[Exchange, TapeWorld]:
    exchange = Exchange(0, NOW)
    return exchange, TapeWorld(exchange, read_tape(recording))


def levels(*pairs: tuple[str, str]) -> list[tuple[int, int]]:
    return [(ticks(price), units(size)) for price, size in pairs]


def test_recorded_books_stand_on_the_exchange_as_they_were(recording):
    exchange, world = shown(recording)
    book = exchange.market("KXA-1").book

    assert book.levels(Side.BUY) == levels(("0.50", "100.5"), ("0.49", "40"))
    assert book.levels(Side.SELL) == levels(("0.52", "80"), ("0.53", "10"))

    world.advance(NOW + timedelta(seconds=1))

    assert book.levels(Side.BUY) == levels(("0.50", "60"), ("0.48", "40"))
    assert book.levels(Side.SELL) == levels(("0.52", "90"), ("0.53", "10"))


def test_recorded_volume_is_traded_at_its_price(recording):
    exchange, world = shown(recording)
    world.advance(NOW + timedelta(seconds=2))
    trades = list(exchange.state.trades)

    assert [(t.price, t.size) for t in trades] == levels(("0.52", "25"))
    assert exchange.market("KXA-1").book.levels(Side.BUY) == levels(("0.52", "60"))


def test_an_order_of_ours_fills_when_the_recorded_quotes_come_to_it(recording):
    exchange, world = shown(recording)
    ours = exchange.open_account("ours", {0: 10**9})
    exchange.place(ours, OrderRequest("KXA-1", Side.SELL, 7 * CONTRACT, ticks("0.51")))

    world.advance(NOW + timedelta(seconds=2))

    assert ours.position("KXA-1") == -7 * CONTRACT
    assert total_money(exchange) == 10**9


def test_what_we_take_is_there_again_with_the_next_row(recording):
    exchange, world = shown(recording)
    ours = exchange.open_account("ours", {0: 10**9})
    exchange.place(ours, OrderRequest("KXA-1", Side.BUY, 80 * CONTRACT, ticks("0.52")))
    book = exchange.market("KXA-1").book
    assert book.levels(Side.SELL) == levels(("0.53", "10"))

    world.advance(NOW + timedelta(seconds=1))

    assert book.levels(Side.SELL)[0] == levels(("0.52", "90"))[0]


def test_a_recorded_market_closes_after_its_last_row_and_is_settled_by_it(recording):
    exchange, world = shown(recording)
    world.advance(NOW + timedelta(seconds=200))
    first, second = exchange.market("KXA-1"), exchange.market("KXB-1")

    assert (first.status, first.result) == (MarketStatus.FINALIZED, "yes")
    assert second.result == "no"
    assert world.is_over


def test_long_silences_are_cut_short(recording):
    series = {reel.ticker: reel for reel in read_tape(recording)}

    assert series["KXB-1"].at.tolist() == [2.5, 2.5 + LONGEST_SILENCE]


def test_only_the_markets_asked_for_are_read_and_none_at_all_is_an_error(recording):
    assert [reel.ticker for reel in read_tape(recording, ["KXB-1"])] == ["KXB-1"]
    with pytest.raises(ValueError, match=r"tape\.parquet has no rows"):
        read_tape(recording, ["KXNONE-1"])


class Wall:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


def test_a_tape_can_run_faster_than_the_clock(recording):
    wall = Wall()
    exchange, driver = tape_exchange(wall, recording, speed=2.0)

    wall.at += timedelta(seconds=1)
    driver.catch_up()

    assert exchange.now == NOW + timedelta(seconds=2)
    assert exchange.market("KXA-1").book.best_bid == ticks(Decimal("0.52"))


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not beside this project")
def test_every_recorded_row_can_be_read_off_the_exchange_again():
    series = read_tape(SHARED)[:2]
    exchange = Exchange(0, NOW)
    world = TapeWorld(exchange, series)
    market = exchange.market(series[0].ticker)
    for row, at in enumerate(series[0].at[:120]):
        world.advance(NOW + timedelta(seconds=float(at)))
        for side, price, size in (
            (Side.BUY, series[0].bid[row], series[0].bid_size[row]),
            (Side.SELL, series[0].ask[row], series[0].ask_size[row]),
        ):
            checkpoint = [
                (p, s) for p, s in zip(price, size, strict=True) if s and p in market.allowed
            ]
            assert market.book.levels(side) == checkpoint
