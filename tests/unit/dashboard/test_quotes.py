"""Quotes of a stream between two passes: newer prices at once, nothing else, and none goes back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.market.orderbook import Books, OrderBook
from bot.ports.cycle_result import CycleResult
from tests.support.published import Shown
from tests.support.strategies import NOON, ladder

NEWER = OrderBook(bids=ladder(("0.60", 30)), asks=ladder(("0.64", 10)))
NEWEST = OrderBook(bids=ladder(("0.61", 30)), asks=ladder(("0.64", 10)))


class Stream:
    """Tells of one book."""

    def __init__(self, ticker, seen):
        """`seen` is when the last pass saw its book."""
        self.ticker = ticker
        self.seen = seen
        self.is_proved = True
        self.turn(NEWER, 1)

    def turn(self, book, seconds):
        self.book, self.changed = book, {self.ticker}
        self.at = self.seen + timedelta(seconds=seconds)

    def take_changed(self):
        changed, self.changed = self.changed, set()
        return changed

    def proved_books(self, tickers):
        shown = tickers if self.is_proved else ()
        return Books.of([(ticker, self.at.timestamp(), self.book) for ticker in shown])


@pytest.fixture
async def shown():
    found = Shown()
    await found.run(0.8)
    return found


@pytest.fixture
def stream(shown):
    ticker = shown.market["ticker"]
    seen = datetime.fromtimestamp(shown.publisher._markets.seen_at[ticker], UTC)
    return Stream(ticker, seen)


async def passed(shown, missing=()):
    """The state of another pass that saw nothing new, not shown yet."""
    markets = shown.cycle._watchlist.watched()
    await shown.publisher.on_cycle_end(
        CycleResult(NOON, shown.cycle._regime, markets, dict(missing))
    )


async def test_newer_quotes_are_shown_at_once_and_nothing_else_changes(shown, stream):
    before = shown.market

    await shown.publisher.refresh(stream, stream.at)

    changed = {name for name, value in shown.market.items() if value != before[name]}
    assert changed == {"yes_bid", "yes_ask", "spread", "bid_ratio"} | (
        changed & {"imbalance_strength"}
    )
    assert (shown.market["yes_bid"], shown.market["yes_ask"]) == (60.0, 64.0)
    assert (shown.market["spread"], shown.market["bid_ratio"]) == (4.0, 0.75)


async def test_without_a_change_the_same_snapshot_stays(shown, stream):
    await shown.publisher.refresh(stream, stream.at)
    before = shown.snapshot_holder.snapshot

    await shown.publisher.refresh(stream, stream.at)
    stream.turn(NEWER, 2)
    await shown.publisher.refresh(stream, stream.at)

    assert shown.snapshot_holder.snapshot is before


async def test_a_market_without_a_sound_book_stays_stale_until_a_pass(shown, stream):
    await passed(shown, {stream.ticker: "a gap"})
    shown.publisher.show()

    await shown.publisher.refresh(stream, stream.at)

    assert (shown.market["stale"], shown.market["yes_bid"]) == (True, 52.0)


async def test_a_pass_with_older_books_takes_no_price_back(shown, stream):
    await passed(shown)

    await shown.publisher.refresh(stream, stream.at)
    shown.publisher.show()

    assert shown.market["yes_bid"] == 60.0


async def test_an_older_quote_is_not_shown(shown, stream):
    stream.turn(NEWER, -60)

    await shown.publisher.refresh(stream, NOON)

    assert shown.market["yes_bid"] == 52.0


@pytest.mark.parametrize("after", ["a pass", "other quotes"])
async def test_who_waits_is_woken_a_second_after_other_news_and_who_asks_sees_all(
    shown, stream, after
):
    if after == "other quotes":
        stream.turn(NEWER, 5)
        await shown.publisher.refresh(stream, stream.at)
    before = 5 if after == "other quotes" else 0
    waiting = asyncio.create_task(shown.snapshot_holder.newer())
    await asyncio.sleep(0)

    stream.turn(NEWEST, before + 1)
    await shown.publisher.refresh(stream, stream.at)
    await asyncio.sleep(0)

    assert shown.market["yes_bid"] == 61.0
    assert not waiting.done()
    stream.turn(NEWER, before + 1.2)
    await shown.publisher.refresh(stream, stream.at)
    await asyncio.wait_for(waiting, 5)


async def test_what_is_shown_while_quotes_are_packed_wins_and_they_follow(
    shown, stream, monkeypatch
):
    monkeypatch.setattr("bot.dashboard.publisher.PACK_APART", 0)
    work = asyncio.create_task(shown.publisher.refresh(stream, stream.at))
    await asyncio.sleep(0)
    shown.publisher.show_notices(())
    await work

    await shown.publisher.refresh(stream, stream.at)

    assert shown.market["yes_bid"] == 60.0


async def test_a_book_that_is_proved_a_moment_later_is_shown_then(shown, stream):
    stream.is_proved = False
    await shown.publisher.refresh(stream, stream.at)
    assert shown.market["yes_bid"] == 52.0

    stream.is_proved = True
    await shown.publisher.refresh(stream, stream.at)

    assert shown.market["yes_bid"] == 60.0


async def test_standbys_and_the_database_have_no_part_in_it(shown, stream):
    before = shown.publisher.shown()

    await shown.publisher.refresh(stream, stream.at)

    assert shown.market["yes_bid"] == 60.0
    assert shown.publisher.shown() == before


async def test_ageing_takes_no_price_back_and_an_old_book_stays_old(shown, stream):
    await shown.publisher.refresh(stream, stream.at)
    shown.publisher.age(stream.at)
    assert (shown.market["yes_bid"], shown.market["stale"]) == (60.0, False)

    stream.turn(NEWEST, 3_600)
    await shown.publisher.refresh(stream, stream.at)

    # The loop hangs: a newer price is no newer decision.
    assert (shown.market["yes_bid"], shown.market["stale"]) == (61.0, True)
