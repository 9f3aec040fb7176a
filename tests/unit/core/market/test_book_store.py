from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.book_store import (
    BELOW_ZERO,
    CROSSED,
    MOST_LEVELS,
    NO_SNAPSHOT,
    OUTSIDE,
    PRICE_UNITS,
    SIZE_UNITS,
    TOO_DEEP,
    BookStore,
)
from bot.core.market.market import Side
from bot.core.market.orderbook import MAX_LEVELS, Level, OrderBook

TICKERS = ("A", "B", "C")
CENT = PRICE_UNITS // 100

changes = st.tuples(
    st.sampled_from(TICKERS),
    st.sampled_from(Side),
    st.integers(1, 12).map(lambda price: price * CENT),
    st.integers(-300, 300),
)
replacements = st.tuples(
    st.sampled_from(TICKERS),
    st.dictionaries(st.integers(1, 6).map(lambda p: p * CENT), st.integers(0, 500)),
    st.dictionaries(st.integers(7, 12).map(lambda p: p * CENT), st.integers(0, 500)),
)


def _level(price: int, size: int) -> Level:
    return Level(Decimal(price) / PRICE_UNITS, Decimal(size) / SIZE_UNITS)


class NaiveBook:
    """A book as one would write it down on paper: two tables, checked whole after each change."""

    def __init__(self) -> None:
        self.is_whole = False
        self.sides: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def replace(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.is_whole = True
        self.sides = {Side.BUY: dict(bids), Side.SELL: dict(asks)}

    def change(self, side: Side, price: int, by: int) -> None:
        level = self.sides[side].get(price, 0) + by
        self.sides[side][price] = level
        self.is_whole &= level >= 0

    def exact(self) -> OrderBook | None:
        """None for a book that cannot be read."""
        bids = sorted((p for p, s in self.sides[Side.BUY].items() if s > 0), reverse=True)
        asks = sorted(p for p, s in self.sides[Side.SELL].items() if s > 0)
        if not self.is_whole or (bids and asks and bids[0] >= asks[0]):
            return None
        return OrderBook(
            tuple(_level(price, self.sides[Side.BUY][price]) for price in bids),
            tuple(_level(price, self.sides[Side.SELL][price]) for price in asks),
        )


def _read(store: BookStore, *tickers: str):
    return store.read(tickers, np.zeros(len(tickers)))


def _whole(bids=None, asks=None) -> BookStore:
    store = BookStore(1)
    bids = {40 * CENT: 1_000} if bids is None else bids
    asks = {45 * CENT: 500} if asks is None else asks
    assert store.replace("A", bids, asks) is None
    return store


@given(st.lists(changes | replacements, max_size=60), st.sets(st.integers(0, 60)))
def test_any_changes_give_the_books_of_a_naive_model(steps, looks):
    store, naive = BookStore(1), {ticker: NaiveBook() for ticker in TICKERS}
    for number, (ticker, *step) in enumerate(steps):
        if len(step) == 2:
            store.replace(ticker, *step)
            naive[ticker].replace(*step)
        else:
            store.change(ticker, *step)
            naive[ticker].change(*step)
        if number in looks or number == len(steps) - 1:
            sound = [one for one in TICKERS if naive[one].exact() is not None]
            books = _read(store, *sound)
            assert [books.book(row) for row in range(len(sound))] == [
                naive[one].exact() for one in sound
            ]
            assert [store.fault(one) is None for one in TICKERS] == [
                one in sound for one in TICKERS
            ]


def test_a_change_comes_on_top_of_the_whole_book():
    store = _whole()

    store.change("A", Side.BUY, 40 * CENT, -250)
    store.change("A", Side.SELL, 44 * CENT, 75)

    book = _read(store, "A").book(0)
    assert book.bids == (Level(Decimal("0.4"), Decimal("7.5")),)
    assert book.asks == (
        Level(Decimal("0.44"), Decimal("0.75")),
        Level(Decimal("0.45"), Decimal("5")),
    )


def test_without_a_whole_book_changes_make_none():
    store = BookStore()

    store.change("A", Side.BUY, 40 * CENT, 100)

    assert store.fault("A") == NO_SNAPSHOT
    with pytest.raises(ValueError, match="A: no snapshot"):
        _read(store, "A")


@pytest.mark.parametrize(
    ("price", "by", "fault"),
    [(40 * CENT, -1_001, BELOW_ZERO), (PRICE_UNITS, 100, OUTSIDE), (0, 100, OUTSIDE)],
)
def test_an_impossible_change_spoils_the_book_until_a_whole_one_comes(price, by, fault):
    store = _whole()

    assert store.change("A", Side.BUY, price, by) == fault
    store.change("A", Side.BUY, 40 * CENT, 5_000)
    assert store.fault("A") == fault

    store.replace("A", {30 * CENT: 100}, {})
    assert _read(store, "A").book(0).best_bid == Decimal("0.3")


def test_a_book_that_changes_make_deeper_than_any_is_spoilt():
    store = _whole()

    faults = [store.change("A", Side.BUY, price, 100) for price in range(1, MOST_LEVELS + 9)]

    assert TOO_DEEP in faults
    assert store.fault("A") == TOO_DEEP


def test_a_crossed_book_cannot_be_read_until_it_uncrosses():
    store = _whole()

    assert store.change("A", Side.BUY, 45 * CENT, 300) == CROSSED
    with pytest.raises(ValueError, match="crossed"):
        _read(store, "A")
    assert store.change("A", Side.SELL, 45 * CENT, -500) is None

    assert _read(store, "A").book(0).best_bid == Decimal("0.45")


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ({45 * CENT: 1}, {45 * CENT: 1}, CROSSED),
        ({0: 1}, {}, OUTSIDE),
        ({}, {PRICE_UNITS: 1}, OUTSIDE),
        ({CENT: -1}, {}, BELOW_ZERO),
    ],
)
def test_a_broken_snapshot_is_refused(bids, asks, fault):
    store = BookStore()

    assert store.replace("A", bids, asks) == fault
    assert store.fault("A") == fault


