"""What a tape says of trades: known, known to be none, or not known."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.backtest.tape_source import NextBooks
from bot.core.market.market import Side
from bot.core.market.queue import TakerTrade
from bot.tape.reader import joined, read
from bot.tape.stream_rows import RowKind, StreamRow, write
from bot.tape.trades import RecordedTrade, TapeTrades
from tests.support.tapes import made_up

START = datetime(2026, 5, 11, tzinfo=UTC).timestamp()


def _read(folder, *bars, columns=("trades_in_bar", "buy_vol_in_bar", "sell_vol_in_bar")):
    rows = [
        {
            "ts_ms": int(START * 1000) + 1000 * number,
            "ticker": "A",
            "segment": segment,
            "yes_bid_px1": 0.40,
            "yes_bid_sz1": 10.0,
            "no_bid_px1": 0.55,
            "no_bid_sz1": 20.0,
            **dict(zip(columns, bar, strict=True)),
        }
        for number, (segment, *bar) in enumerate(bars)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "some.parquet")
    return read(folder / "some.parquet")


def _between(tape, since, until):
    return tape.trades.between("A", START + since, START + until)


def test_what_is_counted_by_row_has_no_price(tmp_path):
    tape = _read(tmp_path, ("s", 0, 0.0, 0.0), ("s", 2, 5.0, 0.0), ("s", 1, 0.0, 2.5))

    assert _between(tape, 0, 2) == [
        TakerTrade(START + 1, Side.BUY, Decimal(5), None),
        TakerTrade(START + 2, Side.SELL, Decimal("2.5"), None),
    ]
    assert _between(tape, 1, 1.5) == []


@pytest.mark.parametrize("bar", [(2, 0.0, 0.0), (2, None, None)], ids=["not counted", "absent"])
def test_trades_without_contracts_are_not_known(tmp_path, bar):
    tape = _read(tmp_path, ("s", 0, 0.0, 0.0), ("s", *bar))

    assert _between(tape, 0, 1) is None


def test_a_tape_without_such_columns_knows_of_no_trade(tmp_path):
    assert _between(_read(tmp_path, ("s",), ("s",), columns=()), 0, 1) is None


def test_between_two_segments_nothing_is_known(tmp_path):
    bars = [("s", 0, 0.0, 0.0), ("s", 1, 5.0, 0.0), ("t", 1, 5.0, 0.0), ("t", 1, 5.0, 0.0)]
    tape = _read(tmp_path, *bars)

    assert _between(tape, 1, 2) is None
    assert len(_between(tape, 2, 3)) == 1


def test_a_market_on_two_tapes_is_known_within_each(tmp_path):
    tape = _read(tmp_path, ("s", 0, 0.0, 0.0), ("s", 1, 5.0, 0.0))
    bars = tape.trades.markets["A"]
    moved = bars._replace(at=bars.at + 10, breaks=bars.breaks + 10)
    later = replace(tape, trades=TapeTrades({"A": moved}))

    both = joined([tape, later])

    assert len(_between(both, 0, 1)) == 1
    assert _between(both, 1, 11) is None
    assert len(_between(both, 10, 11)) == 1


def _stream(folder, *rows):
    begin = [
        _row(0, RowKind.SNAPSHOT, size=2),
        _row(0, RowKind.LEVEL, is_bid=True, price=400_000, size=1_000),
        _row(0, RowKind.LEVEL, is_bid=False, price=550_000, size=2_000),
    ]
    (folder / "2026-05-11").mkdir()
    write([*begin, *rows], folder / "2026-05-11" / "00000.parquet")
    return read(folder)


def _row(second, kind, **cells):
    return StreamRow(int((START + second) * 1e6), kind, cells.pop("ticker", "A"), **cells)


def test_a_stream_has_every_trade_with_its_price(tmp_path):
    tape = _stream(
        tmp_path,
        _row(1, RowKind.READ),
        _row(1.5, RowKind.TRADE, is_bid=True, price=450_000, size=700),
        _row(2, RowKind.READ),
        _row(3, RowKind.BREAK, ticker=""),
    )

    assert _between(tape, 1, 2) == [TakerTrade(START + 1.5, Side.BUY, Decimal(7), Decimal("0.45"))]
    assert _between(tape, 2, 3) is None, "the recording broke"
    assert _between(tape, -1, 1) is None, "before it began"
    assert tape.trades.between("B", START + 1, START + 2) is None


def test_a_stream_that_told_of_no_trade_at_all_knows_of_none(tmp_path):
    assert _between(_stream(tmp_path, _row(1, RowKind.READ)), 1, 1) is None


async def test_a_withdrawal_on_a_tape_meets_the_next_book_and_the_trades_before_it():
    tape = made_up(markets=1, seconds=3)
    first, second = tape.books.seen_at[:2].tolist()
    trades = [
        RecordedTrade("M0", first + 0.5, 3.0, 0.5, True),
        RecordedTrade("M0", second + 0.5, 3.0, 0.5, True),
    ]
    tape = replace(tape, trades=TapeTrades.of(trades, ["M0"], []))

    update = await NextBooks(tape.books, tape.trades).update("M0", first)

    assert update.book == tape.books.book(1)
    assert update.seen_at == second
    assert update.trades == [TakerTrade(first + 0.5, Side.BUY, Decimal("3.0"), Decimal("0.5"))]
