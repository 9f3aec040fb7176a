import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.book_store import BookStore
from bot.core.market.market import Side
from bot.kalshi.stream.commands import LIFECYCLE, TICKER, TRADE
from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.stream.rules import StreamRules
from bot.sim.stream.terms import StreamLimits
from tests.support.sim_exchanges import buy, member
from tests.support.stream_clients import MARKETS, NOW, Linked, untouched

A, B, C = MARKETS


def _linked(**terms) -> Linked:
    linked = Linked(**terms)
    linked.watch()
    linked.place(Side.BUY, 10, 40)
    linked.place(Side.SELL, 10, 60)
    linked.exchange_frames()
    return linked


def _once(change):
    """Change the first book delta, and no other frame."""
    left = [change]

    def way(frame):
        if left and '"orderbook_delta"' in frame:
            return left.pop()(frame)
        return (frame,)

    return way


def _lost(_frame):
    return ()


def _twice(frame):
    return frame, frame


def _negative(frame):
    return (frame.replace('"delta_fp":"', '"delta_fp":"-99999'),)


def _no_json(frame):
    return (frame[:-3],)


@given(st.integers(0, 10_000), st.integers(1, 80))
def test_the_books_are_those_of_the_exchange_whatever_happens_there(seed, operations):
    linked, chance = _linked(), Random(seed)
    for _ in range(operations):
        linked.act(chance)
        if chance.random() < 0.3:
            linked.exchange_frames()
    linked.exchange_frames()

    linked.assert_whole()
    assert linked.protocol.counts["gaps"] == linked.protocol.counts["differences"] == 0


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_book_that_is_shown_is_right_as_of_its_time_whatever_the_line_does(seed):
    chance = Random(seed)
    linked = _linked()
    outcomes = (untouched,) * 12 + (_lost, _twice, _no_json)
    linked.way = lambda frame: (chance.choice(outcomes))(frame)  # noqa: PLW0108  # another each time
    states = linked.states()
    for _ in range(60):
        for _ in range(chance.randrange(4)):
            linked.act(chance)
        linked.exchange_frames()
        answer = linked.protocol.books(MARKETS, linked.now)
        for row, ticker in enumerate(answer.books.tickers):
            shown = linked.protocol.store.levels(ticker)
            assert shown in states.at(ticker, float(answer.books.seen_at[row]))
        if chance.random() < 0.05:
            linked.cut()
            linked.connect()
        linked.pass_time(0.25)

    linked.way = untouched
    linked.live(70)
    linked.assert_whole()


def test_only_watched_markets_are_subscribed_to():
    linked = _linked()

    linked.watch(B)
    linked.place(Side.BUY, 1, 30, A)
    linked.place(Side.BUY, 1, 30, B)
    linked.exchange_frames()
    assert linked.protocol.subscriptions == 1
    assert set(linked.missing()) == {A, C}

    linked.watch(A, B, C)
    linked.assert_whole()


@pytest.mark.parametrize("change", [_lost, _negative, _no_json, _twice])
def test_what_cannot_be_invalidates_books_until_a_snapshot_has_come(change):
    linked = _linked()
    linked.way = _once(change)

    linked.place(Side.BUY, 5, 41)
    linked.place(Side.BUY, 5, 42)
    linked.deliver()
    assert A in linked.missing()

    linked.exchange_frames()
    linked.assert_whole()
    assert linked.protocol.counts["resyncs"] >= 1


def test_a_gap_is_counted_and_concerns_every_book_of_the_subscription():
    linked = _linked()
    linked.way = _once(_lost)

    linked.place(Side.BUY, 5, 41)
    linked.place(Side.BUY, 5, 42)
    linked.deliver()

    assert set(linked.missing()) == set(MARKETS)
    assert linked.protocol.counts["gaps"] == 1
    assert any("missed" in problem for problem in linked.protocol.problems())


def test_a_frame_lost_last_is_found_by_the_next_probe():
    linked = _linked()
    linked.way = _once(_lost)
    linked.place(Side.BUY, 5, 41)
    linked.exchange_frames()
    seen = linked.protocol.books((A,), linked.now).books.seen_at[0]
    linked.way = untouched

    linked.pass_time(1.5)

    assert linked.protocol.counts["gaps"] == 1
    assert seen == NOW
    linked.assert_whole()


