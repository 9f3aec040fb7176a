from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio, Position, own_price
from bot.core.account.valuation import DayStart, Mark, equity, mark, marks, unrealised
from bot.core.market.market import Side
from bot.core.market.money import ONE
from bot.core.market.orderbook import Books, OrderBook
from tests.support.strategies import (
    NOON,
    SEEN_AT,
    books,
    fill,
    ladder,
    scaled,
    trades,
    two_sided_books,
)

START = Decimal(1_000)
BOOK = OrderBook(bids=ladder(("0.48", 10), ("0.40", 20)), asks=ladder(("0.50", 10), ("0.60", 5)))
NO_BOOKS = Books.of([])


def _held(size) -> Position:
    side = Side.BUY if size > 0 else Side.SELL
    portfolio = Portfolio.of_cash(START).after(fill(side, abs(size), "0.45"))
    return portfolio.positions["A"]


def _fetched(size, book) -> Decimal:
    position = _held(size)
    side = position.side
    return mark(position, book.against(side.opposite), None, book.against(side)).value


@pytest.mark.parametrize(
    ("size", "value"),
    [
        (10, "4.80"),
        (15, "6.80"),  # 10 at 0.48, 5 at 0.40
        (100, "40.80"),  # what the book does not show counts at the last price it shows
        (-10, "5.00"),  # bought back at 0.50 a pair pays a dollar: half of it is left
        (-12, "5.80"),
        (-100, "41.00"),
    ],
)
def test_a_mark_is_what_closing_now_would_fetch(size, value):
    assert _fetched(Decimal(size), BOOK) == Decimal(value)


@pytest.mark.parametrize("size", [10, -10])
def test_a_side_nobody_shows_is_no_price_of_nothing(size):
    held = _held(size)
    last = Mark(held.size, Decimal("4.2"))

    assert mark(held, (), last) == Mark(held.size, Decimal("4.2"), stale=True)
    assert mark(held, ()) == Mark(held.size, held.cost, stale=True)


def test_nothing_is_worth_more_than_the_same_is_offered_for():
    held, last = _held(10), Mark(Decimal(10), Decimal("9.6"))
    no, of_no = _held(-10), Mark(Decimal(-10), Decimal("9.6"))

    assert mark(held, (), last, ladder(("0.01", 5))) == Mark(held.size, Decimal("0.1"), stale=True)
    assert mark(no, (), of_no, ladder(("0.97", 5))) == Mark(no.size, Decimal("0.3"), stale=True)
    assert mark(held, (), last, ladder(("0.99", 5))).value == last.value


def test_once_a_market_is_closed_the_last_mark_stands_and_then_its_result():
    held, no = _held(10), replace(_held(-10), ticker="B")
    positions = {"A": held, "B": no}
    crash = OrderBook(bids=ladder(("0.01", 900)), asks=ladder(("0.99", 900)))
    seen = Books.of([("A", SEEN_AT, crash), ("B", SEEN_AT, OrderBook((), ()))])
    last = {"A": Mark(held.size, Decimal("9.9")), "B": Mark(no.size, Decimal("0.2"))}

    waiting = marks(positions, seen, last, {"A": None, "B": None})
    known = marks(positions, NO_BOOKS, waiting, {"A": ONE, "B": Decimal("0.3")})

    assert waiting == {t: replace(one, stale=True) for t, one in last.items()}
    assert known == {"A": Mark(held.size, Decimal(10)), "B": Mark(no.size, Decimal("7.0"))}


def test_a_mark_of_another_size_is_the_same_price():
    made = Mark(Decimal(10), Decimal(9), stale=True)

    assert made.resized(Decimal(3)) == Mark(Decimal(3), Decimal("2.7"), stale=True)
    assert made.resized(Decimal(10)) is made
    assert made.resized(Decimal(-10)) is None


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


@given(two_sided_books(), scaled(-500, 500, 2).filter(bool))
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


@given(st.lists(books(), min_size=1, max_size=8), scaled(-500, 500, 2).filter(bool), st.booleans())
def test_a_winner_from_its_close_to_its_payment_never_lowers_equity(shown, size, is_known):
    account = Portfolio.of_cash(START).after(
        fill(Side.BUY if size > 0 else Side.SELL, abs(size), "0.45")
    )
    last: dict[str, Mark] = {}
    for book in shown:
        last = marks(account.positions, Books.of([("A", SEEN_AT, book)]), last)
    before, payout = equity(account, last), ONE if size > 0 else Decimal(0)

    closed = marks(account.positions, Books.of([("A", SEEN_AT, shown[0])]), last, {"A": None})
    known = marks(account.positions, NO_BOOKS, closed, {"A": payout if is_known else None})
    settled = account.settle("A", payout)

    assert equity(account, closed) == before
    assert before <= equity(account, known) <= settled.cash
    assert not is_known or equity(account, known) == settled.cash == account.cash + abs(size)


@given(
    st.lists(books(), max_size=8),
    scaled(-500, 500, 2).filter(bool),
    scaled(0, 1, 2),
)
def test_equity_moves_with_prices_and_results_and_nothing_else(shown, size, payout):
    account = Portfolio.of_cash(START).after(
        fill(Side.BUY if size > 0 else Side.SELL, abs(size), "0.45")
    )
    held = account.positions["A"]
    last = {"A": Mark(held.size, held.cost)}
    for book in shown:
        before, last = (
            last["A"].value,
            marks(account.positions, Books.of([("A", SEEN_AT, book)]), last),
        )
        closing, rivals = book.against(held.side.opposite), book.against(held.side)
        prices = [own_price(price, held.side) * abs(held.size) for price, _ in closing]
        offer = [own_price(price, held.side) * abs(held.size) for price, _ in rivals[:1]]
        seen = (min(prices), max(prices)) if prices else (min([before, *offer]), before)
        assert seen[0] <= last["A"].value <= seen[1]
    waiting = marks(account.positions, NO_BOOKS, last, {"A": None})
    known = marks(account.positions, NO_BOOKS, waiting, {"A": payout})

    assert waiting["A"].value == last["A"].value
    assert equity(account, known) == account.settle("A", payout).cash


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
