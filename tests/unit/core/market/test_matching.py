from decimal import Decimal

from hypothesis import given

from bot.core.market.market import Side
from bot.core.market.matching import taken, walk, without
from bot.core.market.money import ONE
from bot.core.market.orderbook import OrderBook
from tests.support.strategies import books, ladder, prices, sides, sizes

BOOK = OrderBook(
    bids=ladder(("0.48", 10), ("0.47", 20)), asks=ladder(("0.50", 10), ("0.51", 30), ("0.60", 5))
)


def test_a_buy_takes_the_cheapest_asks_first_and_stops_at_its_limit():
    assert walk(BOOK, Side.BUY, Decimal(100), Decimal("0.51")) == ladder(("0.50", 10), ("0.51", 30))


def test_the_last_level_is_taken_in_part():
    assert walk(BOOK, Side.SELL, Decimal(15), Decimal("0.01")) == ladder(("0.48", 10), ("0.47", 5))


def test_an_empty_side_has_nothing_to_take():
    assert walk(OrderBook((), BOOK.asks), Side.SELL, Decimal(1), Decimal("0.01")) == ()


def test_a_size_of_nothing_takes_nothing():
    assert taken(BOOK.asks, Decimal(0)) == ()


@given(books(), sides, sizes, prices)
def test_never_more_than_asked_never_more_than_shown_never_through_the_limit(
    book, side, size, limit
):
    took = walk(book, side, size, limit)

    shown = dict(book.against(side))
    assert sum(level.size for level in took) <= size
    assert all(0 < level.size <= shown[level.price] for level in took)
    assert all((limit - level.price) * side.sign >= 0 for level in took)


@given(books(), sides, sizes, prices)
def test_what_is_wanted_and_within_the_limit_is_taken(book, side, size, limit):
    took = sum(level.size for level in walk(book, side, size, limit))

    within = [lv.size for lv in book.against(side) if (limit - lv.price) * side.sign >= 0]
    assert took == min(size, sum(within))


@given(books(), sides, sizes, prices)
def test_no_better_level_is_passed_over(book, side, size, limit):
    took = walk(book, side, size, limit)

    levels = book.against(side)
    assert [level.price for level in took] == [level.price for level in levels[: len(took)]]
    assert all(a.size == b.size for a, b in zip(took[:-1], levels, strict=False))


@given(books(), sides, sizes, prices)
def test_selling_takes_what_buying_takes_in_the_mirror(book, side, size, limit):
    here = walk(book, side, size, limit)
    there = walk(book.mirror(), side.opposite, size, ONE - limit)

    assert [(ONE - price, count) for price, count in here] == list(there)


@given(books(), sides, sizes, prices)
def test_taking_and_what_is_left_make_the_whole_book(book, side, size, limit):
    took = walk(book, side, size, limit)

    left = without(book, side, took)

    whole = dict(left.against(side))
    for price, count in took:
        whole[price] = whole.get(price, Decimal(0)) + count
    assert whole == dict(book.against(side))
    assert left.against(side.opposite) == book.against(side.opposite)
    assert left == OrderBook(left.bids, left.asks)


@given(books(), sides, sizes, sizes, prices)
def test_two_orders_take_what_one_of_both_sizes_would(book, side, first, second, limit):
    took = walk(book, side, first, limit)
    more = walk(without(book, side, took), side, second, limit)

    both = sum(level.size for level in (*took, *more))
    once = walk(book, side, first + second, limit)
    assert both == sum(level.size for level in once)
    assert sum(p * s for p, s in (*took, *more)) == sum(p * s for p, s in once)
