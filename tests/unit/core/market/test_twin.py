"""What the same order would have traded on paper, and the gap to what it did trade."""

from decimal import Decimal

import pytest
from hypothesis import given

from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.twin import Pair, TwinFill, grouped, on_paper
from tests.support.strategies import TAKER, ladder, order, scaled, sides, two_sided_books

BOOK = OrderBook(bids=ladder(("0.48", 10)), asks=ladder(("0.50", 10), ("0.52", 30)))


def test_paper_walks_the_book_the_order_was_decided_on():
    found = on_paper(order(Side.BUY, "20", "0.52"), BOOK, TAKER)

    assert (found.size, found.price) == (Decimal(20), Decimal("0.51"))
    assert found.fees > 0


def test_what_nobody_offers_has_no_price():
    assert on_paper(order(Side.BUY, "20", "0.49"), BOOK, TAKER) == TwinFill(ZERO)


@given(two_sided_books(size=scaled(100, 10_000, 2)), sides, scaled(1, 100, 2))
def test_an_order_that_trades_as_on_paper_has_no_gap(book, side, size):
    limit = Decimal("0.99") if side is Side.BUY else Decimal("0.01")
    paper = on_paper(order(side, str(size), str(limit)), book, TAKER)

    found = grouped([Pair(side, size, paper, paper)])

    assert found.live_fill_rate == found.paper_fill_rate
    assert (found.price_gap, found.fee_gap) == ((0.0, 0.0) if paper.size else (None, None))


@pytest.mark.parametrize(
    ("side", "live", "gap"),
    [(Side.BUY, "0.53", 2.0), (Side.BUY, "0.50", -1.0), (Side.SELL, "0.50", 1.0)],
)
def test_a_gap_above_zero_is_what_live_lost(side, live, gap):
    paper = TwinFill(Decimal(10), Decimal("0.51"), Decimal("0.10"))
    real = TwinFill(Decimal(5), Decimal(live), Decimal("0.10"))

    found = grouped([Pair(side, Decimal(10), real, paper)])

    assert found.price_gap == pytest.approx(gap)
    assert found.fee_gap == pytest.approx(1.0)
    assert (found.orders, found.live_fill_rate, found.paper_fill_rate) == (1, 0.5, 1.0)


def test_an_order_that_traded_on_one_alone_moves_the_fill_rate_and_no_gap():
    both = Pair(
        Side.BUY,
        Decimal(10),
        TwinFill(Decimal(10), Decimal("0.50")),
        TwinFill(Decimal(10), Decimal("0.50")),
    )
    one = Pair(Side.BUY, Decimal(10), TwinFill(ZERO), TwinFill(Decimal(10), Decimal("0.10")))

    found = grouped([both, one])

    assert (found.live_fill_rate, found.paper_fill_rate, found.price_gap) == (0.5, 1.0, 0.0)