def test_an_unanswered_snapshot_is_asked_for_again_each_time_later():
    linked = _linked()
    linked.way = lambda frame: () if '"orderbook_snapshot"' in frame else (frame,)
    linked.protocol.distrust(A, "for a test", linked.now)
    linked.pass_time(20)
    asked = linked.protocol.counts["resyncs"]

    linked.way = untouched
    linked.pass_time(70)

    assert 3 <= asked <= 60
    linked.assert_whole()


def test_a_silent_line_is_stale_and_then_given_up():
    linked = _linked()
    linked.way = lambda _frame: ()

    linked.pass_time(4)
    assert "late" in linked.missing()[A]

    reason = linked.pass_time(10)
    assert reason is not None
    assert "no answer to list_subscriptions" in reason


def test_a_line_that_is_alive_but_late_is_stale():
    linked = _linked()
    linked.pass_time(2)
    held: list[str] = []

    def late(frame):
        held.append(frame)
        return ()

    linked.way = late
    for _ in range(30):
        linked.pass_time(0.25)
        # What was sent five seconds ago arrives now.
        while len(held) > 20:
            linked.protocol.receive(held.pop(0).encode(), linked.now)

    assert "late" in linked.missing()[A]


def test_events_that_are_told_late_make_the_line_stale():
    linked = _linked()
    stamp = int((NOW - 5) * 1000)

    def old(frame):
        message = json.loads(frame)
        if message["type"] == "orderbook_delta":
            message["msg"]["ts_ms"] = stamp
        return (json.dumps(message),)

    linked.way = old
    linked.place(Side.BUY, 1, 41)
    linked.exchange_frames()

    assert linked.missing()[A] == "the stream is 5.0 s late"


@pytest.mark.parametrize("ahead", [-40.0, 40.0, 2.0])
def test_clocks_that_differ_make_nothing_late(ahead):
    linked = _linked(ahead=ahead)
    for _ in range(5):
        linked.pass_time(1)
    linked.assert_whole()

    assert linked.protocol.timing.offset == pytest.approx(ahead, abs=0.01)
    late = linked.protocol.late(linked.now)
    assert late is not None
    assert late <= 1.1


def test_a_clock_that_goes_back_makes_nothing_look_newer_than_it_is():
    linked = _linked()
    linked.pass_time(2)
    linked.way = lambda _frame: ()

    linked.now -= 60
    linked.protocol.tick(linked.now)
    assert linked.missing()

    linked.way = untouched
    linked.exchange_frames()
    linked.now += 1
    linked.protocol.tick(linked.now)
    linked.exchange_frames()
    linked.assert_whole()


def test_an_overflow_ends_a_subscription_which_is_asked_for_again():
    linked = _linked(limits=StreamLimits(buffer=3))
    for cents in range(30, 40):
        linked.place(Side.BUY, 1, cents)
    linked.exchange_frames()

    assert linked.protocol.counts["overflows"] == 1
    assert linked.missing()[A]
    linked.pass_time(3)
    linked.assert_whole()


def test_a_refused_command_is_given_again():
    linked = _linked()
    linked.watch(A)
    linked.refusals = [18]

    linked.watch(A, B, C)
    assert linked.missing()
    linked.pass_time(5)

    linked.assert_whole()
    assert any("(18)" in problem for problem in linked.protocol.problems())


def test_after_a_cut_no_book_is_shown_until_its_snapshot_has_come():
    linked = _linked()
    linked.cut()
    assert linked.missing()[A] == "the stream is not connected: it was cut"
    linked.place(Side.BUY, 1, 45)

    linked.connect()

    linked.assert_whole()


def test_a_book_that_the_ticker_contradicts_is_distrusted():
    linked = _linked()
    linked.pass_time(1)
    linked.place(Side.BUY, 1, 45)
    # The change is withheld, and so is its number.
    lost = []

    def withhold(frame):
        if '"orderbook_delta"' in frame:
            lost.append(frame)
            return ()
        return (frame,)

    linked.way = withhold
    linked.exchange_frames()
    linked.way = lambda frame: () if '"orderbook_snapshot"' in frame else (frame,)
    linked.now += 2.1
    linked.protocol.timing.replied(linked.now, linked.now, None)
    linked.protocol._proved_at = linked.now

    assert "ticker" in linked.missing()[A]
    assert lost


def test_trades_are_known_from_the_moment_they_are_told():
    linked = _linked()
    linked.place(Side.BUY, 4, 60)
    linked.exchange_frames()

    assert linked.protocol.trades_since(MARKETS, NOW) == frozenset()
    assert linked.protocol.trades_since(MARKETS, NOW - 1) == frozenset(MARKETS)
    (trade,) = linked.protocol.trades.since(NOW)
    assert (trade.ticker, trade.taker, float(trade.count)) == (A, Side.BUY, 4.0)


