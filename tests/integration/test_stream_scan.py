"""Whale rules on a stream between two beats: in time, with the order of events, and told once."""

import itertools
from decimal import Decimal

import pytest

from bot.core.events import WhaleEnded, WhaleSeen
from bot.core.market.market import Side
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.detector import Confidence, Source, WhaleType
from bot.core.whales.endings import EndingKind
from bot.core.whales.thresholds import WhaleRules
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.observers import Observers
from bot.engine.ports import CycleParts
from bot.engine.stream_scan import StreamScan
from bot.engine.unit_of_work import UnitOfWork
from bot.kalshi.feed import StreamedFeed
from bot.market_data.trade_feed import TradeFeed
from bot.ports.persistence import NullStore
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Analyzer
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from bot.whales.markout_tracker import MarkoutTracker
from tests.support.fakes import ListJournal, NoExaminer
from tests.support.feeds import Clock, Rest, Still
from tests.support.recorded_decisions import Watched
from tests.support.stream_clients import CROWD, MARKETS, Linked
from tests.support.tapes import SizeScorer

A = MARKETS[0]
#: Seconds between two steps of time here, and between two beats.
STEP = 0.25
BEAT = 60.0


class CountingStore(NullStore):
    """Keeps nothing but how often it was asked to."""

    def __init__(self) -> None:
        self.commits = 0

    async def commit(self, batch):
        self.commits += 1


class Streamed:
    """A whole cycle over a stream; beats come once a minute, scans four times a second."""

    def __init__(self) -> None:
        self.linked = linked = Linked()
        clock = Clock(linked)
        self.rest = Rest(linked)
        self.feed = StreamedFeed(self.rest, linked.protocol, Still(), clock)
        watch = Analyzer(SizeScorer(), Thresholds(), Gates(), WhaleRules(), 10)
        trades = TradeFeed(self.feed, watch.follows)
        self.whales = MarkoutTracker()
        self.journal, self.store = ListJournal(), CountingStore()
        rules = TradeRules(Thresholds(), Sizing(Decimal(5), Decimal("0.01")), RiskLimits(), 100)
        trader = Trader(PaperVenue(), rules, Decimal(10_000), (f"o{n}" for n in itertools.count()))
        faults = ViewFaults()
        self.cycle = Cycle(
            CycleParts(
                data=self.feed,
                watchlist=Watched(),
                predict=watch,
                trader=trader,
                examiner=NoExaminer(),
                unit_of_work=UnitOfWork(CommitQueue(self.store), self.journal),
                clock=clock,
                audience=Observers(faults, {"the whales": self.whales}),
                trade_feed=trades,
                faults=faults,
                stream_scan=StreamScan(self.feed, trades, watch, self.whales),
            )
        )
        self._next_beat = linked.now

    async def live(self, seconds: float, *, scans: bool = True) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP)):
            await self.step(scans=scans)

    async def step(self, *, scans: bool = True) -> None:
        self.linked.pass_time(STEP)
        if self.linked.now >= self._next_beat:
            self._next_beat += BEAT
            await self.cycle.run()
        elif scans:
            assert await self.cycle.scan_stream() is None

    def place(self, side: Side, contracts: float, cents: float) -> None:
        self.linked.place(side, contracts, cents, A)
        self.linked.exchange_frames()

    async def take(
        self, side: Side, contracts: float, cents: float, first: str = "orderbook_delta"
    ) -> None:
        """Somebody takes; frames of that type come first, and after each there is a scan."""
        linked = self.linked
        linked.place(side, contracts, cents, A)
        assert linked.session is not None
        frames = linked.session.take(int(linked.now * 1_000))
        for frame in sorted(frames, key=lambda frame: f'"type":"{first}"' not in frame):
            linked.now += 0.01
            linked.protocol.receive(frame.encode(), linked.now)
            await self.cycle.scan_stream()

    def cancel(self, cents: float) -> None:
        """The buyers take back what they have at that price."""
        exchange = self.linked.exchange
        owner = exchange.state.accounts[CROWD[True]]
        for number, order in list(owner.open_orders.items()):
            if order.price == cents * 100:
                exchange.cancel(owner, number)
        self.linked.exchange_frames()

    def seen(self, *kinds: WhaleType) -> list[WhaleSeen]:
        """The detections so far, of these types or all but imbalance."""
        return [
            event
            for event in self.journal.events
            if isinstance(event, WhaleSeen)
            and event.whale.type in (kinds or set(WhaleType) - {WhaleType.HIGH_IMBALANCE})
        ]

    def ended(self) -> list[EndingKind]:
        return [one.ending.fate for one in self.journal.events if isinstance(one, WhaleEnded)]


@pytest.fixture
async def market():
    """A market with a past of two minutes, in which levels hold 300 contracts."""
    found = Streamed()
    for cents in range(40, 46):
        found.place(Side.BUY, 300, cents)
        found.place(Side.SELL, 300, cents + 8)
    await found.live(2 * BEAT + 1)
    return found


async def test_a_large_order_is_told_within_a_quarter_of_a_second_of_its_tenth(market):
    for _ in range(3):
        await market.step()
    market.place(Side.BUY, 1_500, 42)
    came = market.linked.now
    await market.live(15)

    (found,) = market.seen()
    assert (found.whale.type, found.whale.price) == (WhaleType.LARGE_BID, Decimal("0.42"))
    assert 10.0 <= found.at.timestamp() - came <= 10.25
    assert market.whales.history(A, None, None, 5)[0].type == "large_bid"
    assert market.whales.scores().following == 1


