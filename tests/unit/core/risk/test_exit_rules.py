"""Positions end before the close and at a loss, whatever the model says, and nowhere else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio, Position
from bot.core.account.valuation import mark, unrealised
from bot.core.market.market import MarketStatus, Side
from bot.core.market.orderbook import OrderBook
from bot.core.risk.checks import Shown
from bot.core.risk.exit_rules import ExitRules
from tests.support.strategies import NOON, SEEN_AT, books, fill, ladder, open_market, prices, sides

BOOK = OrderBook(bids=ladder(("0.48", 50), ("0.40", 500)), asks=ladder(("0.50", 50), ("0.58", 500)))
OFF = ExitRules()
AGE = 60.0


def _shown(book=BOOK, closes_in=86_400.0, seen_at=SEEN_AT, **terms) -> Shown:
    close = NOON + timedelta(seconds=closes_in)
    return Shown(open_market(close_time=close, **terms), book, seen_at)


def _held(side=Side.BUY, size=50, price="0.54") -> Position:
    return Portfolio.of_cash(Decimal(10_000)).after(fill(side, size, price)).positions["A"]


def _due(rules: ExitRules, shown=None, position=None) -> str | None:
    due = rules.due(NOON, position or _held(), shown or _shown(), AGE)
    return due.reason if due else None


def _closing(seconds=60.0) -> ExitRules:
    return ExitRules(before_close=seconds)


def _stopping(cents="6") -> ExitRules:
    return ExitRules(stop_loss=Decimal(cents))


@given(books(), st.floats(1, 10**6), sides, prices)
def test_without_rules_nothing_is_due(book, closes_in, side, price):
    position = _held(side, 50, str(price))

    assert _due(OFF, _shown(book, closes_in), position) is None


@pytest.mark.parametrize(
    ("closes_in", "reason"),
    [
        (60.5, None),
        (60, "exit: the market closes in 60 s"),
        (40, "exit: the market closes in 40 s"),
        (0, None),
        (-1, None),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_a_position_ends_before_the_close_and_not_after_it(closes_in, reason, side):
    assert _due(_closing(), _shown(closes_in=closes_in), _held(side)) == reason


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (_held(Side.BUY, 50, "0.54"), "exit: stop loss, 6.0 c below entry"),
        (_held(Side.BUY, 50, "0.53"), None),
        (_held(Side.SELL, 50, "0.44"), "exit: stop loss, 6.0 c below entry"),
        (_held(Side.SELL, 50, "0.45"), None),
        # Half of it closes at the second level: 44 c on average, not the best 48 c.
        (_held(Side.BUY, 100, "0.50"), "exit: stop loss, 6.0 c below entry"),
        (_held(Side.BUY, 100, "0.49"), None),
    ],
)
def test_a_stop_loss_goes_by_what_closing_all_of_it_would_fetch(position, reason):
    assert _due(_stopping(), position=position) == reason


@pytest.mark.parametrize(
    "shown",
    [
        _shown(OrderBook(bids=BOOK.bids, asks=())),
        _shown(OrderBook(bids=(), asks=BOOK.asks)),
        _shown(OrderBook(bids=(), asks=())),
        _shown(seen_at=SEEN_AT - AGE - 1),
        _shown(seen_at=float("nan")),
        _shown(status=MarketStatus.INACTIVE),
        _shown(closes_in=0),
    ],
    ids=["no asks", "no bids", "empty", "old", "of unknown age", "paused", "closed"],
)
def test_a_stop_loss_wants_two_sides_of_a_fresh_book_in_an_open_market(shown):
    assert _due(_stopping("1")) is not None
    assert _due(_stopping("1"), shown) is None


def test_a_market_that_is_paused_has_no_exit_before_its_close():
    assert _due(_closing(), _shown(closes_in=40, status=MarketStatus.INACTIVE)) is None


def test_the_close_is_told_before_the_loss():
    both = ExitRules(60.0, Decimal(6))

    assert _due(both, _shown(closes_in=40)) == "exit: the market closes in 40 s"
    assert _due(both) == "exit: stop loss, 6.0 c below entry"


@given(books(), sides, prices, st.integers(1, 5_000), st.integers(1, 99))
def test_a_stop_loss_is_due_exactly_where_the_mark_says_so(book, side, price, size, cents):
    position = _held(side, size, str(price))
    value = mark(position, book.against(side.opposite))
    lost = -unrealised(position, value) * 100 >= cents * size

    due = _due(_stopping(str(cents)), _shown(book), position)

    assert (due is not None) == (lost and book.mid is not None)


@pytest.mark.parametrize(
    ("rules", "shown", "rule"),
    [
        (_closing(), _shown(closes_in=60), "exit_before_close"),
        (_closing(), _shown(closes_in=61), None),
        (_stopping("2"), _shown(), "stop_loss"),
        (_stopping("2.1"), _shown(), None),
        (_stopping("2"), _shown(OrderBook(bids=BOOK.bids, asks=())), None),
        (OFF, _shown(closes_in=1), None),
    ],
)
def test_nothing_is_entered_that_would_end_at_once(rules, shown, rule):
    stop = rules.too_short(NOON, shown)

    assert (stop and stop.rule) == rule


def test_an_entry_that_is_held_back_names_the_setting_and_its_numbers():
    closing = _closing().too_short(NOON, _shown(closes_in=40))
    stopping = _stopping("1.5").too_short(NOON, _shown())

    assert closing is not None
    assert stopping is not None
    assert closing.reason == "closes in 40 s, BOT_EXIT_BEFORE_CLOSE (60 s) would exit it at once"
    assert (closing.value, closing.limit) == (40, 60)
    assert stopping.reason == "the spread is 2 c, BOT_STOP_LOSS (1.5 c) would exit it at once"
    assert (stopping.value, stopping.limit) == (2, Decimal("1.5"))
