import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.core.market.orderbook import (
    MAX_LEVELS,
    Books,
    Ladder,
    Level,
    OrderBook,
    columns,
    complement,
)
from tests.support.strategies import books, ladder, prices, two_sided_books

BOOK = OrderBook(bids=ladder(("0.48", 10), ("0.47", 20)), asks=ladder(("0.50", 5)))
EMPTY = OrderBook((), ())
many_books = st.lists(books(), min_size=1, max_size=4)


def _ladder(*rows) -> Ladder:
    """Bids of some books from lists of (price, size), padded with absent levels."""
    width = max(len(row) for row in rows)
    padded = [[*row, *[(np.nan, 0.0)] * (width - len(row))] for row in rows]
    matrix = np.array(padded, dtype=np.float64).reshape(len(rows), width, 2)
    return Ladder(matrix[:, :, 0], matrix[:, :, 1])


def _columns(yes, no) -> tuple[Books, dict[str, str]]:
    tickers = tuple(f"M{row}" for row in range(len(yes.price)))
    return columns(tickers, np.zeros(len(tickers)), yes, no)


def _as_wire(rows, rng) -> tuple[Ladder, Ladder]:
    """Books as the exchange sends them: bids of YES and of NO, in no particular order."""
    yes = [[(float(p), float(s)) for p, s in book.bids] for book in rows]
    no = [[(float(1 - p), float(s)) for p, s in book.asks] for book in rows]
    for row in (*yes, *no):
        rng.shuffle(row)
    return _ladder(*yes), _ladder(*no)


def test_the_best_prices_come_first():
    assert (BOOK.best_bid, BOOK.best_ask, BOOK.mid) == (
        Decimal("0.48"),
        Decimal("0.50"),
        Decimal("0.49"),
    )


def test_an_empty_side_has_no_price_and_no_mid():
    assert (EMPTY.best_bid, EMPTY.best_ask, EMPTY.mid) == (None, None, None)
    assert OrderBook(BOOK.bids, ()).mid is None
    assert OrderBook((), BOOK.asks).mid is None


def test_a_buy_trades_against_asks_and_a_sell_against_bids():
    assert BOOK.against(Side.BUY) == BOOK.asks
    assert BOOK.against(Side.SELL) == BOOK.bids


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        (ladder(("0", 1)), (), r"price 0 outside \(0, 1\)"),
        ((), ladder(("1", 1)), r"price 1 outside \(0, 1\)"),
        (ladder(("NaN", 1)), (), r"price NaN outside"),
        (ladder(("0.5", 0)), (), r"size 0 at 0.5 is not a number above 0"),
        (ladder(("0.5", "-1")), (), r"size -1 at 0.5"),
        (ladder(("0.5", "NaN")), (), r"size NaN at 0.5"),
        (ladder(("0.5", "Infinity")), (), r"size Infinity at 0.5"),
        (ladder(("0.4", 1), ("0.5", 1)), (), "bids are not falling"),
        (ladder(("0.4", 1), ("0.4", 1)), (), "bids are not falling"),
        ((), ladder(("0.5", 1), ("0.4", 1)), "asks are not rising"),
        ((), ladder(("0.5", 1), ("0.5", 1)), "asks are not rising"),
        (ladder(("0.5", 1)), ladder(("0.5", 1)), "crossed: bid 0.5, ask 0.5"),
        (ladder(("0.6", 1)), ladder(("0.5", 1)), "crossed: bid 0.6, ask 0.5"),
    ],
)
def test_a_broken_book_is_refused_with_its_fault(bids, asks, fault):
    with pytest.raises(ValueError, match=fault):
        OrderBook(bids, asks)


@given(books())
def test_mirroring_a_book_twice_is_the_identity(book):
    assert book.mirror().mirror() == book


@given(two_sided_books())
def test_the_mirror_shows_the_complement_of_the_mid(book):
    mirrored = book.mirror()

    assert mirrored.mid == 1 - book.mid
    assert mirrored.best_bid == 1 - book.best_ask


@given(many_books)
def test_books_come_back_from_columns_exactly(rows):
    many = Books.of([(f"M{row}", float(row), book) for row, book in enumerate(rows)])

    assert len(many) == len(rows)
    assert [many.book(row) for row in range(len(rows))] == rows
    assert list(many.seen_at) == list(range(len(rows)))


@given(many_books)
def test_the_columns_measure_what_the_books_say(rows):
    many = Books.of([("M", 0.0, book) for book in rows])

    for row, book in enumerate(rows):
        for measured, exact in (
            (many.best_bid[row], book.best_bid),
            (many.best_ask[row], book.best_ask),
            (many.mid[row], book.mid),
        ):
            expected = np.nan if exact is None else float(exact)
            np.testing.assert_allclose(measured, expected, rtol=1e-12)


@given(many_books)
def test_mirrored_columns_are_the_columns_of_mirrored_books(rows):
    many = Books.of([("M", 0.0, book) for book in rows]).mirror()

    assert [many.book(row) for row in range(len(rows))] == [book.mirror() for book in rows]


@given(many_books, st.randoms(use_true_random=False))
def test_the_order_in_which_levels_arrive_is_irrelevant(rows, rng):
    many, refused = _columns(*_as_wire(rows, rng))

    assert not refused
    assert [many.book(row) for row in range(len(rows))] == rows


@given(many_books)
def test_both_sides_have_the_same_number_of_columns_and_at_least_one(rows):
    yes = [[(float(p), float(s)) for p, s in book.bids] for book in rows]
    no = [[(float(1 - p), float(s)) for p, s in book.asks] for book in rows]

    many, _ = _columns(_ladder(*yes), _ladder(*no))

    assert many.bid_price.shape == many.ask_price.shape == many.ask_size.shape
    assert many.bid_price.shape[1] >= 1


