"""One market by itself: the last book, never an older one; a path that stays short."""

from datetime import timedelta

from bot.core.market.orderbook import OrderBook
from bot.core.signals.features import FEATURE_NAMES
from bot.dashboard.market_panel import LEVELS, PATH, SPACING, MarketPanel
from bot.dashboard.snapshot import decoded
from tests.support.cycle_bench import Bench
from tests.support.published import Shown
from tests.support.strategies import NOON, ladder


class Watching(Bench):
    """A cycle with the panel as its audience."""

    def __init__(self, *tickers, **options):
        super().__init__(*tickers, **options)
        self.panel = self.cycle._audience = MarketPanel()

    def bids(self, best):
        self.exchange.shown["A"] = OrderBook(ladder((best, 10)), ladder(("0.60", 10)))


async def test_the_book_is_that_of_the_last_cycle_in_cents():
    bench = Watching("A", "B")

    await bench.run(0.8)

    detail = bench.panel.of("B")
    assert detail.book is not None
    assert [(one.price, one.size) for one in detail.book.bids] == [(52.0, 300.0), (51.0, 500.0)]
    assert [(one.price, one.size) for one in detail.book.asks] == [(53.0, 300.0), (54.0, 500.0)]
    assert detail.book.seen_at == bench.clock.now().timestamp()
    assert detail.features is not None
    assert list(detail.features) == list(FEATURE_NAMES)
    assert detail.reason is None


async def test_a_deep_book_is_cut():
    bench = Watching()
    deep = [(f"0.{50 - n}", 10) for n in range(LEVELS + 5)]
    bench.exchange.shown["A"] = OrderBook(ladder(*deep), ladder(("0.60", 10)))

    await bench.run(0.8)

    book = bench.panel.of("A").book
    assert book is not None
    assert len(book.bids) == LEVELS


async def test_without_a_sound_book_an_older_one_is_not_shown():
    bench = Watching()

    await bench.run(0.8)
    bench.exchange.fails = "GET /markets/orderbooks: 503"
    await bench.run(0.8)

    detail = bench.panel.of("A")
    assert (detail.book, detail.features) == (None, None)
    assert detail.reason == "no sound book of it came in the last cycle"
    assert [one.mid for one in detail.path] == [52.5]


async def test_a_path_has_a_point_now_and_then_and_forgets_what_is_old():
    bench = Watching()
    for best in ("0.40", "0.42"):
        bench.bids(best)
        await bench.run(0.5)
    bench.clock.pass_by(-10 + SPACING / 2)
    bench.bids("0.44")
    await bench.run(0.5)
    bench.clock.pass_by(PATH - 15)
    bench.bids("0.46")
    await bench.run(0.5)

    path = bench.panel.of("A").path

    # The one at 44 c came too soon after that at 42 c, the one at 40 c is too old.
    assert [one.mid for one in path] == [51.0, 53.0]
    assert path[1].at - path[0].at <= PATH


async def test_a_market_that_is_watched_no_more_leaves_nothing():
    bench = Watching("A", "B")
    await bench.run(0.5)

    del bench.exchange.markets["B"]
    await bench.run(0.5)

    assert bench.panel.of("B").path == ()
    assert list(bench.panel._paths) == ["A"]


async def test_who_stands_by_has_the_path_of_what_the_leader_shows_and_no_book():
    leader = Shown("A", "B")
    await leader.run(0.5)
    state = decoded(leader.snapshot_holder.snapshot.body)
    stale = [view for view in state.markets if view.ticker == "A"]
    assert not stale[0].stale

    standby = MarketPanel()
    standby.apply(state, NOON)
    standby.apply(state, NOON + timedelta(seconds=60))

    detail = standby.of("A")
    assert detail.book is None
    assert detail.reason == "books are with the process that trades, and this one stands by"
    assert [one.mid for one in detail.path] == [52.5, 52.5]
