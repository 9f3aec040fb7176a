"""Trades between two books are asked for where they decide how a large order ended."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from bot.core.market import Side
from bot.core.orderbook import Books, OrderBook
from bot.ports import ExchangeError
from bot.prints import PAGE, Prints
from tests.strategies import NOON, ladder

BOOK = OrderBook(bids=ladder(("0.42", 10)), asks=ladder(("0.44", 10)))


@dataclass(frozen=True)
class Sale:
    at: datetime = NOON
    taker: Side = Side.SELL
    price: Decimal = Decimal("0.42")
    count: Decimal = Decimal(100)
    is_block: bool = False


@dataclass
class Source:
    sales: dict[str, list[Sale]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: bool = False

    async def trades(self, ticker, limit):
        self.asked.append(ticker)
        if self.fails:
            raise ExchangeError("GET /markets/trades: down")
        return self.sales.get(ticker, [])[:limit]


def books(*tickers):
    return Books.of([(ticker, NOON.timestamp(), BOOK) for ticker in tickers])


async def since(source, *tickers, followed=("A",), seconds=60.0, most=10):
    before = NOON.timestamp() - seconds
    prints = Prints(source, lambda known: [(t, before) for t in known if t in followed], most)
    return await prints.since(books(*tickers))


async def test_only_markets_with_a_followed_order_are_asked_about():
    source = Source({"A": [Sale()]})

    traded = await since(source, "A", "B")

    assert source.asked == ["A"]
    assert traded.volume[0].tolist() == [100.0, 0.0]
    assert np.isnan(traded.volume[1]).all()


async def test_trades_meet_the_side_they_took_from_at_its_owners_price():
    sales = [Sale(), Sale(price=Decimal("0.41")), Sale(taker=Side.BUY, price=Decimal("0.44"))]

    traded = await since(Source({"A": sales}), "A")

    assert traded.volume.tolist() == [[200.0, 100.0]]
    assert traded.reach.tolist() == [[0.41, 0.56]]


@pytest.mark.parametrize(
    "sale",
    [
        Sale(is_block=True),
        Sale(at=NOON + timedelta(seconds=1)),
        Sale(at=NOON - timedelta(seconds=60)),
    ],
)
async def test_what_was_agreed_elsewhere_or_at_another_time_met_nobody(sale):
    traded = await since(Source({"A": [sale]}), "A")

    assert traded.volume.tolist() == [[0.0, 0.0]]
    assert np.isinf(traded.reach).all()


async def test_a_failed_answer_and_one_that_does_not_reach_back_leave_trades_unknown():
    failed = await since(Source(fails=True), "A")
    short = await since(Source({"A": [Sale()] * PAGE}), "A")
    enough = await since(
        Source({"A": [*[Sale()] * (PAGE - 1), replace(Sale(), at=NOON - timedelta(hours=1))]}), "A"
    )

    assert np.isnan(failed.volume).all()
    assert np.isnan(short.volume).all()
    assert enough.volume[0, 0] == 100.0 * (PAGE - 1)


async def test_where_too_many_are_followed_they_have_their_turn():
    source, tickers = Source(), ("A", "B", "C")
    prints = Prints(source, lambda known: [(t, 0.0) for t in known], most=2)

    for _ in range(3):
        await prints.since(books(*tickers))

    assert source.asked == ["A", "B", "C", "A", "B", "C"]
