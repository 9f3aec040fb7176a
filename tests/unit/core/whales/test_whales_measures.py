from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.book_sides import sides
from bot.core.whales.detector import measures


def _side(first: int, step: int, sizes: list[int]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(first + i * step) / 100, Decimal(s)) for i, s in enumerate(sizes))


def _books(bids: list[int], asks: list[int]) -> Books:
    book = OrderBook(_side(45, -1, bids), _side(47, 1, asks))
    return Books.of([("T", 0.0, book)])


def test_the_ratio_counts_the_best_five_levels_of_each_side() -> None:
    shown = measures(_books([10, 20, 30, 40, 50, 9_999], [30, 20]))

    assert shown.bid_ratio[0] == pytest.approx(150 / 200)
    assert shown.imbalance_strength[0] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("bids", "asks", "ratio", "strength"),
    [([], [], 0.5, 0.0), ([7], [], 1.0, 0.5), ([], [7], 0.0, 0.5), ([7], [7], 0.5, 0.0)],
)
def test_empty_and_one_sided_books_have_finite_measures(
    bids: list[int], asks: list[int], ratio: float, strength: float
) -> None:
    shown = measures(_books(bids, asks))

    assert (shown.bid_ratio[0], shown.imbalance_strength[0]) == (ratio, strength)
    assert (shown.max_bid_size[0], shown.max_ask_size[0]) == (sum(bids), sum(asks))


def test_only_levels_within_ten_cents_of_their_own_best_price_are_near() -> None:
    bids = [5, *[1] * 9, 80, 700]
    shown = measures(_books(bids, [4, 3]))

    assert (shown.max_bid_size[0], shown.bid_depth[0]) == (80.0, 94.0)
    assert (shown.max_ask_size[0], shown.ask_depth[0]) == (4.0, 7.0)


def test_no_books_have_no_measures() -> None:
    assert measures(Books.of([])).bid_ratio.shape == (0,)


def test_what_lies_below_a_full_side_is_not_known() -> None:
    full, short = sides(_books([1, 2, 3], [1])), sides(_books([1], [1, 2]))

    assert full.floor[0].tolist() == [0.43, -np.inf]
    assert short.floor[0, 0] == -np.inf
    assert sides(_books([], [1])).floor[0, 0] == np.inf
    assert full.at.tolist() == [0.0]


def test_the_measures_of_some_books_are_those_of_these_books() -> None:
    few, many = OrderBook(_side(45, -1, [1]), ()), OrderBook(_side(45, -1, [2, 3]), ())
    books = Books.of([("A", 0.0, few), ("B", 0.0, many)])

    picked = measures(books).take(slice(1, 2))

    assert (picked.max_bid_size.tolist(), picked.bid_depth.tolist()) == ([3.0], [5.0])
    assert (picked.bid_ratio.tolist(), picked.imbalance_strength.tolist()) == ([1.0], [0.5])
    assert picked.max_ask_size.tolist() == picked.ask_depth.tolist() == [0.0]


@given(st.lists(st.integers(1, 10_000), max_size=12), st.lists(st.integers(1, 10_000), max_size=12))
def test_measures_are_finite_bounded_and_turn_with_the_book(
    bids: list[int], asks: list[int]
) -> None:
    books = _books(bids, asks)

    here, there = measures(books), measures(books.mirror())

    assert 0 <= here.bid_ratio[0] <= 1
    assert 0 <= here.imbalance_strength[0] <= 0.5
    assert here.bid_ratio[0] + there.bid_ratio[0] == pytest.approx(1)
    assert here.max_bid_size[0] == there.max_ask_size[0]
    assert here.bid_depth[0] == pytest.approx(there.ask_depth[0])
    assert 0 <= here.max_bid_size[0] <= here.bid_depth[0]