async def test_without_scans_it_waits_for_the_beat(market):
    market.place(Side.BUY, 1_500, 42)
    came = market.linked.now
    await market.live(2 * BEAT, scans=False)

    (found,) = market.seen()
    assert found.at.timestamp() - came > 30


async def test_one_that_stands_for_a_moment_only_is_not_told(market):
    market.place(Side.BUY, 9_000, 42)
    await market.live(0.5)
    market.cancel(42)
    await market.live(20)

    assert market.seen() == []


async def test_one_so_large_that_it_need_not_rest_is_told_within_a_second(market):
    market.place(Side.BUY, 9_000, 42)
    came = market.linked.now
    await market.live(3)

    (found,) = market.seen()
    assert found.at.timestamp() - came <= 1.25


async def test_what_was_told_between_two_beats_is_not_told_again_by_them(market):
    market.place(Side.BUY, 1_500, 42)
    await market.live(3 * BEAT)

    assert len(market.seen()) == 1


async def test_scans_that_find_nothing_commit_nothing(market):
    await market.live(0.25)
    before = market.store.commits
    for _ in range(40):
        market.place(Side.BUY, 1, 45)
        await market.step()

    assert market.store.commits == before


async def test_a_gap_leaves_scans_to_the_beat(market):
    market.linked.cut()
    market.linked.connect()
    market.rest.asked.clear()
    market.place(Side.BUY, 9_000, 42)
    await market.live(5)

    assert market.seen() == []
    assert market.rest.asked == []


async def staged(market):
    """A large bid that came away from the best price, which then came nearer."""
    market.place(Side.BUY, 1_500, 42)
    await market.live(15)
    market.cancel(45)
    await market.live(2)


async def test_one_that_leaves_untraded_as_the_price_comes_near_is_suspected_in_a_second(market):
    await staged(market)
    market.cancel(42)
    left = market.linked.now
    await market.live(3)

    found = market.seen(WhaleType.SPOOF_SUSPECTED)
    assert [one.whale.confidence for one in found] == [Confidence.MEDIUM]
    assert found[0].at.timestamp() - left <= 1.0
    assert market.ended() == [EndingKind.CANCELLED]
    assert market.whales.endings(A, None, 5)[0].kind == "cancelled"


@pytest.mark.parametrize("first", ["orderbook_delta", "trade"])
async def test_one_that_was_taken_is_filled_whichever_frame_a_scan_comes_after(first, market):
    await staged(market)
    await market.take(Side.SELL, 2_700, 42, first)
    await market.live(3)

    assert market.seen(WhaleType.SPOOF_SUSPECTED) == []
    assert market.ended() == [EndingKind.FILLED]


async def test_trades_at_better_prices_do_not_excuse_one_that_was_pulled(market):
    await staged(market)
    await market.take(Side.SELL, 600, 43)
    market.cancel(42)
    await market.live(3)

    assert len(market.seen(WhaleType.SPOOF_SUSPECTED)) == 1
    assert market.ended() == [EndingKind.CANCELLED]


async def test_one_that_is_quoted_again_a_moment_later_has_moved(market):
    await staged(market)
    market.cancel(42)
    await market.step()
    market.place(Side.BUY, 1_500, 41)
    await market.live(15)

    assert market.seen(WhaleType.SPOOF_SUSPECTED) == []
    assert len(market.seen()) == 1


async def test_a_sweep_is_told_at_once_and_once(market):
    await market.live(1)
    began = market.linked.now
    market.place(Side.BUY, 1_100, 56)
    await market.live(3 * BEAT)

    (found,) = [one for one in market.seen() if one.whale.source is Source.TAPE]
    assert (found.whale.type, found.whale.size) == (WhaleType.LARGE_BID, 1_100)
    assert found.at.timestamp() - began <= 0.5


async def emptied(market, first):
    """Sellers take the whole best bid; the same buyer stands again a quarter of a second later."""
    await market.take(Side.SELL, 900, 45, first)
    market.place(Side.BUY, 900, 45)
    await market.live(2)


@pytest.mark.parametrize("first", ["orderbook_delta", "trade"])
async def test_an_iceberg_is_told_within_a_second_of_its_second_refill(first, market):
    market.place(Side.BUY, 600, 45)
    await market.live(2)

    await emptied(market, first)
    refills = [one for one in market.seen() if one.whale.source is Source.REFILLS]
    await emptied(market, first)

    (found,) = [one for one in market.seen() if one.whale.source is Source.REFILLS]
    assert refills == []
    assert (found.whale.type, found.whale.price) == (WhaleType.LARGE_BID, Decimal("0.45"))
    assert found.whale.size == 2_700
    assert market.linked.now - found.at.timestamp() >= 1.0


async def test_a_level_that_others_quote_anew_later_is_no_iceberg(market):
    market.place(Side.BUY, 600, 45)
    await market.live(2)
    for _ in range(4):
        await market.take(Side.SELL, 900, 45)
        await market.live(4)
        market.place(Side.BUY, 900, 45)
        await market.live(4)

    assert [one for one in market.seen() if one.whale.source is Source.REFILLS] == []