def test_a_level_without_size_is_no_level():
    many, refused = _columns(_ladder([(0.3, 0.0), (0.2, 5.0)]), _ladder([(0.5, 0.0)]))

    assert not refused
    assert many.book(0) == OrderBook(ladder(("0.2", 5)), ())


@pytest.mark.parametrize(
    ("yes", "no", "fault"),
    [
        ([(0.0, 1.0)], [], "a price is not inside (0, 1)"),
        ([(1.0, 1.0)], [], "a price is not inside (0, 1)"),
        ([], [(-0.1, 1.0)], "a price is not inside (0, 1)"),
        ([(np.inf, 0.0)], [], "a price is not inside (0, 1)"),
        ([], [(1e-9, 1.0)], "a price is not inside (0, 1)"),
        ([(0.5, -1.0)], [], "a size is negative or not finite"),
        ([(0.5, np.inf)], [], "a size is negative or not finite"),
        ([], [(0.5, np.nan)], "a size is negative or not finite"),
        ([(0.5, 1.0), (0.4, 2.0), (0.5, 3.0)], [], "a price stands twice on one side"),
        ([], [(0.5, 1.0), (0.5, 3.0)], "a price stands twice on one side"),
        ([(0.5, 1.0)], [(0.5, 1.0)], "the book is crossed"),
        ([(0.63, 1.0)], [(0.4, 1.0)], "the book is crossed"),
    ],
)
def test_a_broken_book_is_left_out_and_named_and_the_others_stay(yes, no, fault):
    sound = [(0.3, 7.0)]

    many, refused = _columns(_ladder(sound, yes, []), _ladder([], no, sound))

    assert refused == {"M1": fault}
    assert many.tickers == ("M0", "M2")
    assert many.book(0) == OrderBook(ladder(("0.3", 7)), ())
    assert many.book(1) == OrderBook((), ladder(("0.7", 7)))


def test_levels_far_from_the_best_are_cut():
    deep = [(units / 1000, 1.0) for units in range(1, MAX_LEVELS + 10)]

    many, _ = _columns(_ladder(deep), _ladder([]))
    exact = Books.of([("M", 0.0, OrderBook(many.book(0).bids, ()))])

    assert many.bid_price.shape == many.ask_price.shape == (1, MAX_LEVELS)
    assert many.best_bid[0] == (MAX_LEVELS + 9) / 1000
    assert exact.book(0) == many.book(0)


def test_no_books_at_all_are_fine():
    none, refused = _columns(Ladder(np.empty((0, 0)), np.empty((0, 0))), _empty_ladder())

    assert (len(none), refused) == (0, {})
    assert len(Books.of([])) == 0


def _empty_ladder() -> Ladder:
    return Ladder(np.empty((0, 3)), np.empty((0, 3)))


@given(many_books, st.data())
def test_taking_rows_takes_all_that_belongs_to_them(rows, data):
    many = Books.of([(f"M{row}", float(row), book) for row, book in enumerate(rows)])
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1)))

    some = many.take(np.array(picked, dtype=np.intp))

    assert some.tickers == tuple(f"M{row}" for row in picked)
    assert list(some.seen_at) == picked
    assert [some.book(row) for row in range(len(picked))] == [rows[row] for row in picked]


def test_a_slice_takes_rows_too():
    many = Books.of([(name, 0.0, book) for name, book in (("A", BOOK), ("B", EMPTY), ("C", BOOK))])

    some = many.take(slice(1, 3))

    assert some.tickers == ("B", "C")
    assert (some.book(0), some.book(1)) == (EMPTY, BOOK)


@given(books())
def test_levels_of_a_row_are_those_of_its_book(book):
    many = Books.of([("M", 0.0, book)])

    for side in Side:
        assert tuple(many.against(0, side)) == book.against(side)


@given(prices)
def test_the_complement_is_the_float_of_the_exact_one(price):
    assert complement(np.array([float(price)]))[0] == float(1 - price)


def test_a_level_is_a_price_and_a_size():
    assert Level(Decimal("0.5"), Decimal(3)) == (Decimal("0.5"), Decimal(3))


odd_prices = st.sampled_from([0.0, 0.25, 0.3, 0.31, 0.5, 0.55, 0.999999, 1.0, -0.1])
odd_sizes = st.sampled_from([0.0, 0.01, 5.0, 12.5, -1.0, float("nan"), float("inf")])
odd_levels = st.lists(st.tuples(odd_prices | st.just(float("nan")), odd_sizes), max_size=4)


def _row(levels):
    price, size = np.full((1, 4), np.nan), np.zeros((1, 4))
    for place, (p, s) in enumerate(levels):
        price[0, place], size[0, place] = p, s
    return price, size


def _sound(levels, *, is_falling):
    kept = {price: abs(size) or 1.0 for price, size in levels if 0 < price < 1}
    return [(p, s if s < 1e6 else 1.0) for p, s in sorted(kept.items(), reverse=is_falling)]


@given(odd_levels, odd_levels, st.booleans())
def test_a_row_is_the_book_that_the_checks_make_of_its_levels_or_is_refused(bids, asks, is_sound):
    if is_sound:
        bids, asks = _sound(bids, is_falling=True), _sound(asks, is_falling=False)
    row = Books(("T",), np.array([0.0]), *_row(bids), *_row(asks))
    try:
        expected = OrderBook(*(tuple(row.against(0, side)) for side in (Side.SELL, Side.BUY)))
    except ValueError as refusal:
        with pytest.raises(ValueError, match=re.escape(str(refusal))):
            row.book(0)
        return

    assert row.book(0) == expected
