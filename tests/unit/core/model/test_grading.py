from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.model.outcomes import Grades, PredictionBatch, graded, none_yet, predictions
from bot.core.model.performance import LEAST_MARKETS, group_of, performance

RATE = 7.0


def seen(*rows: tuple[str, float, int, int]) -> Books:
    """Books of (ticker, time, bid in cents, ask in cents); bid 0 is no bid."""
    return Books.of([(ticker, at, _book(bid, ask)) for ticker, at, bid, ask in rows])


def _book(bid: int, ask: int) -> OrderBook:
    bids = (Level(Decimal(bid) / 100, Decimal(5)),) if bid else ()
    return OrderBook(bids, (Level(Decimal(ask) / 100, Decimal(5)),))


def reported(*rows: tuple[str, float, int, int], score: float = 0.8, horizon: float = 10.0):
    books = seen(*rows)
    rates = np.full(len(books), RATE)
    return predictions(books, np.full(len(books), score), rates, horizon)


def fee(*cents: int) -> float:
    return sum(RATE * p / 100 * (1 - p / 100) for p in cents)


def test_only_an_opinion_on_a_two_sided_book_waits() -> None:
    books = seen(("A", 0.0, 40, 42), ("B", 0.0, 40, 42), ("C", 0.0, 0, 42))

    waiting = predictions(books, np.array([0.7, np.nan, 0.7]), np.full(3, RATE), 10.0)

    assert waiting.tickers == ("A",)
    assert waiting.due_at.tolist() == [10.0]


def test_the_first_book_at_the_horizon_decides() -> None:
    waiting = reported(("A", 0.0, 40, 42))

    early, waiting, _ = graded(waiting, seen(("A", 9.0, 60, 62)), 5.0, 9.0)
    grades, rest, lapsed = graded(waiting, seen(("A", 11.0, 45, 47)), 5.0, 11.0)

    assert len(early) == 0
    assert grades.change.tolist() == [5.0]
    assert grades.taker[0] == pytest.approx(45 - 42 - fee(42, 45))
    assert (len(rest), lapsed) == (0, 0)


def test_a_fall_pays_who_said_so() -> None:
    grades, _, _ = graded(
        reported(("A", 0.0, 40, 42), score=0.2), seen(("A", 10.0, 30, 31)), 5.0, 10.0
    )

    assert grades.taker[0] == pytest.approx(40 - 31 - fee(40, 31))


@pytest.mark.parametrize("late", [("A", 16.0, 40, 42), ("B", 11.0, 40, 42)])
def test_a_prediction_without_a_book_in_time_lapses(late: tuple[str, float, int, int]) -> None:
    grades, rest, lapsed = graded(reported(("A", 0.0, 40, 42)), seen(late), 5.0, 15.5)

    assert (len(grades), len(rest), lapsed) == (0, 0, 1)


def test_a_one_sided_book_decides_nothing() -> None:
    grades, rest, lapsed = graded(reported(("A", 0.0, 40, 42)), seen(("A", 11.0, 0, 42)), 5.0, 11.0)

    assert (len(grades), len(rest), lapsed) == (0, 1, 0)


def test_a_market_may_have_several_predictions_waiting() -> None:
    waiting, excess = reported(("A", 0.0, 40, 42)).and_then(reported(("A", 4.0, 41, 43)))

    grades, rest, _ = graded(waiting, seen(("A", 10.0, 45, 47)), 5.0, 10.0)

    assert excess == 0
    assert grades.change.tolist() == [5.0]
    assert rest.made_at.tolist() == [4.0]


def test_the_oldest_go_when_there_is_no_room() -> None:
    waiting = none_yet()
    for at in range(5):
        waiting, excess = waiting.and_then(reported(("A", float(at), 40, 42)), capacity=3)

    assert waiting.made_at.tolist() == [2.0, 3.0, 4.0]
    assert excess == 1


@given(st.lists(st.floats(0, 40), max_size=12), st.floats(0, 60))
@settings(max_examples=40)
def test_every_prediction_is_graded_or_waits_or_lapses(made: list[float], at: float) -> None:
    waiting = none_yet()
    for moment in sorted(made):
        waiting, _ = waiting.and_then(reported(("A", moment, 40, 42)))

    grades, rest, lapsed = graded(waiting, seen(("A", at, 45, 47)), 5.0, at)

    assert len(grades) + len(rest) + lapsed == len(made)


def test_the_same_prediction_from_the_no_side_earns_the_same() -> None:
    later = seen(("A", 10.0, 30, 31))
    books = seen(("A", 0.0, 40, 42))
    rates = np.array([RATE])

    yes = predictions(books, np.array([0.2]), rates, 10.0)
    no = predictions(books.mirror(), np.array([0.8]), rates, 10.0)

    one = graded(yes, later, 5.0, 10.0)[0]
    other = graded(no, later.mirror(), 5.0, 10.0)[0]
    assert one.taker == pytest.approx(other.taker)
    assert one.change == -other.change


def grades(*rows: tuple[str, float, float, float]) -> Grades:
    """Grades of (ticker, score, change, taker)."""
    tickers, score, change, taker = zip(*rows, strict=True)
    nothing = np.zeros(len(rows))
    batch = np.zeros(len(rows), dtype=np.int64)
    columns = (nothing, nothing, np.array(score), nothing, nothing, nothing, batch)
    waiting = PredictionBatch(tickers, *columns)
    return Grades(waiting, np.array(change), np.array(taker))


def test_performance_is_reckoned_by_hand() -> None:
    found = performance(
        grades(("A", 0.8, 2.0, 1.0), ("A", 0.6, -1.0, -3.0), ("B", 0.3, 0.5, -4.0)), 1.0, 0.7, 0.3
    )

    assert (found.graded, found.moved, found.markets) == (3, 2, 2)
    assert found.hit_rate is not None
    assert found.hit_rate.value == 0.5
    assert found.brier is not None
    assert found.brier.value == pytest.approx((0.04 + 0.36) / 2)
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert found.cents is not None
    assert found.cents.value == pytest.approx(-2.0)
    assert found.decided_cents is not None
    assert found.decided_cents.rows == 2
    assert [part.rows for part in found.bins] == [1, 1]


def test_with_few_markets_there_is_no_interval() -> None:
    few = performance(grades(*[("A", 0.8, 2.0, 1.0)] * 50), 1.0, 0.7, 0.3)

    assert few.cents is not None
    assert few.cents.interval is None


def test_rows_of_one_market_do_not_narrow_the_interval() -> None:
    cents = [-2.0, -1.0, 0.0, 1.0, 2.0]
    rows = [(f"M{n}", 0.8, 2.0, value) for n, value in enumerate(cents)]
    once, often = (performance(grades(*rows * times), 1.0, 0.7, 0.3).cents for times in (1, 100))

    assert len(cents) == LEAST_MARKETS
    assert once is not None
    assert often is not None
    assert once.interval == pytest.approx(often.interval)


def test_fees_that_were_not_known_count_for_nothing() -> None:
    found = performance(grades(("A", 0.8, 2.0, np.nan)), 1.0, 0.7, 0.3)

    assert found.cents is None
    assert found.hit_rate is not None


def test_nothing_graded_is_nothing_known() -> None:
    empty = graded(none_yet(), seen(), 5.0, 0.0)[0]

    found = performance(empty, 1.0, 0.7, 0.3)

    assert (found.graded, found.brier, found.cents, found.bins) == (0, None, None, ())


def test_a_market_is_reported_with_its_series() -> None:
    assert group_of("KXBTC15M-26MAY131100-00") == "KXBTC15M"
