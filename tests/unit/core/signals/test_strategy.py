from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.core.events import Action
from bot.core.market.market import CENT_GRID, PriceGrid, PriceRange, Side
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.signals.strategy import (
    Gates,
    Intent,
    Sizing,
    Thresholds,
    action,
    direction,
    gates,
    order_for,
)

USUAL = Thresholds()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
scores = st.floats(0, 1)


def directions(some: list[float]) -> NDArray[np.int8]:
    return direction(np.array(some), USUAL, ["KXANY-1"] * len(some))


positions = st.decimals(-1_000, 1_000, places=2)


@pytest.mark.parametrize(
    ("score", "way"),
    [(1.0, 1), (0.60, 1), (0.599, 0), (0.5, 0), (0.401, 0), (0.40, -1), (0.0, -1), (np.nan, 0)],
)
def test_the_direction_follows_from_the_score_alone(score: float, way: int) -> None:
    assert directions([score]).tolist() == [way]


@given(scores)
def test_the_direction_of_the_complement_is_the_opposite(score: float) -> None:
    # Away from the borders, where the complement of a float is not exact.
    score = round(score, 3)
    up, down = directions([score, round(1 - score, 3)])

    assert up == -down


def test_a_kind_of_market_enters_at_its_own_scores() -> None:
    own = Thresholds(kinds={"KXTAME": (0.9, 0.1)})
    tickers = ["KXTAME-1", "KXANY-1", "KXTAME-2", "KXTAME-3"]

    ways = direction(np.array([0.7, 0.7, 0.95, 0.05]), own, tickers)

    assert ways.tolist() == [0, 1, 1, -1]
    assert [action(0.7, Decimal(0), own.of(one)) for one in tickers[:2]] == [
        Action.HOLD,
        Action.ENTER_LONG,
    ]


def test_entries_of_a_kind_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="thresholds must rise"):
        Thresholds(kinds={"KXTAME": (0.5, 0.1)})


def test_the_direction_of_no_scores_is_empty() -> None:
    assert directions([]).shape == (0,)


@pytest.mark.parametrize("score", [1.1, -0.01, np.inf])
def test_a_score_that_is_no_probability_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        directions([0.5, np.nan, score])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        action(score, Decimal(0), USUAL)


@pytest.mark.parametrize(
    ("score", "position", "wanted"),
    [
        (0.65, 0, Action.ENTER_LONG),
        (0.60, 0, Action.ENTER_LONG),
        (0.59, 0, Action.HOLD),
        (0.41, 0, Action.HOLD),
        (0.40, 0, Action.ENTER_SHORT),
        (0.35, 0, Action.ENTER_SHORT),
        (0.65, 100, Action.HOLD),
        (0.56, 100, Action.HOLD),
        (0.55, 100, Action.EXIT),
        (0.50, 100, Action.EXIT),
        (0.10, 100, Action.EXIT),
        (0.35, -100, Action.HOLD),
        (0.44, -100, Action.HOLD),
        (0.45, -100, Action.EXIT),
        (0.90, -100, Action.EXIT),
        (0.10, "0.01", Action.EXIT),
    ],
)
def test_the_action_follows_from_score_and_position(
    score: float, position: int | str, wanted: Action
) -> None:
    assert action(score, Decimal(position), USUAL) is wanted


@given(st.one_of(st.none(), st.just(float("nan"))), positions)
def test_no_opinion_never_touches_a_position(score: float | None, position: Decimal) -> None:
    assert action(score, position, USUAL) is Action.HOLD


@given(scores, positions)
def test_a_sell_never_opens_a_long_nor_a_buy_a_short(score: float, position: Decimal) -> None:
    wanted, way = action(score, position, USUAL), directions([score])[0]

    assert wanted is not Action.ENTER_LONG or (way == 1 and position == 0)
    assert wanted is not Action.ENTER_SHORT or (way == -1 and position == 0)


def test_a_short_can_be_entered() -> None:
    assert action(0.2, Decimal(0), USUAL) is Action.ENTER_SHORT


@given(scores)
def test_the_score_that_opens_a_position_does_not_close_it(score: float) -> None:
    held = {Action.ENTER_LONG: Decimal(10), Action.ENTER_SHORT: Decimal(-10)}
    wanted = action(score, Decimal(0), USUAL)

    if wanted in held:
        assert action(score, held[wanted], USUAL) is Action.HOLD


@pytest.mark.parametrize(
    "wrong",
    [
        {"enter_above": 0.55},
        {"enter_above": 1.01},
        {"enter_below": 0.45},
        {"enter_below": -0.01},
        {"exit_low": 0.56},
        {"exit_high": float("nan")},
    ],
)
def test_thresholds_that_do_not_rise_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="thresholds must rise"):
        Thresholds(**wrong)


def _book(bid: str | None, ask: str | None, size: int = 500) -> OrderBook:
    return OrderBook(
        bids=(Level(Decimal(bid), Decimal(size)),) if bid else (),
        asks=(Level(Decimal(ask), Decimal(size)),) if ask else (),
    )


def _reasons(
    *books: OrderBook, closes_in: float = 3_600.0, seen: float = 10.0, age: float = 1.0
) -> list[str | None]:
    batch = Books.of([(f"T{i}", 0.0, book) for i, book in enumerate(books)])
    many = len(books)
    return gates(batch, np.full(many, closes_in), np.full(many, seen), np.full(many, age), Gates())


