"""What traded between two books: known as far as the exchange's lists reach back, never guessed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from bot.core.market.market import Side
from bot.core.market.orderbook import Books, OrderBook
from bot.market_data.trade_feed import PAGE, PAGES, Coverage, TradeFeed
from bot.ports.exchange import ExchangeError
from tests.support.strategies import NOON, ladder

BOOK = OrderBook(bids=ladder(("0.42", 10)), asks=ladder(("0.44", 10)))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Sale:
    ticker: str = "A"
    at: datetime = NOON
    taker: Side = Side.SELL
    price: Decimal = Decimal("0.42")
    count: Decimal = Decimal(100)
    is_block: bool = False


@dataclass
class Source:
    """Trades newest first; the list of all of them ends after `most`."""

    sales: list[Sale] = field(default_factory=list)
    most: int = 1_000
    fails: bool = False
    fails_apart: bool = False
    asked: list[str] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    doubtful: frozenset[str] = frozenset()

    async def trades(self, ticker, limit):
        self.asked.append(ticker)
        if self.fails_apart:
            raise ExchangeError("GET /markets/trades: down")
        return [sale for sale in self.sales if sale.ticker == ticker][:limit]

    async def recent_trades(self, since, pages):
        assert pages == PAGES
        self.since.append(since)
        if self.fails:
            raise ExchangeError("GET /markets/trades: down")
        found = [sale for sale in self.sales if sale.at >= since]
        return found[: self.most], len(found) <= self.most, self.doubtful


def nobody(_tickers):
    return []


def books(*tickers, at=NOON):
    return Books.of([(ticker, at.timestamp(), BOOK) for ticker in tickers])


async def second_look(trade_feed, *tickers):
    """What traded in the minute before noon."""
    await trade_feed.since(books(*tickers, at=NOON - MINUTE))
    return await trade_feed.since(books(*tickers))


async def test_before_the_first_look_nothing_is_known_and_nothing_asked():
    source = Source([Sale()])
    trade_feed = TradeFeed(source, nobody)

    traded = await trade_feed.since(books("A"))

    assert np.isnan(traded.volume).all()
    assert not source.since
    assert (trade_feed.coverage.markets, trade_feed.coverage.known) == (1, 0)


async def test_one_list_tells_the_trades_of_every_watched_market():
    source = Source([Sale(), Sale("B", taker=Side.BUY, price=Decimal("0.44")), Sale("ELSEWHERE")])
    trade_feed = TradeFeed(source, nobody)

    traded = await second_look(trade_feed, "A", "B", "C")

    assert traded.volume.tolist() == [[100.0, 0.0], [0.0, 100.0], [0.0, 0.0]]
    assert source.since == [NOON - MINUTE]
    assert not source.asked
    assert trade_feed.coverage == Coverage(3, 3, None)


async def test_trades_meet_the_side_they_took_from_at_its_owners_price():
    sales = [Sale(), Sale(price=Decimal("0.41")), Sale(taker=Side.BUY, price=Decimal("0.44"))]

    traded = await second_look(TradeFeed(Source(sales), nobody), "A")

    assert traded.volume.tolist() == [[200.0, 100.0]]
    assert traded.reach.tolist() == [[0.41, 0.56]]
    assert sorted(traded.bursts.size.tolist()) == [100.0, 200.0]


@pytest.mark.parametrize(
    "sale", [Sale(is_block=True), Sale(at=NOON + timedelta(seconds=1)), Sale(at=NOON - MINUTE)]
)
async def test_what_was_agreed_elsewhere_or_at_another_time_met_nobody(sale):
    traded = await second_look(TradeFeed(Source([sale]), nobody), "A")

    assert traded.volume.tolist() == [[0.0, 0.0]]
    assert np.isinf(traded.reach).all()
    assert not len(traded.bursts)


@pytest.mark.parametrize("source", [Source(fails=True), Source([Sale()] * 3, most=2)])
async def test_where_the_list_failed_or_does_not_reach_back_trades_are_unknown(source, caplog):
    trade_feed = TradeFeed(source, nobody)

    traded = await second_look(trade_feed, "A")

    assert np.isnan(traded.volume).all()
    assert not len(traded.bursts)
    assert trade_feed.coverage.known == 0
    assert "Trades of 1 of 1 markets are unknown" in caplog.text


async def test_a_list_that_is_cut_off_still_tells_the_trades_of_markets_seen_since():
    sales = [Sale(at=NOON - timedelta(seconds=s)) for s in (1, 20, 50)]
    trade_feed = TradeFeed(Source(sales, most=2), nobody)
    await trade_feed.since(books("A", at=NOON - MINUTE))
    await trade_feed.since(books("B", at=NOON - timedelta(seconds=20)))

    traded = await trade_feed.since(books("A", "B"))

    assert np.isnan(traded.volume[0]).all()
    assert traded.volume[1].tolist() == [0.0, 0.0]


async def test_a_market_that_one_answer_missed_is_asked_about_since_its_own_last_book():
    trade_feed = TradeFeed(Source([Sale(at=NOON - timedelta(seconds=90))]), nobody)
    await trade_feed.since(books("A", "B", at=NOON - 2 * MINUTE))
    await trade_feed.since(books("B", at=NOON - MINUTE))

    traded = await trade_feed.since(books("A", "B"))

    assert traded.volume[:, 0].tolist() == [100.0, 0.0]


async def test_a_market_not_looked_at_for_an_hour_is_a_new_one():
    source = Source()
    trade_feed = TradeFeed(source, nobody)
    await trade_feed.since(books("A", at=NOON - 61 * MINUTE))
    await trade_feed.since(books("B", at=NOON - MINUTE))

    traded = await trade_feed.since(books("A", "B"))

    assert np.isnan(traded.volume[:, 0]).tolist() == [True, False]


async def test_what_the_list_does_not_tell_of_followed_markets_is_asked_one_by_one():
    source = Source([Sale(at=NOON - timedelta(seconds=s)) for s in range(3)], most=2)
    trade_feed = TradeFeed(source, lambda _: [("A", (NOON - MINUTE).timestamp())])

    traded = await second_look(trade_feed, "A", "B")

    assert set(source.asked) == {"A"}
    assert traded.volume[0].tolist() == [300.0, 0.0]
    assert np.isnan(traded.volume[1]).all()


async def test_a_followed_market_of_an_earlier_life_is_asked_since_its_own_last_book():
    source = Source([Sale(at=NOON - 2 * MINUTE)])
    trade_feed = TradeFeed(source, lambda _: [("A", (NOON - 3 * MINUTE).timestamp())])

    traded = await trade_feed.since(books("A"))

    assert source.since == [NOON - 3 * MINUTE]
    assert traded.volume.tolist() == [[100.0, 0.0]]


async def test_an_answer_of_one_market_that_failed_or_falls_short_leaves_its_trades_unknown():
    last = (NOON - MINUTE).timestamp()

    async def alone(**changes):
        source = Source([Sale()] * PAGE, most=0, **changes)
        return await second_look(TradeFeed(source, lambda _: [("A", last)]), "A")

    enough = Source([*[Sale()] * (PAGE - 1), Sale(at=NOON - 60 * MINUTE)], most=0)
    whole = await second_look(TradeFeed(enough, lambda _: [("A", last)]), "A")

    assert np.isnan((await alone(fails_apart=True)).volume).all()
    assert np.isnan((await alone()).volume).all()
    assert whole.volume[0, 0] == 100.0 * (PAGE - 1)


async def test_a_followed_market_whose_last_book_is_not_known_is_not_asked_about():
    source = Source(fails=True)
    trade_feed = TradeFeed(source, lambda _: [("A", float("nan"))])

    assert np.isnan((await trade_feed.since(books("A"))).volume).all()
    assert not source.asked


async def test_where_too_many_are_followed_they_have_their_turn():
    source, tickers = Source(fails=True), ("A", "B", "C")
    trade_feed = TradeFeed(source, lambda known: [(t, 0.0) for t in known], most=2)

    for _ in range(3):
        await trade_feed.since(books(*tickers))

    assert source.asked == ["A", "B", "C", "A", "B", "C"]


async def test_why_trades_are_unknown_is_said_once_while_it_lasts(caplog):
    source = Source(fails=True)
    trade_feed = TradeFeed(source, nobody)
    for minute in range(3):
        await trade_feed.since(books("A", at=NOON + minute * MINUTE))
    source.fails = False
    await trade_feed.since(books("A", at=NOON + 3 * MINUTE))
    source.fails = True
    await trade_feed.since(books("A", at=NOON + 4 * MINUTE))

    assert caplog.text.count("GET /markets/trades: down") == 2
    assert trade_feed.coverage == Coverage(1, 0, "GET /markets/trades: down")


async def test_a_trade_that_cannot_be_read_costs_its_own_market_alone():
    trade_feed = TradeFeed(Source([Sale(ticker="B")], doubtful=frozenset({"A", "Z"})), nobody)

    traded = await second_look(trade_feed, "A", "B", "C")

    assert np.isnan(traded.volume).any(axis=1).tolist() == [True, False, False]
    assert trade_feed.coverage == Coverage(3, 2, "some trades of A, Z are not known")


async def test_a_trade_of_an_unwatched_market_that_cannot_be_read_costs_nothing():
    trade_feed = TradeFeed(Source([Sale()], doubtful=frozenset({"Z"})), nobody)

    assert not np.isnan((await second_look(trade_feed, "A", "B")).volume).any()
    assert trade_feed.coverage == Coverage(2, 2, None)


class Streamed(Source):
    """A source that is told of trades, of all but some markets."""

    unknown: frozenset[str] = frozenset()

    def streamed_trades(self, since):
        return [sale for sale in self.sales if sale.at >= since], self.unknown


SECOND = timedelta(seconds=1)


async def test_between_two_cycles_streamed_trades_are_reported_once_and_nothing_is_asked():
    source = Streamed([Sale(at=NOON + SECOND), Sale(at=NOON - SECOND)])
    trade_feed = TradeFeed(source, nobody)
    await trade_feed.since(books("A", "B", at=NOON))
    asked = len(source.since)

    first, traded = trade_feed.streamed(books("A", "B", at=NOON + 2 * SECOND), source)
    _, again = trade_feed.streamed(books("A", "B", at=NOON + 3 * SECOND), source)
    whole = await trade_feed.since(books("A", "B", at=NOON + 4 * SECOND))

    assert first.tickers == ("A", "B")
    assert traded.volume.tolist() == [[100.0, 0.0], [0.0, 0.0]]
    assert (again.volume.sum(), whole.volume.sum()) == (0.0, 0.0)
    assert len(source.since) == asked + 1


async def test_a_market_whose_trades_are_not_all_known_waits_for_the_cycle():
    source = Streamed([Sale(at=NOON + SECOND), Sale("B", at=NOON + SECOND)])
    source.unknown = frozenset({"A"})
    trade_feed = TradeFeed(source, nobody)
    await trade_feed.since(books("A", "B", at=NOON))

    found, _ = trade_feed.streamed(books("A", "B", "C", at=NOON + 2 * SECOND), source)
    traded = await trade_feed.since(books("A", "B", at=NOON + 4 * SECOND))

    assert found.tickers == ("B",)
    assert traded.volume[:, 0].tolist() == [100.0, 0.0]


async def test_the_trades_of_a_whole_cycle_are_known_though_some_were_scanned_between():
    source = Streamed([Sale(at=NOON + 3 * SECOND), Sale(at=NOON + SECOND)])
    trade_feed = TradeFeed(source, nobody)
    await trade_feed.since(books("A", at=NOON))
    trade_feed.streamed(books("A", at=NOON + 2 * SECOND), source)
    end = NOON + 4 * SECOND

    traded = await trade_feed.since(books("A", at=end))
    found = trade_feed.between("A", NOON.timestamp(), end.timestamp())

    assert traded.volume.tolist() == [[100.0, 0.0]]
    assert found is not None
    assert len(found) == 2
