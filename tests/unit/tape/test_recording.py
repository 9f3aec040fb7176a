import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.core.market.market import CENT_GRID, Market, MarketStatus
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.ports.exchange import BookAnswer, ExchangeError, Listed, Terms
from bot.tape.reader import TapeError, read
from bot.tape.recording import Recorded, record
from bot.tape.writer import Recorder

START = datetime(2026, 5, 11, tzinfo=UTC)
BOOK = OrderBook((Level(Decimal("0.4"), Decimal(5)),), (Level(Decimal("0.5"), Decimal(6)),))


def market(ticker: str) -> Market:
    return Market(
        ticker=ticker,
        event_ticker="E",
        title="",
        status=MarketStatus.ACTIVE,
        grid=CENT_GRID,
        open_time=START,
        close_time=START + timedelta(seconds=90),
        volume_24h=Decimal(1),
        open_interest=Decimal(7),
    )


class Scripted:
    """An exchange that shows one entry a look, a second apart, and stops the recording after."""

    def __init__(self, *looks: Sequence[str] | ExchangeError) -> None:
        self.looks = list(looks)
        self.looked = 0
        self.stopping = asyncio.Event()

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        shown = self.looks[self.looked]
        self.looked += 1
        if self.looked == len(self.looks):
            self.stopping.set()
        if isinstance(shown, ExchangeError):
            raise shown
        at = START.timestamp() + self.looked
        missing = {ticker: "not in the answer" for ticker in tickers if ticker not in shown}
        return BookAnswer(Books.of([(ticker, at, BOOK) for ticker in shown]), missing)

    async def markets(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        raise NotImplementedError

    def listing(self) -> AsyncIterator[Listed]:
        raise NotImplementedError

    async def terms(self, event_tickers: Sequence[str]) -> Mapping[str, Terms]:
        raise NotImplementedError


class Watched:
    """Two markets; reading them again fails if told so."""

    def __init__(self, failure: ExchangeError | None = None) -> None:
        self.failure = failure

    async def refresh(self) -> None:
        if self.failure:
            raise self.failure

    def watched(self) -> Mapping[str, Market]:
        return {ticker: market(ticker) for ticker in "AB"}


async def test_every_look_is_on_the_tape_with_what_was_known(tmp_path: Path) -> None:
    exchange = Scripted("AB", "B", "AB")

    with Recorder(tmp_path / "a.parquet", "run") as recorder:
        recorded = await record(exchange, Watched(), recorder, 0.001, exchange.stopping)

    tape = read(tmp_path / "a.parquet")
    assert recorded == Recorded(looks=3, books=5, failures=0)
    assert tape.books.tickers == ("A", "B", "B", "A", "B")
    assert tape.seconds_to_close.tolist() == [89, 89, 88, 87, 87]
    assert tape.open_interest.tolist() == [7] * 5
    assert np.isnan(tape.volume).all()


async def test_a_look_that_failed_breaks_the_segment_and_the_recording_goes_on(
    tmp_path: Path,
) -> None:
    exchange = Scripted("A", ExchangeError("timed out"), "A")

    with Recorder(tmp_path / "a.parquet", "run") as recorder:
        recorded = await record(exchange, Watched(), recorder, 0.001, exchange.stopping)

    assert recorded == Recorded(looks=3, books=2, failures=1)
    assert read(tmp_path / "a.parquet").segment.tolist() == [0, 1]


async def test_markets_that_cannot_be_read_again_stay_as_they_were(tmp_path: Path) -> None:
    exchange = Scripted("AB")
    stale = Watched(ExchangeError("503"))

    with Recorder(tmp_path / "a.parquet", "run") as recorder:
        recorded = await record(exchange, stale, recorder, 60, exchange.stopping)

    assert recorded.books == 2


async def test_a_disk_that_refuses_ends_the_recording(tmp_path: Path) -> None:
    exchange = Scripted("AB", "AB")
    path = tmp_path / "folder" / "a.parquet"
    recorder = Recorder(path, "run", rows_per_part=1)

    with pytest.raises(TapeError, match="cannot be written"):
        await record(exchange, Watched(), recorder, 0.001, exchange.stopping)
