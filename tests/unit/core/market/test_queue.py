from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Execution, Life, Order, OrderStatus
from bot.core.market.queue import MarketUpdate, QueuePlace, TakerTrade
from bot.core.market.queued_order import QueuedOrder, queued
from tests.support.strategies import NOON, books, ladder, scaled, sides, whole_sizes

BOOK = OrderBook(
    bids=ladder(("0.50", 300), ("0.49", 500)), asks=ladder(("0.52", 200), ("0.53", 400))
)
PRICE, SIZE = Decimal("0.52"), Decimal(100)
MAKER_FEES = FeeSchedule(FeeKind.WITH_MAKER_FEES, Decimal(1))
NO_MAKER_FEES = FeeSchedule(FeeKind.QUADRATIC, Decimal(1))


def _sells(price=PRICE, book=BOOK):
    place = QueuePlace.joined(Side.SELL, price, SIZE, MarketUpdate(book, 0.0))
    assert place is not None
    return place


def _bought(size: int | str, price: str | None = "0.52", at: float = 0.5) -> TakerTrade:
    """Takers bought, which is what an order to sell waits for."""
    return TakerTrade(at, Side.BUY, Decimal(size), None if price is None else Decimal(price))


def _asks(*levels: tuple[str, int]) -> OrderBook:
    return OrderBook(BOOK.bids, ladder(*levels))


def test_it_stands_behind_all_that_is_shown_at_its_price():
    assert _sells().front == 200
    assert _sells(Decimal("0.51")).front == 0, "nobody was at a price inside the spread"


@pytest.mark.parametrize(
    ("side", "price"), [(Side.SELL, "0.50"), (Side.SELL, "0.4"), (Side.BUY, "0.52")]
)
def test_a_post_only_order_that_would_trade_at_once_has_no_place(side, price):
    assert QueuePlace.joined(side, Decimal(price), SIZE, MarketUpdate(BOOK, 0.0)) is None


def test_trades_first_meet_those_before_us_then_us():
    place, filled = _sells().after(MarketUpdate(BOOK, 1.0, [_bought(150), _bought(90)]))
    assert (filled, place.left, place.front) == (40, 60, 0)


def test_a_trade_past_our_price_fills_all_of_it():
    _, filled = _sells().after(MarketUpdate(_asks(("0.54", 10)), 1.0, [_bought(1, "0.53")]))
    assert filled == SIZE


@pytest.mark.parametrize(
    "trade",
    [
        _bought(900, at=0.0),
        _bought(900, at=1.5),
        _bought(900, price="0.51"),
        TakerTrade(0.5, Side.SELL, Decimal(900), PRICE),
    ],
    ids=["before it rested", "after the book", "at a better price", "of the other side"],
)
def test_what_did_not_meet_it_moves_nothing(trade):
    place, filled = _sells().after(MarketUpdate(BOOK, 1.0, [trade]))
    assert (filled, place.front) == (0, 200)


def test_who_withdraws_stood_behind_us_but_no_more_than_is_shown_stands_before_us():
    place, filled = _sells().after(MarketUpdate(_asks(("0.52", 120), ("0.53", 400)), 1.0, []))
    assert (filled, place.front) == (0, 120)

    place, _ = place.after(MarketUpdate(BOOK, 2.0, []))
    assert place.front == 120, "who came later stands behind"


def test_in_the_expected_reading_withdrawals_come_from_before_and_behind():
    place, _ = _sells().after(MarketUpdate(_asks(("0.52", 600)), 1.0, []))
    place, _ = place.after(MarketUpdate(_asks(("0.52", 480)), 2.0, []))

    assert place.front == 200
    assert place.expected.front == pytest.approx(200 - 120 * 200 / 600)


def test_a_bid_at_our_price_fills_all_of_it():
    crossed = OrderBook(ladder(("0.52", 1)), ladder(("0.55", 5)))
    place, filled = _sells().after(MarketUpdate(crossed, 1.0))
    assert filled == SIZE
    assert place.expected.left == 0


def test_a_level_past_what_is_told_is_not_an_empty_one():
    place, _ = _sells(Decimal("0.53")).after(MarketUpdate(_asks(("0.51", 5), ("0.52", 5)), 1.0, []))
    assert place.front == 400


def test_trades_without_a_price_count_while_nobody_stood_before_our_price():
    place, filled = _sells().after(
        MarketUpdate(_asks(("0.53", 5)), 1.0, [_bought(250, price=None)])
    )
    assert (filled, place.front) == (50, 0)

    place, filled = _sells(Decimal("0.53")).after(
        MarketUpdate(BOOK, 1.0, [_bought(9_000, price=None)])
    )
    assert (filled, place.front) == (0, 400)


def test_where_trades_are_not_known_only_a_crossed_book_fills():
    place, filled = _sells().after(MarketUpdate(_asks(("0.55", 5)), 1.0, None))
    assert (filled, place.left) == (0, SIZE)


trades = st.builds(TakerTrade, st.floats(0, 20), sides, whole_sizes, scaled(40, 60, 2) | st.none())
updates = st.lists(
    st.builds(
        MarketUpdate,
        books(price=scaled(40, 60, 2), size=whole_sizes),
        st.floats(0, 20),
        st.none() | st.lists(trades, max_size=4),
    ),
    max_size=6,
)
orders = st.builds(
    Order,
    *(st.just("o-1"), st.just("A"), sides, whole_sizes, scaled(40, 60, 2), st.just(NOON)),
    *(st.just(Aim.LEAVE), st.just(Life.REST)),
)


