from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market import Side
from bot.core.marks import DayStart, Mark, equity, mark, marks, unrealised
from bot.core.money import ONE
from bot.core.orderbook import Books, OrderBook
from bot.core.portfolio import Portfolio, Position
from tests.strategies import NOON, SEEN_AT, books, fill, ladder, scaled, trades, two_sided_books

START = Decimal(1_000)
BOOK = OrderBook(bids=ladder(("0.48", 10), ("0.40", 20)), asks=ladder(("0.50", 10), ("0.60", 5)))
NO_BOOKS = Books.of([])


def _held(size) -> Position:
    side = Side.BUY if size > 0 else Side.SELL
    portfolio = Portfolio.of_cash(START).after(fill(side, abs(size), "0.45"))
    return portfolio.positions["A"]


def _fetched(size, book) -> Decimal:
    position = _held(size)
    return mark(position, book.against(position.side.opposite)).value


@pytest.mark.parametrize(
    ("size", "value"),
    [
        (10, "4.80"),
        (15, "6.80"),  # 10 at 0.48, 5 at 0.40
        (100, "12.80"),  # what the book does not show is worth nothing
        (-10, "5.00"),  # bought back at 0.50 a pair pays a dollar: half of it is left
        (-12, "5.80"),
        (-100, "7.00"),
    ],
)
def test_a_mark_is_what_closing_now_would_fetch(size, value):
    assert _fetched(Decimal(size), BOOK) == Decimal(value)


def test_a_side_nobody_shows_is_worth_nothing():
    assert _fetched(Decimal(10), OrderBook((), BOOK.asks)) == 0
    assert _fetched(Decimal(-10), OrderBook(BOOK.bids, ())) == 0


def test_without_a_book_the_last_mark_is_kept_and_flagged():
    held = _held(10)
    last = Mark(held.size, Decimal("4.2"))

    assert mark(held, None, last) == Mark(held.size, Decimal("4.2"), stale=True)


def test_without_a_book_and_a_fitting_mark_the_cost_is_shown_and_flagged():
    held = _held(10)
    of_another_size = Mark(Decimal(3), Decimal("1.2"))

    assert mark(held, None) == Mark(held.size, held.cost, stale=True)
    assert mark(held, None, of_another_size) == Mark(held.size, held.cost, stale=True)


def test_a_book_that_comes_back_ends_the_staleness():
    held = _held(10)

    fresh = mark(held, BOOK.bids, Mark(held.size, Decimal(9), stale=True))

    assert fresh == Mark(held.size, Decimal("4.80"))


def test_all_positions_are_marked_with_or_without_a_book():
    trading = [fill(Side.BUY, 10, "0.4", ticker="A"), fill(Side.SELL, 10, "0.4", ticker="B")]
    portfolio = reduce(Portfolio.after, trading, Portfolio.of_cash(START))
    seen = Books.of([("Z", SEEN_AT, BOOK), ("A", SEEN_AT, BOOK)])
    last = {"B": Mark(Decimal(-10), Decimal("5.5"))}

    marked = marks(portfolio.positions, seen, last)

    assert marked == {
        "A": Mark(Decimal(10), Decimal("4.80")),
        "B": Mark(Decimal(-10), Decimal("5.5"), stale=True),
    }
    assert equity(portfolio, marked) == portfolio.cash + Decimal("10.30")
    assert unrealised(portfolio.positions["B"], marked["B"]) == Decimal("-0.5")


def test_without_positions_there_is_nothing_to_mark():
    assert marks({}, Books.of([("A", SEEN_AT, BOOK)]), {}) == {}


def test_a_position_without_a_mark_has_no_equity():
    portfolio = Portfolio.of_cash(START).after(fill(Side.BUY, 1, "0.5"))

    with pytest.raises(KeyError, match="A"):
        equity(portfolio, {})


@given(books(), scaled(-500, 500, 2).filter(bool))
def test_the_mark_of_no_in_the_mirror_is_the_same(book, size):
    assert _fetched(size, book) == _fetched(-size, book.mirror())


@given(two_sided_books(), scaled(-500, 500, 2).filter(bool))
def test_liquidation_is_never_above_the_best_price_nor_the_mid(book, size):
    value = _fetched(size, book)

    best = book.best_bid if size > 0 else ONE - book.best_ask
    mid = book.mid if size > 0 else ONE - book.mid
    assert 0 < value <= abs(size) * best < abs(size) * mid


@given(trades(), st.lists(books(), min_size=3, max_size=3))
def test_realised_and_unrealised_less_fees_are_the_change_of_equity(fills, shown):
    portfolio = reduce(Portfolio.after, fills, Portfolio.of_cash(START))
    seen = Books.of([(t, SEEN_AT, b) for t, b in zip("ABC", shown, strict=True)])

    marked = marks(portfolio.positions, seen, {})

    open_profit = sum(unrealised(p, marked[t]) for t, p in portfolio.positions.items())
    assert portfolio.net + open_profit == equity(portfolio, marked) - START


@given(trades(), st.lists(books(), min_size=3, max_size=3))
def test_no_mark_is_below_nothing_or_above_a_dollar_a_contract(fills, shown):
    portfolio = reduce(Portfolio.after, fills, Portfolio.of_cash(START))
    seen = Books.of([(t, SEEN_AT, b) for t, b in zip("ABC", shown, strict=True)])

    for made in marks(portfolio.positions, seen, {}).values():
        assert 0 <= made.value < abs(made.size)
        assert not made.stale


def test_profit_of_the_day_is_counted_from_its_start():
    day = DayStart.of(NOON, Decimal(1_000))

    assert day == DayStart(date(2026, 11, 22), Decimal(1_000))
    assert day.pnl(Decimal("990.5")) == Decimal("-9.5")


def test_the_day_stays_until_midnight_utc_and_starts_from_the_equity_before_it():
    day = DayStart.of(NOON, Decimal(1_000))
    midnight = datetime(2026, 11, 23, tzinfo=NOON.tzinfo)

    assert day.rolled(midnight - timedelta(microseconds=1), Decimal(990)) is day
    assert day.rolled(midnight, Decimal(990)) == DayStart(date(2026, 11, 23), Decimal(990))


def test_a_day_is_one_of_utc_wherever_the_clock_stands():
    evening_in_new_york = datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=-5)))

    assert DayStart.of(evening_in_new_york, START).day == date(2026, 11, 23)


def test_a_clock_that_steps_back_over_midnight_keeps_the_day():
    day = DayStart(date(2026, 11, 23), START)

    assert day.rolled(NOON, Decimal(1)) is day


@given(st.lists(st.tuples(st.integers(0, 60), scaled(-10_000, 10_000, 2)), min_size=1, max_size=20))
def test_the_days_together_lose_nothing(steps):
    at, last = NOON, Decimal(1_000)
    day, total = DayStart.of(at, last), Decimal(0)
    for hours, change in steps:
        at += timedelta(hours=hours)
        rolled = day.rolled(at, last)
        if rolled is not day:
            total, day = total + day.pnl(last), rolled
        last += change

    assert total + day.pnl(last) == last - Decimal(1_000)
