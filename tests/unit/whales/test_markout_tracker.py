"""Every detection is followed to its horizons and to settlement, beside a like moment without."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.ports.persistence
from bot.core.account.portfolio import Portfolio
from bot.core.events import Event, WhaleEnded, WhaleSeen
from bot.core.market.market import MarketStatus
from bot.core.market.orderbook import Books, OrderBook
from bot.core.signals.regime import RegimeName
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales.detector import RecentWhales, SideBias, Source, WhaleType
from bot.core.whales.markouts import BestQuotes, Group, MarkoutSample
from bot.core.whales.thresholds import WhaleRules
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import CommittedChanges
from bot.signals.analyzer import Analyzer
from bot.whales.markout_stats import MarkoutStats
from bot.whales.markout_tracker import MarkoutTracker
from bot.whales.open_markouts import OpenMarkoutBook
from tests.support.fakes import FakeScorer
from tests.support.strategies import NOON, ladder, open_market
from tests.support.whale_events import ENDING, whale

CASH = Portfolio.of_cash(Decimal(1))
FEE = 7 * 0.44 * 0.56


class Room:
    """A follower and the market it watches."""

    def __init__(self, ask=None, **follower):
        self.follower = MarkoutTracker(ask, **follower) if ask else MarkoutTracker(**follower)
        self.markets = {t: open_market(t, category="Weather") for t in "ABCDEFGHIJKL"}
        self.now = NOON

    def predictions(self, bid, ask, whales, quiet, tickers):
        watch = Analyzer(FakeScorer(), Thresholds(), Gates(), WhaleRules())
        shown = OrderBook(ladder(*([(bid, 10)] if bid else [])), ladder((ask, 10)))
        books = Books.of([(t, self.now.timestamp(), shown) for t in tickers])
        seen = watch.observe(books, np.full(len(books), 3_600.0))
        count = np.full(len(books), 0.0 if quiet else 1.0)
        seen = replace(
            seen,
            recent=RecentWhales(count, count),
            whale_rows=np.array([tickers.index(w.ticker) for w in whales], dtype=np.intp),
            whales=tuple(whales),
        )
        return watch.predicted(seen)

    async def look(self, bid="0.42", ask="0.44", *, whales=(), quiet=False, tickers=("A",)):
        self.follower.on_predictions(self.predictions(bid, ask, list(whales), quiet, list(tickers)))
        await self.publish()

    async def publish(self):
        await self.follower.on_cycle_end(CycleResult(self.now, RegimeName.CALM, self.markets, {}))

    def pass_by(self, **time):
        self.now += timedelta(**time)

    def line(self, horizon, *, band="all", kind="large_bid"):
        lines = self.follower.scores().lines
        return next(
            one for one in lines if (one.type, one.price_band, one.horizon) == (kind, band, horizon)
        )


async def test_a_rise_after_a_buying_whale_counts_less_half_spread_and_fee():
    room = Room()
    await room.look(whales=[whale()])
    room.pass_by(seconds=60)

    await room.look("0.47", "0.49")

    line = room.line("1m", band="30-70")
    assert (line.count, line.category, line.missing) == (1, "Weather", 0)
    assert line.mean == pytest.approx(5.0 - 1.0 - FEE, abs=1e-4)
    assert (line.interval, line.verdict) == (None, "too_few")


async def test_a_selling_whale_is_right_when_the_price_falls():
    room = Room()
    await room.look(whales=[whale(bias=SideBias.SELL)])
    room.pass_by(seconds=60)

    await room.look("0.37", "0.39")

    assert room.line("1m").mean == pytest.approx(5.0 - 1.0 - 7 * 0.42 * 0.58, abs=1e-4)


async def test_icebergs_have_lines_of_their_own():
    room = Room()
    await room.look(whales=[replace(whale(), source=Source.REFILLS)])
    room.pass_by(seconds=60)

    await room.look("0.47", "0.49")

    assert room.line("1m", kind="iceberg").count == 1
    assert {one.type for one in room.follower.scores().lines} == {"iceberg"}


@pytest.mark.parametrize("bid", ["0.42", None])
async def test_a_look_that_comes_too_late_or_without_a_price_is_missing_and_not_zero(bid):
    room = Room()
    await room.look(whales=[whale()])
    room.pass_by(seconds=75 if bid is None else 91)

    await room.look(bid)
    if bid is None:
        assert room.follower.scores().lines == ()
        room.pass_by(seconds=16)
        await room.look()

    line = room.line("1m")
    assert (line.count, line.missing, line.mean) == (0, 1, None)


async def test_settlement_ends_what_is_followed_and_what_was_not_seen_is_missing():
    room = Room()
    await room.look(whales=[whale()])
    room.markets["A"] = replace(
        room.markets["A"], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
    )

    await room.publish()

    assert room.line("settlement").mean == pytest.approx(57.0 - 1.0 - FEE, abs=1e-4)
    assert room.line("60m").missing == 1
    assert room.follower.scores().following == 0


async def test_the_outcome_of_a_market_no_longer_watched_is_asked_for():
    asked = []

    async def ask(tickers):
        asked.append(tuple(tickers))
        if len(asked) == 1:
            raise ExchangeError("GET /markets: down")
        return {"A": ended}

    room = Room(ask)
    ended = replace(room.markets["A"], status=MarketStatus.FINALIZED, result="no")
    await room.look(whales=[whale()])
    del room.markets["A"]
    for _ in range(3):
        await room.publish()
        room.pass_by(seconds=45)

    assert asked == [("A",), ("A",)]
    assert room.line("settlement").count == 1


async def test_a_match_is_the_next_quiet_moment_of_the_same_market_and_band():
    room = Room()
    await room.look(whales=[whale()])
    await room.look(quiet=False)
    room.pass_by(seconds=10)
    await room.look("0.80", "0.82", quiet=True)
    room.pass_by(seconds=10)
    await room.look(quiet=True)
    room.pass_by(seconds=60)
    await room.look("0.43", "0.45", quiet=True)

    line = room.line("1m")
    assert (line.count, line.baseline_count) == (1, 1)
    assert line.baseline_mean == pytest.approx(1.0 - 1.0 - FEE, abs=1e-4)
    assert line.excess == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("seen", "fees", "why"),
    [
        (whale(bias=None), True, "no direction"),
        (whale(), False, "no price or fee"),
    ],
)
async def test_what_cannot_be_followed_is_counted_with_its_reason(seen, fees, why):
    room = Room()
    if not fees:
        room.markets["A"] = replace(room.markets["A"], fees=None)

    await room.look(whales=[seen])

    assert room.follower.scores().unscored == {why: 1}
    assert room.follower.scores().following == 0


async def test_room_is_bounded_and_what_is_given_up_is_missing():
    room = Room(capacity=1)
    await room.look(whales=[whale("A")])

    await room.look(whales=[whale("B")], tickers=("B",))

    assert room.follower.scores().following == 1
    assert room.line("settlement").missing == 1


async def test_a_market_nothing_is_heard_of_is_given_up():
    room = Room()
    await room.look(whales=[whale()])
    room.pass_by(days=8)

    await room.publish()

    assert (room.follower.scores().following, room.line("settlement").missing) == (0, 1)


async def test_a_type_that_loses_in_many_markets_is_shown_as_such():
    room = Room()
    tickers = tuple(room.markets)
    await room.look(whales=[whale(t) for t in tickers], tickers=tickers)
    room.pass_by(seconds=60)

    await room.look("0.41", "0.43", tickers=tickers)

    line = room.line("1m")
    assert (line.markets, line.verdict) == (12, "loses")
    assert line.interval is not None
    assert line.interval[1] < 0


def test_the_history_is_newest_first_and_can_be_narrowed():
    follower = MarkoutTracker()
    spoof = whale("B", kind=WhaleType.SPOOF_SUSPECTED)
    later = NOON + timedelta(minutes=1)
    follower.on_events([WhaleSeen(NOON, whale("A")), WhaleSeen(later, spoof)])
    follower.on_events([WhaleEnded(later, ENDING)])

    def found(**request):
        asked = {"ticker": None, "kind": None, "since": None, "limit": 10} | request
        return [one.ticker for one in follower.history(**asked)]

    assert found() == ["B", "A"]
    assert found(ticker="A") == ["A"]
    assert found(kind="spoof_suspected") == ["B"]
    assert found(since=later) == ["B"]
    assert found(limit=1) == ["B"]
    (ending,) = follower.endings("A", None, 5)
    assert (ending.kind, ending.price, ending.lifetime_seconds) == ("cancelled", 40.0, 30.0)
    assert follower.endings("B", None, 5) == ()


class Kept:
    """What a follower told so far, as a database would give it back."""

    def __init__(self):
        self.events: list[Event] = []
        self.state_records: dict[str, dict[str, bytes]] = {}
        self.news = CommittedChanges(0)

    def take(self, follower, events=()):
        state_records = follower.state_records()
        self.news = CommittedChanges(1, tuple(events), tuple(state_records))
        self.events += events
        for state_record in state_records:
            of_kind = self.state_records.setdefault(state_record.kind, {})
            of_kind.pop(state_record.key, None)
            if state_record.body is not None:
                of_kind[state_record.key] = state_record.body

    @property
    def checkpoint(self):
        # A database has no order of its own.
        state_records = {
            kind: dict(sorted(of_kind.items(), reverse=True))
            for kind, of_kind in self.state_records.items()
        }
        return bot.ports.persistence.Checkpoint(
            1, CASH, events=tuple(self.events), state_records=state_records
        )

    def restored(self, **follower):
        again = MarkoutTracker(**follower)
        again.restore(self.checkpoint)
        return again


def everything(follower):
    """All that is seen of a follower from outside."""
    return (
        follower.scores(),
        follower.history(None, None, None, 9_999),
        follower.endings(None, None, 9_999),
    )


PRICES = [("0.42", "0.44"), ("0.45", "0.47"), ("0.80", "0.82"), (None, "0.44")]
BIASES = [SideBias.BUY, SideBias.SELL, None]
whales = st.lists(
    st.builds(whale, st.sampled_from("ABC"), st.sampled_from(BIASES)),
    max_size=2,
    unique_by=lambda one: one.ticker,
)
steps = st.tuples(
    st.sampled_from([1, 30, 60, 300, 3_600]),
    st.sampled_from(PRICES),
    whales,
    st.booleans(),
    st.sampled_from(["", "", "", "leaves", "settles"]),
)


async def go_on(room, step, followers):
    """One pass for each of these followers; what happened in it."""
    seconds, (bid, ask), found, quiet, fate = step
    room.pass_by(seconds=seconds)
    ticker = next(iter(room.markets))
    if fate == "settles":
        room.markets[ticker] = replace(
            room.markets[ticker], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
        )
    found = [one for one in found if one.ticker in room.markets]
    predictions = room.predictions(bid, ask, found, quiet, [t for t in "ABC" if t in room.markets])
    events: list[Event] = [WhaleSeen(room.now, one) for one in found]
    events += [WhaleEnded(room.now, ENDING)] if quiet else []
    for follower in followers:
        follower.on_events(events)
        follower.on_predictions(predictions)
        await follower.on_cycle_end(CycleResult(room.now, RegimeName.CALM, room.markets, {}))
    if fate == "leaves":
        del room.markets[ticker]
    return events


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=2, max_size=20), st.data(), st.sampled_from([2, 5, 5_000]))
async def test_a_restored_follower_goes_on_as_if_nothing_had_happened(story, data, capacity):
    stop = data.draw(st.integers(0, len(story)))
    room, checkpoint = Room(capacity=capacity), Kept()
    standby = MarkoutTracker(capacity=capacity)
    for step in story[:stop]:
        checkpoint.take(room.follower, await go_on(room, step, [room.follower]))
        standby.catch_up(checkpoint.news)
        assert everything(standby) == everything(room.follower)
    again = checkpoint.restored(capacity=capacity)

    assert everything(again) == everything(room.follower)
    assert again.state_records() == []
    for step in story[stop:]:
        checkpoint.take(again, await go_on(room, step, [room.follower, again]))
        assert everything(again) == everything(room.follower)
    assert everything(checkpoint.restored(capacity=capacity)) == everything(room.follower)


async def test_a_pass_in_which_nothing_changed_is_no_memo():
    room = Room()
    await room.look(whales=[whale("A"), whale("B")], tickers=("A", "B"))
    assert {state_record.key for state_record in room.follower.state_records()} == {"A", "B"}

    room.pass_by(seconds=5)
    await room.look(tickers=("A", "B"))
    assert room.follower.state_records() == []

    room.pass_by(seconds=60)
    await room.look(tickers=("B",))
    assert {
        state_record.key
        for state_record in room.follower.state_records()
        if state_record.kind == "followed"
    } == {"B"}


async def test_what_is_over_is_forgotten_in_the_database_too():
    room, checkpoint = Room(), Kept()
    await room.look(whales=[whale()])
    checkpoint.take(room.follower)
    assert set(checkpoint.state_records["followed"]) == {"A"}
    room.markets["A"] = replace(
        room.markets["A"], status=MarketStatus.FINALIZED, settlement_value=Decimal(1)
    )

    await room.publish()
    checkpoint.take(room.follower)

    assert checkpoint.state_records["followed"] == {}
    assert checkpoint.restored().scores() == room.follower.scores()


async def test_when_it_was_asked_last_is_remembered():
    asked = []

    async def ask(tickers):
        asked.append(tickers)
        return {}

    room, checkpoint = Room(ask), Kept()
    await room.look(whales=[whale()])
    del room.markets["A"]
    await room.publish()
    checkpoint.take(room.follower)
    room.follower = checkpoint.restored(ask=ask)
    room.pass_by(seconds=59)
    await room.publish()
    assert len(asked) == 1

    room.pass_by(seconds=1)
    await room.publish()
    assert len(asked) == 2


def sample(ticker):
    group = Group("large_bid", "30-70", "Weather")
    return MarkoutSample(ticker, group, 1, BestQuotes(0.0, 0.4, 0.5), 1.0, is_whale=True)


def test_the_order_in_which_markets_go_survives_a_restart():
    trails, checkpoint = OpenMarkoutBook(capacity=3), Kept()
    for ticker in "CBAD":
        trails.follow(ticker, [sample(ticker)], [])
    checkpoint.take(trails)
    trails.to_back(["C"])
    checkpoint.take(trails)

    again = OpenMarkoutBook(capacity=3)
    again.restore(checkpoint.checkpoint)

    assert list(again) == list(trails) == ["B", "A", "D", "C"]
    assert again.crowded_out() == trails.crowded_out() == "B"


def test_sums_are_kept_in_bounded_room_and_the_market_unheard_of_longest_goes_first():
    tallies, checkpoint = MarkoutStats(capacity=4), Kept()
    for ticker in "ABA":
        tallies.note(sample(ticker), 0, 1.0)
    checkpoint.take(tallies)
    again = MarkoutStats(capacity=4)
    again.restore(checkpoint.checkpoint)

    for one in (tallies, again):
        one.note(sample("C"), 0, 1.0)

    checkpoint.take(again)
    assert set(checkpoint.state_records["sums"]) == {"A", "C"}
    for one in (tallies, again):
        one.note(sample("B"), 0, 1.0)
        _, _, whales, _ = next(one.pairs())
        assert (whales.count, whales.markets) == (5, 4)


def test_the_name_of_a_sum_is_in_memory_once_however_many_markets_have_it():
    tallies = MarkoutStats()
    for ticker in ("A", "B"):
        tallies.note(sample(ticker), 0, 1.0)

    names = [list(one.by_name) for one in tallies._sums.values()]

    assert len(names) == 2
    assert all(a is b for a, b in zip(*names, strict=True))


async def test_what_was_there_before_is_gone_once_another_state_is_restored():
    room = Room()
    room.follower.on_events([WhaleSeen(NOON, whale()), WhaleEnded(NOON, ENDING)])
    await room.look(whales=[whale()])
    room.follower.on_predictions(room.predictions("0.42", "0.44", [whale("B")], False, ["B"]))

    room.follower.restore(Kept().checkpoint)
    await room.publish()

    assert everything(room.follower) == everything(MarkoutTracker())


@pytest.mark.parametrize("spoilt", [0, 9])
async def test_what_cannot_be_read_is_forgotten_here_and_there(caplog, spoilt):
    room, checkpoint = Room(), Kept()
    await room.look(whales=[whale()])
    room.pass_by(seconds=60)
    await room.look()
    checkpoint.take(room.follower)
    for of_kind in checkpoint.state_records.values():
        of_kind |= {key: body[:spoilt] + b"?" + body[spoilt:] for key, body in of_kind.items()}

    again = checkpoint.restored()

    assert (again.scores().following, again.scores().lines) == (0, ())
    assert len(caplog.messages) == 3
    checkpoint.take(again)
    assert [checkpoint.state_records[kind] for kind in ("followed", "sums", "tallies")] == [
        {},
        {},
        {},
    ]