def test_levels_deeper_than_the_columns_come_up_when_better_ones_go():
    store = _whole({(1 + n) * 1_000: 100 + n for n in range(MAX_LEVELS + 10)}, {})

    assert _read(store, "A").bid_price.shape == (1, MAX_LEVELS)
    for n in range(10, MAX_LEVELS + 10):
        store.change("A", Side.BUY, (1 + n) * 1_000, -(100 + n))

    assert _read(store, "A").bid_size[0].tolist() == [(100 + n) / 100 for n in range(9, -1, -1)]


def test_a_market_that_was_dropped_leaves_nothing_to_the_next():
    store = _whole()
    _read(store, "A")

    store.drop(["A", "never there"])
    store.replace("B", {}, {})

    assert (len(store), store.fault("A")) == (1, NO_SNAPSHOT)
    assert _read(store, "B").book(0) == OrderBook((), ())


def test_more_markets_than_there_is_room_for_find_room():
    store = BookStore(1)
    for number in range(1, 50):
        store.replace(f"M{number}", {number * CENT: 100}, {})

    tickers = [f"M{number}" for number in range(1, 50)]
    assert _read(store, *tickers).best_bid.tolist() == [n / 100 for n in range(1, 50)]


def test_what_was_read_stays_as_it_was():
    store = _whole()
    before = _read(store, "A")

    store.change("A", Side.BUY, 40 * CENT, 100)
    _read(store, "A")

    assert before.bid_size[0, 0] == 10.0


def test_the_levels_of_a_book_are_all_of_them_in_units():
    store = _whole()

    assert store.levels("A") == ({40 * CENT: 1_000}, {45 * CENT: 500})
    assert store.size("A", Side.SELL, 45 * CENT) == 500
    assert store.size("A", Side.BUY, 45 * CENT) == store.size("B", Side.BUY, CENT) == 0
