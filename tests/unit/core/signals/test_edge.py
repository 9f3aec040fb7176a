from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.signals.expected_value import edge, expected_move, taker_rate
from tests.support.strategies import two_sided_books

FEES = np.array([taker_rate(FeeSchedule(FeeKind.QUADRATIC, Decimal(1)))])


def one(bid: str, ask: str) -> Books:
    size = Decimal(10)
    book = OrderBook((Level(Decimal(bid), size),), (Level(Decimal(ask), size),))
    return Books.of([("T", 0.0, book)])


def test_a_round_trip_at_fifty_cents_costs_spread_and_both_fees() -> None:
    found = edge(one("0.49", "0.51"), np.array([3.0]), FEES)

    assert found.half_spread[0] == pytest.approx(1.0)
    assert found.entry_fee[0] == pytest.approx(7 * 0.51 * 0.49)
    assert found.exit_fee[0] == pytest.approx(7 * 0.49 * 0.51)
    assert found.round_trip[0] == pytest.approx(3 - 2 - 14 * 0.51 * 0.49)
    assert found.entry[0] == pytest.approx(3 - 1 - 7 * 0.51 * 0.49)


@given(two_sided_books(), st.floats(-5, 5))
@settings(max_examples=40)
def test_the_edge_of_a_fall_is_that_of_a_rise_in_the_mirror(book: OrderBook, move: float) -> None:
    books = Books.of([("T", 0.0, book)])

    found = edge(books, np.array([move]), FEES)
    mirror = edge(books.mirror(), np.array([-move]), FEES)

    if move:
        assert found.round_trip == pytest.approx(mirror.round_trip)
        assert found.entry == pytest.approx(mirror.entry)
    assert found.round_trip[0] <= found.entry[0] <= abs(move)


def test_without_a_score_there_is_no_edge() -> None:
    move = expected_move(np.array([np.nan]), np.array([1.0]), 10.0, 0.5)

    found = edge(one("0.40", "0.42"), move, FEES)

    assert np.isnan([found.round_trip[0], found.entry[0], found.entry_fee[0]]).all()


def test_an_even_score_expects_no_move_and_a_livelier_market_a_larger_one() -> None:
    score, volatility = np.array([0.5, 0.7, 0.7, 0.3]), np.array([1.0, 1.0, 2.0, 2.0])

    move = expected_move(score, volatility, 4.0, 0.5)

    assert move == pytest.approx([0.0, 0.4, 0.8, -0.8])


@pytest.mark.parametrize("fees", [None, FeeSchedule(FeeKind.UNKNOWN, Decimal(1))])
def test_where_the_fees_are_not_known_neither_is_the_edge(fees: FeeSchedule | None) -> None:
    found = edge(one("0.40", "0.42"), np.array([9.0]), np.array([taker_rate(fees)]))

    assert np.isnan([found.round_trip[0], found.entry[0]]).all()
