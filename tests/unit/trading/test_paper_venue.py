from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Execution, OrderStatus
from bot.trading.paper_venue import PaperVenue
from tests.support.strategies import (
    NOON,
    SEEN_AT,
    approved,
    books,
    fill,
    ladder,
    order,
    prices,
    schedules,
    sides,
    sizes,
)

BOOK = OrderBook(bids=ladder(("0.48", 10), ("0.47", 20)), asks=ladder(("0.50", 10), ("0.52", 30)))


async def _bought(
    venue, size, limit="0.52", *, name="c-1", seen_at=SEEN_AT, book=BOOK
) -> Execution:
    wish = order(Side.BUY, size, limit, name=name)
    execution = await venue.submit(approved(wish, book, seen_at=seen_at))
    assert isinstance(execution, Execution)
    return execution


async def test_a_fill_walks_the_book_and_pays_the_fee_of_every_level():
    execution = await _bought(PaperVenue(), 15)

    assert execution.status is OrderStatus.FILLED
    assert execution.order_id == "paper-c-1"
    assert execution.error == ""
    assert execution.fills == (
        replace(fill(Side.BUY, 10, "0.50", fee="0.175"), fill_id="paper-c-1-1"),
        replace(fill(Side.BUY, 5, "0.52", fee="0.0874"), fill_id="paper-c-1-2"),
    )


async def test_times_are_those_of_the_order():
    execution = await _bought(PaperVenue(), 15)

    assert {trade.at for trade in execution.fills} == {NOON}


async def test_what_is_not_shown_within_the_limit_is_cancelled_and_said():
    execution = await _bought(PaperVenue(), 15, "0.51")

    assert execution.status is OrderStatus.PARTIALLY_FILLED
    assert execution.filled == 10
    assert execution.error == "no more asks within 51 c (they begin at 50 c)"


async def test_a_limit_below_the_book_trades_nothing():
    execution = await _bought(PaperVenue(), 15, "0.49")

    assert (execution.status, execution.fills) == (OrderStatus.CANCELED, ())
    assert execution.error == "no more asks within 49 c (they begin at 50 c)"


async def test_a_side_nobody_shows_trades_nothing():
    execution = await _bought(PaperVenue(), 15, book=OrderBook(BOOK.bids, ()))

    assert (execution.status, execution.fills) == (OrderStatus.CANCELED, ())
    assert execution.error == "the book has no asks"


async def test_what_was_taken_is_gone_until_a_newer_book_comes():
    venue = PaperVenue()

    amounts = [
        (await _bought(venue, 25, name="c-1")).filled,
        (await _bought(venue, 25, name="c-2")).filled,
        (await _bought(venue, 25, name="c-3")).filled,
        (await _bought(venue, 25, name="c-4", seen_at=SEEN_AT - 1)).filled,
        (await _bought(venue, 25, name="c-5")).filled,
        (await _bought(venue, 25, name="c-6", seen_at=SEEN_AT + 1)).filled,
    ]

    assert amounts == [25, 15, 0, 0, 0, 25]


async def test_one_side_and_one_market_are_taken_without_the_others():
    venue = PaperVenue()
    await _bought(venue, 40)

    sold = await venue.submit(approved(order(Side.SELL, 30, "0.47", name="c-2"), BOOK))
    there = await venue.submit(approved(order(Side.BUY, 40, "0.52", name="c-3", ticker="B"), BOOK))

    assert sold.filled == 30
    assert there.filled == 40


async def test_the_same_client_order_id_trades_once():
    venue = PaperVenue()
    first = await _bought(venue, 5)

    again = await _bought(venue, 5, seen_at=SEEN_AT + 1)

    assert first.filled == 5
    assert (again.status, again.fills) == (OrderStatus.ERROR, ())
    assert again.error == "client order id c-1 was used before: nothing traded"


async def test_an_order_that_traded_nothing_has_used_its_id_too():
    venue = PaperVenue()
    await _bought(venue, 5, "0.01")

    assert (await _bought(venue, 5)).status is OrderStatus.ERROR


async def test_an_order_that_nobody_lived_to_book_never_traded_and_never_will():
    venue, lost = PaperVenue(), order(Side.BUY, 5, "0.52")

    found = await venue.resolve(lost)

    assert (found.order, found.status, found.fills) == (lost, OrderStatus.CANCELED, ())
    assert found.error == "the paper order never traded: the service ended first"
    assert (await _bought(venue, 5)).status is OrderStatus.ERROR
    assert await venue.resolve(lost) == found


async def test_the_fate_of_an_order_stays_what_it_was_when_its_id_comes_again():
    venue = PaperVenue()
    first = await _bought(venue, 5)
    await _bought(venue, 5)

    assert await venue.resolve(order(Side.BUY, 5, "0.52")) == first


async def test_its_memory_is_bounded():
    venue = PaperVenue(remembered_orders=2, remembered_books=1)
    for name in ("c-1", "c-2", "c-3"):
        await _bought(venue, 1, name=name)

    assert (await _bought(venue, 1, name="c-3")).status is OrderStatus.ERROR
    assert (await _bought(venue, 1, name="c-1")).status is OrderStatus.FILLED

    await venue.submit(approved(order(Side.BUY, 1, "0.52", name="c-9", ticker="B"), BOOK))
    assert (await _bought(venue, 40, name="c-4")).filled == 40


orders = st.lists(st.tuples(sides, sizes, prices, st.integers(0, 2)), min_size=1, max_size=6)


@given(books(), orders, schedules)
async def test_however_often_asked_a_book_gives_what_it_shows_and_no_more(book, wanted, fees):
    venue, got = PaperVenue(), {Side.BUY: ZERO, Side.SELL: ZERO}
    for number, (side, size, limit, _) in enumerate(wanted):
        wish = order(side, size, limit, name=f"c-{number}")
        execution = await venue.submit(approved(wish, book, fees=fees))
        got[side] += execution.filled

        assert execution.filled <= size
        assert all((limit - trade.price) * side.sign >= 0 for trade in execution.fills)
        assert (execution.filled == size) is (execution.status is OrderStatus.FILLED)
        assert bool(execution.error) is (execution.status is not OrderStatus.FILLED)

    for side, amount in got.items():
        assert amount <= sum(level.size for level in book.against(side))


@given(books(), orders)
async def test_the_same_orders_end_the_same_and_keep_the_accounts_exact(book, wanted):
    ends = []
    for _ in range(2):
        venue, portfolio = PaperVenue(), Portfolio.of_cash(Decimal(10**9))
        executions = []
        for number, (side, size, limit, later) in enumerate(wanted):
            wish = order(side, size, limit, name=f"c-{number}")
            verdict = approved(wish, book, seen_at=SEEN_AT + later, portfolio=portfolio)
            executions.append(await venue.submit(verdict))
            for trade in executions[-1].fills:
                portfolio = portfolio.after(trade)
        ends.append((executions, portfolio))

        earned = portfolio.start + portfolio.realised - portfolio.fees
        assert portfolio.cash + portfolio.exposure == earned
    assert ends[0] == ends[1]