@given(orders, books(price=scaled(40, 60, 2), size=whole_sizes), updates)
def test_fills_come_from_trades_that_reached_it_and_never_exceed_it(order, book, seen):
    place = QueuePlace.joined(order.side, order.limit, order.size, MarketUpdate(book, 0.0))
    if place is None:
        return
    for update in seen:
        before = place
        place, filled = before.after(update)

        assert 0 <= filled == before.left - place.left
        assert place.front <= before.front, "in the conservative reading nobody pushes in"
        assert place.expected.front >= 0
        assert 0 <= place.expected.left <= before.expected.left
        others = dict(update.book.against(order.side.opposite))
        if update.seen_at > before.since and order.limit in others:
            assert place.front <= others[order.limit]
        if filled:
            assert _was_reached(before, update)


def _was_reached(place: QueuePlace, update: MarketUpdate) -> bool:
    """Whether anything at all came to the price: a trade that met it, or a crossed book."""
    ours, sign = place.price, place.side.sign
    crossed = any((level.price - ours) * sign <= 0 for level in update.book.against(place.side)[:1])
    return crossed or any(
        trade.taker is not place.side
        and place.since < trade.at <= update.seen_at
        and (trade.price is None or (trade.price - ours) * sign <= 0)
        for trade in update.trades or ()
    )


@given(orders, books(price=scaled(40, 60, 2), size=whole_sizes), updates)
def test_a_mirrored_market_fills_the_mirrored_order_alike(order, book, seen):
    ours: Any = QueuePlace.joined(order.side, order.limit, order.size, MarketUpdate(book, 0.0))
    theirs: Any = QueuePlace.joined(
        order.side.opposite, 1 - order.limit, order.size, MarketUpdate(book.mirror(), 0.0)
    )
    for update in seen if ours and theirs else ():
        ours, filled = ours.after(update)
        theirs, mirrored = theirs.after(_mirrored(update))
        assert (filled, ours.front, ours.expected) == (mirrored, theirs.front, theirs.expected)


def _mirrored(update: MarketUpdate) -> MarketUpdate:
    told = update.trades and [
        TakerTrade(t.at, t.taker.opposite, t.size, None if t.price is None else 1 - t.price)
        for t in update.trades
    ]
    return MarketUpdate(update.book.mirror(), update.seen_at, told)


def _order(life: Life = Life.REST) -> Order:
    return Order("o-1", "A", Side.SELL, SIZE, PRICE, NOON, Aim.LEAVE, life)


def _queued(schedule=NO_MAKER_FEES):
    order = queued(_order(), "p-1", schedule, MarketUpdate(BOOK, 0.0))
    assert isinstance(order, QueuedOrder)
    return order


def test_an_order_that_would_cross_ends_without_a_fill_and_says_why():
    ended = queued(
        _order(), "p-1", NO_MAKER_FEES, MarketUpdate(OrderBook(ladder(("0.53", 1)), ()), 0.0)
    )
    assert isinstance(ended, Execution)
    assert (ended.status, ended.fills) == (OrderStatus.CANCELED, ())
    assert ended.error == "post-only at 52 c would have traded at once: cancelled"


def test_an_order_fills_in_parts_at_its_price_and_tells_all_of_them():
    order = _queued().after(MarketUpdate(BOOK, 1.0, [_bought(240)]), NOON)
    assert [(f.fill_id, f.size, f.price) for f in order.resting.fills] == [("p-1-1", 40, PRICE)]

    order = order.after(MarketUpdate(BOOK, 2.0, [_bought(300, at=1.5)]), NOON)
    end = order.ended("too late")
    assert (end.status, end.error) == (OrderStatus.FILLED, "")
    assert [(f.fill_id, f.size) for f in end.fills] == [("p-1-1", 40), ("p-1-2", 60)]


@pytest.mark.parametrize(
    ("schedule", "fee"), [(NO_MAKER_FEES, "0"), (MAKER_FEES, "0.4368")], ids=["none", "maker"]
)
def test_a_fill_is_charged_as_a_maker(schedule, fee):
    order = _queued(schedule).after(MarketUpdate(BOOK, 1.0, [_bought(300)]), NOON)
    assert order.ended().fees == Decimal(fee)


def test_the_end_tells_what_the_expected_reading_would_have_filled():
    order = _queued().after(MarketUpdate(_asks(("0.52", 600)), 1.0, []), NOON)
    order = order.after(MarketUpdate(_asks(("0.52", 300)), 2.0, []), NOON)
    last = MarketUpdate(_asks(("0.52", 200)), 3.0, [_bought(150, at=2.5)])
    end = order.after(last, NOON).ended("enough")
    assert (end.filled, end.expected) == (0, 50.0)


@given(orders, books(price=scaled(40, 60, 2), size=whole_sizes), updates, st.integers(0, 6))
def test_no_more_trades_than_was_asked_for_and_at_no_other_price(order, book, seen, leaves):
    found = queued(order, "p-1", MAKER_FEES, MarketUpdate(book, 0.0))
    for update in seen[:leaves]:
        found = found.after(update, NOON) if isinstance(found, QueuedOrder) else found
    ended = found.ended("enough") if isinstance(found, QueuedOrder) else found

    assert len({fill.fill_id for fill in ended.fills}) == len(ended.fills)
    assert ended.filled <= order.size
    assert (ended.status is OrderStatus.FILLED) is (ended.filled == order.size)
    assert all(fill.price == order.limit for fill in ended.fills)