def test_without_a_line_no_trades_are_known():
    linked = _linked()
    linked.cut()

    assert linked.protocol.trades_since(MARKETS, NOW) is None


def test_a_market_that_halts_has_no_book_until_it_resumes():
    linked = _linked()

    linked.exchange.deactivate(B)
    linked.exchange_frames()
    assert linked.missing() == {B: "the exchange says that the market was deactivated"}

    linked.exchange.activate(B)
    linked.exchange_frames()
    assert linked.missing() == {}


def _told(linked, channel, kind, **message):
    """A frame of that channel with its next number, sound in every way."""
    subscription = linked.protocol._requests.subscriptions.by_channel[channel]
    envelope = {"type": kind, "sid": subscription.sid, "seq": subscription.seq + 1, "msg": message}
    linked.protocol.receive(json.dumps(envelope).encode(), linked.now)


def test_of_all_markets_that_halt_the_newest_are_remembered_and_those_watched(monkeypatch):
    monkeypatch.setattr("bot.kalshi.stream.halts.MOST_HALTED", 10)
    linked = _linked()
    linked.exchange.deactivate(B)
    linked.exchange_frames()
    others = [f"KXOTHER-{number}" for number in range(30)]

    for ticker in others:
        halt = {"market_ticker": ticker, "event_type": "settled"}
        _told(linked, LIFECYCLE, "market_lifecycle_v2", **halt)

    assert [t for t in others if linked.protocol.is_halted(t)] == others[-9:]
    assert linked.protocol.is_halted(B)


def test_of_markets_that_nobody_watches_nothing_is_remembered():
    linked = _linked()
    now = {"ts_ms": int(NOW * 1000)}
    quote = {"yes_bid_dollars": "0.40", "yes_ask_dollars": "0.60", **now}
    sizes = {"yes_bid_size_fp": "1.00", "yes_ask_size_fp": "1.00"}
    sold = {"yes_price_dollars": "0.4", "count_fp": "1", "taker_book_side": "bid"}

    for number in range(5):
        ticker = f"KXOTHER-{number}"
        _told(linked, TICKER, "ticker", market_ticker=ticker, **quote, **sizes)
        _told(linked, TRADE, "trade", market_ticker=ticker, trade_id="t", **now, **sold)

    assert linked.protocol._quotes._quotes.keys() <= set(MARKETS)
    assert not linked.protocol.trades.since(0.0)
    assert linked.missing() == {}


def test_many_markets_are_asked_for_in_pieces():
    linked = _linked(rules=replace(StreamRules(), resync=1.0))

    linked.protocol.watch([*MARKETS, *(f"KXNONE-{n}" for n in range(1_200))], linked.now)
    linked.exchange_frames()

    assert linked.protocol.subscriptions == 1_203
    linked.assert_whole()


def _of_account():
    """A client that wants to hear of its account, and its hints."""
    linked, hints = Linked(), []
    linked.protocol = StreamProtocol(BookStore(), linked.rules, lambda: hints.append(linked.now))
    member(linked.exchange)
    linked.connect("ann")
    linked.watch()
    return linked, hints


def test_once_the_channels_of_the_account_are_open_and_whenever_they_tell_there_is_a_hint():
    linked, hints = _of_account()
    assert len(hints) == 3

    linked.place(Side.SELL, 10, 60)
    linked.exchange_frames()
    assert len(hints) == 3

    buy(linked.exchange, linked.exchange.state.accounts["ann"], 10, 60, ticker=A)
    linked.exchange_frames()

    # The fill, the order and the position.
    assert len(hints) >= 6
    linked.assert_whole()


def test_after_a_connection_was_lost_there_is_a_hint_again():
    linked, hints = _of_account()
    linked.cut()
    before = len(hints)

    linked.connect("ann")

    assert len(hints) == before + 3


def test_without_an_account_nobody_asks_for_its_channels():
    linked = Linked()
    linked.watch()
    linked.place(Side.SELL, 10, 60)
    linked.exchange_frames()

    assert linked.missing() == {}
    assert {one.channel for one in linked.protocol._requests.subscriptions.by_sid.values()} == {
        *("orderbook_delta", "trade", "ticker", "market_lifecycle_v2")
    }
