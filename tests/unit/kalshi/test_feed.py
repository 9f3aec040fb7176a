import asyncio

import pytest

from bot.core.events import NoteKind
from bot.core.market.market import Side
from bot.kalshi.feed import PolledFeed, StreamedFeed
from bot.ports.exchange import ExchangeError
from tests.support.feeds import Clock, Rest, Still
from tests.support.stream_clients import MARKETS, Linked

A, B, C = MARKETS


@pytest.fixture
def linked():
    found = Linked()
    found.watch()
    found.place(Side.BUY, 10, 40)
    found.exchange_frames()
    return found


@pytest.fixture
def rest(linked):
    return Rest(linked)


@pytest.fixture
def feed(linked, rest):
    return StreamedFeed(rest, linked.protocol, Still(), Clock(linked))


async def test_a_proved_book_is_not_asked_for(feed, rest):
    answer = await feed.books(MARKETS)

    assert answer.books.tickers == MARKETS
    assert rest.asked == []
    assert feed.status().source == "stream"


async def test_what_is_not_proved_is_asked_for_in_the_same_beat(feed, linked, rest):
    linked.way = lambda _frame: ()
    linked.protocol.distrust(B, "for a test", linked.now)

    answer = await feed.books(MARKETS)

    assert rest.asked == [(B,)]
    assert (set(answer.books.tickers), answer.missing) == (set(MARKETS), {})


async def test_a_stream_that_fails_is_polled_from_the_next_beat_on_and_that_is_said(
    feed, linked, rest
):
    first = await feed.books(MARKETS)
    linked.cut()

    answer = await feed.books(MARKETS)
    again = await feed.books(MARKETS)

    assert [note.kind for note in first.notes] == [NoteKind.FEED_CHANGED]
    assert set(answer.books.tickers) == set(MARKETS)
    assert [note.message for note in answer.notes] == [
        "Order books are polled from now on: the stream is not connected: it was cut"
    ]
    assert again.notes == ()
    assert (feed.status().source, feed.status().connected) == ("poll", False)


async def test_what_neither_has_is_missing_with_both_reasons(feed, linked, rest):
    linked.way = lambda _frame: ()
    linked.protocol.distrust(B, "for a test", linked.now)
    rest.fault = "no answer"

    answer = await feed.books(MARKETS)

    assert answer.missing == {B: "for a test; no answer"}
    assert set(answer.books.tickers) == {A, C}


async def test_only_without_any_book_is_a_failure_of_rest_an_error(feed, linked, rest):
    linked.cut()
    rest.fault = "no answer"

    with pytest.raises(ExchangeError, match="no answer"):
        await feed.books(MARKETS)


async def test_a_halted_market_is_not_asked_for_and_is_no_failure(feed, linked, rest):
    linked.exchange.deactivate(B)
    linked.exchange_frames()

    answer = await feed.books(MARKETS)

    assert rest.asked == []
    assert answer.missing == {}
    assert answer.halted == {B: "the exchange says that the market was deactivated"}


async def test_who_asks_for_one_book_gives_up_none_of_the_others(feed, linked, rest):
    await feed.books(MARKETS)

    await feed.books((B,))
    answer = await feed.books(MARKETS)

    assert answer.books.tickers == MARKETS
    assert linked.protocol.subscriptions == 3
    assert rest.asked == []


async def test_a_market_that_nobody_asks_for_any_more_is_let_go(feed, linked):
    await feed.books(MARKETS)
    for _ in range(4):
        linked.pass_time(40)
        await feed.books((B,))
    linked.exchange_frames()

    assert linked.protocol.subscriptions == 1


async def test_trades_come_from_the_stream_where_it_knows_them(feed, linked, rest):
    linked.pass_time(1)
    await feed.books(MARKETS)
    linked.place(Side.SELL, 4, 40)
    linked.exchange_frames()

    trades, whole, doubtful = await feed.recent_trades(linked.now_at(-0.5), 5)

    assert ([trade.ticker for trade in trades], whole, doubtful) == ([A], True, frozenset())
    assert rest.asked == []
    await feed.recent_trades(linked.now_at(-60), 5)
    assert rest.asked == [("trades",)]


async def test_equal_books_are_no_difference(feed, linked, monkeypatch):
    await feed.books(MARKETS)
    linked.pass_time(3)

    assert await feed.compare() == 0


async def test_a_book_that_differs_from_rest_is_an_event_with_both(feed, linked, rest, monkeypatch):
    async def at_once(_seconds):
        """No time passes."""

    monkeypatch.setattr(asyncio, "sleep", at_once)
    await feed.books(MARKETS)
    linked.pass_time(3)
    rest.instead = Linked()
    rest.instead.place(Side.BUY, 7, 39)

    assert await feed.compare() == 1
    (note,) = (await feed.books(MARKETS)).notes

    assert note.kind is NoteKind.BOOK_DIFFERED
    assert note.message == (
        f"{A}: the stream has bids 10@0.4, asks none; REST has bids 7@0.39, asks none"
    )
    assert "differs" in linked.missing()[A]


async def test_a_book_that_changes_meanwhile_is_not_held_to_differ(feed, linked, rest):
    await feed.books(MARKETS)
    linked.pass_time(3)
    rest.instead = Linked()
    linked.place(Side.BUY, 7, 39)
    linked.exchange_frames()

    assert await feed.compare() == 0


async def test_a_defect_of_the_stream_costs_the_stream_and_nothing_else(linked, rest, caplog):
    stopping = asyncio.Event()

    class Broken:
        async def run(self, _stopping):
            stopping.set()
            raise RuntimeError("a mistake of ours")

    feed = StreamedFeed(rest, linked.protocol, Broken(), Clock(linked))
    await feed.run(stopping)

    assert "a mistake of ours" in caplog.text
    assert set((await feed.books(MARKETS)).books.tickers) == set(MARKETS)
    assert feed.status().source == "poll"


async def test_a_polled_feed_says_why(linked, rest):
    feed = PolledFeed(rest, Clock(linked), "no key")
    await feed.books(MARKETS)

    status = feed.status()

    assert (status.source, status.connected, status.reason) == ("poll", False, "no key")
    assert status.age_ms_p50 == 0.0