def test_a_sound_book_is_free_for_an_opinion() -> None:
    assert _reasons(_book("0.45", "0.47"), _book("0.50", "0.60")) == [None, None]


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (_book(None, None), "the book is empty"),
        (_book("0.45", None), "the book has one side only"),
        (_book(None, "0.45"), "the book has one side only"),
        (_book("0.01", "0.03"), "the price is below 3 c"),
        (_book("0.97", "0.99"), "the price is above 97 c"),
        (_book("0.45", "0.56"), "the spread is wider than 10 c"),
    ],
)
def test_a_book_without_a_fair_price_gives_no_opinion(book: OrderBook, reason: str) -> None:
    assert _reasons(_book("0.45", "0.47"), book) == [None, reason]


@pytest.mark.parametrize(
    ("bid", "ask"), [("0.02", "0.04"), ("0.96", "0.98"), ("0.45", "0.55"), ("0.07", "0.17")]
)
def test_limits_themselves_are_inside(bid: str, ask: str) -> None:
    assert _reasons(_book(bid, ask)) == [None]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"closes_in": 59.9}, "the market closes within 60 s, or no one knows when"),
        ({"closes_in": np.nan}, "the market closes within 60 s, or no one knows when"),
        ({"seen": 2.0}, "fewer than 3 books seen so far"),
        ({"age": 181.0}, "the book is older than 180 s"),
        ({"age": np.nan}, "the book is older than 180 s"),
    ],
)
def test_a_market_not_known_well_enough_gives_no_opinion(
    given: dict[str, float], reason: str
) -> None:
    assert _reasons(_book("0.45", "0.47"), **given) == [reason]


def test_the_gravest_reason_is_told() -> None:
    assert _reasons(_book(None, None), _book("0.01", "0.97"), seen=0.0, age=999.0) == [
        "the book is empty",
        "the book is older than 180 s",
    ]


def test_no_books_have_no_reasons() -> None:
    assert _reasons() == []


def _order(
    wanted: Action,
    book: OrderBook,
    *,
    position: str = "0",
    slippage: str = "0.01",
    grid: PriceGrid = CENT_GRID,
) -> tuple[Side, Decimal, Decimal] | None:
    intent = Intent(wanted, "T", Decimal(position), "wish-1", NOON)
    order = order_for(intent, book, grid, Sizing(Decimal(100), Decimal(slippage)))
    if order is None:
        return None
    assert (order.client_order_id, order.ticker, order.at) == ("wish-1", "T", NOON)
    return order.side, order.size, order.limit


TIGHT = _book("0.45", "0.47")
FINE = PriceGrid((PriceRange(Decimal(0), Decimal(1), Decimal("0.001")),))


@pytest.mark.parametrize(
    ("wanted", "position", "order"),
    [
        (Action.ENTER_LONG, "0", (Side.BUY, Decimal(100), Decimal("0.48"))),
        (Action.ENTER_SHORT, "0", (Side.SELL, Decimal(100), Decimal("0.44"))),
        (Action.EXIT, "37.5", (Side.SELL, Decimal("37.5"), Decimal("0.44"))),
        (Action.EXIT, "-250", (Side.BUY, Decimal(250), Decimal("0.48"))),
        (Action.EXIT, "0", None),
        (Action.HOLD, "37.5", None),
        (Action.HOLD, "0", None),
    ],
)
def test_an_action_becomes_its_order(
    wanted: Action, position: str, order: tuple[Side, Decimal, Decimal] | None
) -> None:
    assert _order(wanted, TIGHT, position=position) == order


@pytest.mark.parametrize(
    ("wanted", "book"),
    [
        (Action.ENTER_LONG, _book("0.45", None)),
        (Action.ENTER_SHORT, _book(None, "0.47")),
        (Action.ENTER_LONG, _book(None, None)),
    ],
)
def test_there_is_no_order_where_nobody_trades(wanted: Action, book: OrderBook) -> None:
    assert _order(wanted, book) is None


@pytest.mark.parametrize(
    ("wanted", "book", "grid", "limit"),
    [
        (Action.ENTER_LONG, _book("0.97", "0.99"), CENT_GRID, "0.99"),
        (Action.ENTER_LONG, _book("0.97", "0.99"), FINE, "0.999"),
        (Action.ENTER_SHORT, _book("0.01", "0.03"), CENT_GRID, "0.01"),
        (Action.ENTER_SHORT, _book("0.01", "0.03"), FINE, "0.001"),
    ],
)
def test_a_limit_stays_inside_zero_and_one(
    wanted: Action, book: OrderBook, grid: PriceGrid, limit: str
) -> None:
    order = _order(wanted, book, slippage="0.05", grid=grid)

    assert order is not None
    assert order[2] == Decimal(limit)


def test_there_is_no_order_where_the_grid_has_no_price() -> None:
    upper_half = PriceGrid((PriceRange(Decimal("0.5"), Decimal(1), Decimal("0.01")),))

    assert _order(Action.ENTER_LONG, TIGHT, grid=upper_half) is None


@given(
    st.integers(1, 98),
    st.integers(1, 10),
    st.decimals("0", "0.2", places=3),
    st.sampled_from([Action.ENTER_LONG, Action.ENTER_SHORT]),
    st.sampled_from([CENT_GRID, FINE]),
)
def test_a_limit_is_on_the_grid_meets_the_touch_and_keeps_the_slippage(
    bid: int, width: int, slippage: Decimal, wanted: Action, grid: PriceGrid
) -> None:
    bid_price, ask_price = Decimal(bid) / 100, Decimal(min(bid + width, 99)) / 100
    order = _order(wanted, _book(str(bid_price), str(ask_price)), slippage=str(slippage), grid=grid)

    assert order is not None
    side, _, limit = order
    touch = ask_price if side is Side.BUY else bid_price
    assert grid.allows(limit)
    assert 0 <= (limit - touch) * side.sign <= slippage
