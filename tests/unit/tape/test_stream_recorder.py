from dataclasses import dataclass
from random import Random

import pyarrow.parquet as pq
import pytest

from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.kalshi.feed import StreamedFeed
from bot.tape import reader, stream_recorder
from bot.tape.reader import TapeError
from bot.tape.stream_recorder import StreamRecorder
from bot.tape.stream_rows import RowKind, parts
from tests.support.feeds import Clock, Rest, Still
from tests.support.stream_clients import MARKETS, Linked

A, B, C = MARKETS


@dataclass
class Recording:
    """A client that is recorded, and the books that its cycles read."""

    linked: Linked
    recorder: StreamRecorder
    feed: StreamedFeed
    read: list[tuple[str, float, OrderBook]]

    async def cycle(self):
        books = (await self.feed.books(MARKETS)).books
        self.read += [
            (ticker, float(books.seen_at[row]), books.book(row))
            for row, ticker in enumerate(books.tickers)
        ]


@pytest.fixture
def recording(tmp_path):
    linked = Linked()
    linked.now += 0.123_457
    recorder = StreamRecorder(tmp_path, linked.protocol.store, Clock(linked), 100)
    linked.protocol.listeners.append(recorder)
    linked.watch()
    feed = StreamedFeed(Rest(linked), linked.protocol, Still(), Clock(linked), recorder)
    return Recording(linked, recorder, feed, [])


def _by_time(read):
    return sorted(read, key=lambda one: one[1])


def _tape(path):
    tape = reader.read(path)
    books = tape.books
    return [
        (ticker, float(books.seen_at[row]), books.book(row))
        for row, ticker in enumerate(books.tickers)
    ]


async def test_the_tape_has_the_books_that_cycles_read_whatever_happened(recording, tmp_path):
    chance, linked = Random(4), recording.linked
    for turn in range(60):
        for _ in range(chance.randrange(5)):
            linked.act(chance)
        linked.exchange_frames()
        linked.pass_time(0.5)
        if turn % 17 == 11:
            linked.cut()
        if turn % 17 == 13:
            linked.connect()
        if turn % 13 == 5:
            linked.way = lambda _frame: ()
            linked.protocol.distrust(B, "for a test", linked.now)
        if turn % 13 == 7:
            linked.way = lambda frame: (frame,)
        await recording.cycle()
        if turn % 10 == 9:
            await recording.recorder.flush()
    await recording.recorder.flush()

    assert len(recording.read) == 180
    assert _tape(tmp_path) == _by_time(recording.read)
    assert len(parts(tmp_path)) == 6


async def test_a_day_is_a_tape_of_its_own(recording, tmp_path):
    await recording.cycle()
    await recording.recorder.flush()

    (day,) = tmp_path.iterdir()
    assert day.name == "2026-11-23"
    assert len(_tape(day)) == 3


async def test_a_change_takes_few_bytes(recording, tmp_path):
    chance = Random(1)
    for _ in range(9_000):
        recording.linked.act(chance)
    recording.linked.exchange_frames()
    await recording.recorder.flush()

    (part,) = parts(tmp_path)
    changes = pq.read_table(part, columns=["kind"])["kind"].to_numpy() == RowKind.CHANGE
    assert changes.sum() > 5_000
    assert part.stat().st_size / changes.sum() < 40


async def test_the_oldest_parts_go_when_there_is_no_room(tmp_path, recording):
    small = StreamRecorder(tmp_path, None, Clock(recording.linked), 0.02)
    for _ in range(30):
        small.on_read((await recording.feed.books(MARKETS)).books, frozenset())
        await small.flush()

    sizes = [part.stat().st_size for part in parts(tmp_path)]
    assert sum(sizes) <= 20_000
    assert len(sizes) < 30
    assert parts(tmp_path)[-1].stem == "000030"


async def test_a_full_disk_is_said_and_what_follows_is_no_continuation(
    recording, tmp_path, monkeypatch, caplog
):
    def full(_rows, _file):
        raise OSError("No space left on device")

    await recording.cycle()
    with monkeypatch.context() as patch:
        patch.setattr(stream_recorder, "write", full)
        await recording.recorder.flush()
    assert "No space left" in caplog.text
    assert recording.recorder.dropped > 0

    recording.linked.place(Side.BUY, 1, 40)
    recording.linked.exchange_frames()
    await recording.cycle()
    await recording.recorder.flush()
    with pytest.raises(TapeError, match="the beginning of the book"):
        reader.read(tmp_path)


async def test_more_rows_than_there_is_room_for_are_dropped_and_counted(recording, monkeypatch):
    monkeypatch.setattr(stream_recorder, "ROOM", 10)
    for cents in range(20, 40):
        recording.linked.place(Side.BUY, 1, cents)
    recording.linked.exchange_frames()

    assert recording.recorder.dropped > 0
    assert "room" in recording.recorder.fault


async def test_a_process_that_reads_nothing_writes_nothing(tmp_path, recording):
    idle = StreamRecorder(tmp_path, None, Clock(recording.linked), 100)
    await idle.flush()

    assert parts(tmp_path) == []


def test_a_recording_is_told_from_a_tape(tmp_path):
    with pytest.raises(TapeError, match="no such tape"):
        reader.read(tmp_path)
