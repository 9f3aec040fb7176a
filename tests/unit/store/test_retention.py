"""What is old goes, the accounts stay."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from bot.core.account.portfolio import Portfolio
from bot.core.events import OrderEnded, PositionAdjusted
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.ports.persistence import CommitBatch, StateRecord
from bot.store import retention, rows
from bot.store.tables import books
from tests.support.store_tables import change
from tests.support.store_values import BOOK, CASH, failed, filled, order, settled
from tests.support.strategies import NOON, payouts, prices, scaled, sides

DAY = timedelta(days=1)
LATER = NOON + 10 * DAY


async def test_what_is_older_goes_and_the_rest_stays(led):
    old, new = filled(order(1)), filled(order(2, at=LATER))
    await led.store.intend(order(3))
    await led.commit(old, failed(1))
    await led.commit(new)
    before = await led.checkpoint()

    gone = await led.database.prune(led.term, BOOK, NOON + DAY)
    after = await led.checkpoint()

    # Of the old order itself, its fill, two events and the opening cash.
    assert gone == 5
    assert after.events == (new,)
    assert after.unresolved == (order(3),)
    assert (after.portfolio, after.commit) == (before.portfolio, before.commit)
    assert [row.client_order_id for row in led.rows()["orders"]] == ["c-2", "c-3"]
    assert await led.database.prune(led.term, BOOK, NOON + DAY) == 0


async def test_switches_that_are_off_go_and_what_is_wanted_stays(led):
    await led.database.switch(BOOK, "close:A", "", NOON)
    await led.database.switch(BOOK, "close:B", "", LATER)
    await led.database.switch(BOOK, "running", "off", NOON)

    await led.database.prune(led.term, BOOK, NOON + DAY)

    assert await led.database.switches(BOOK) == {"close:B": "", "running": "off"}


async def test_an_entry_that_is_old_but_came_late_waits_for_those_before_it(led):
    await led.commit(filled(order(1, at=LATER)), filled(order(2)))
    before = await led.checkpoint()

    await led.database.prune(led.term, BOOK, NOON + DAY)

    assert [row.client_order_id for row in led.rows()["fills"]] == ["c-1", "c-2"]
    assert len(led.rows()["orders"]) == 2
    assert (await led.checkpoint()).portfolio == before.portfolio


async def test_what_has_piled_up_goes_in_steps(led):
    many = 2 * retention.BATCH + 10
    await led.commit(*(failed(number) for number in range(many)))

    assert await led.database.prune(led.term, BOOK, LATER) == many + 1
    assert (await led.checkpoint()).events == ()


async def test_however_young_only_so_many_events_of_a_kind_stay(led):
    most = retention.ROOM * rows.NEWEST["FetchFailed"]
    for start in range(0, most + 200, 100):
        await led.commit(*map(failed, range(start, start + 100)), filled(order(start)))

    gone = await led.database.prune(led.term, BOOK, NOON - DAY)

    left = [row.kind for row in led.rows()["events"]]
    assert gone == 200
    assert left.count("FetchFailed") == most
    assert left.count("OrderEnded") == (most + 200) / 100


async def test_a_movement_whose_row_went_is_not_booked_again(led):
    moved = (BOOK, Decimal(500), "deposit", NOON + timedelta(seconds=1))
    assert await led.database.move_cash(led.term, *moved)
    before = (await led.checkpoint()).portfolio

    await led.database.prune(led.term, BOOK, LATER)

    assert led.rows()["cash_movements"] == []
    assert not await led.database.move_cash(led.term, *moved)
    assert (await led.checkpoint()).portfolio == before


async def test_trades_whose_rows_went_are_known_to_be_unknown(led):
    await led.commit(filled(order(1)))
    assert await led.database.trades_since(BOOK) == NOON

    await led.database.prune(led.term, BOOK, LATER)
    assert await led.database.trades_since(BOOK) == LATER
    await led.database.prune(led.term, BOOK, LATER - DAY)

    assert await led.database.trades_since(BOOK) == LATER
    assert await led.database.fill_ids(BOOK, LATER) == frozenset()


async def test_a_memo_that_was_forgotten_is_told_for_a_while(led):
    await led.commit(state_records=[StateRecord("k", "a", b"1"), StateRecord("k", "b", b"2")])
    await led.commit(state_records=[StateRecord("k", "a", None)])

    await led.database.prune(led.term, BOOK, NOON - DAY)
    reported = await led.database.news(BOOK, 1)
    change(led.url, update(books).values(commit=3 + retention.HEARD))
    gone = await led.database.prune(led.term, BOOK, NOON - DAY)

    assert reported.state_records == (StateRecord("k", "a", None),)
    assert gone == 1
    assert (await led.checkpoint()).state_records == {"k": {"b": b"2"}}


async def test_a_book_nobody_comes_back_to_goes_but_never_another_account(led):
    for name in ("paper:sim@dead", "paper:sim@alive", "live:production"):
        await led.database.open_book(led.term, name, CASH, NOON)
        store = led.database.store(led.term, name)
        named = order(len(name))
        await store.intend(order(100 + len(name)))
        await store.commit(
            CommitBatch((filled(named), settled()), (StateRecord("k", "a", b"1"),), b"1")
        )
        await led.database.switch(name, "running", "off", NOON)
    await led.commit(failed())
    change(led.url, update(books).where(books.c.book != "paper:sim@alive").values(written_at=0.0))

    gone = await led.database.prune(led.term, BOOK, NOON - DAY)

    left = led.rows()
    # Two orders, a fill, a settlement, cash, two events, memo, published, switch, the book.
    assert gone == 11
    assert {row.book for rows in left.values() for row in rows} == {
        BOOK,
        "paper:sim@alive",
        "live:production",
    }
    assert (await led.checkpoint()).events == (failed(),)
    assert len((await led.database.checkpoint("live:production")).events) == 2


@st.composite
def ledgers(draw):
    """Trades, settlements, adoptions and movements of cash of a few markets, each with its day."""
    steps: list[Any] = []
    portfolio = Portfolio.of_cash(CASH)
    for number in range(draw(st.integers(0, 12))):
        at = NOON + draw(st.integers(0, 5)) * DAY
        held = sorted(portfolio.positions)
        kind = draw(st.sampled_from(["fill", "fill", "fill", "settle", "move", "adjust"]))
        step: Any
        if kind == "settle" and held:
            step = settled(draw(st.sampled_from(held)), str(draw(payouts)), at)
            portfolio = portfolio.settle(step.ticker, step.payout)
        elif kind == "adjust":
            step = adjusted(draw, portfolio, at)
            portfolio = portfolio.adjusted(step.ticker, step.size, step.cost, at)
        elif kind == "move":
            step = draw(scaled(-1_000_000, 1_000_000, 4)), at
        else:
            step = trade(draw, number, at)
            portfolio = portfolio.after(step.execution.fills[0])
        steps.append(step)
    return steps


def adjusted(draw, portfolio, at):
    ticker, size = draw(st.sampled_from("ABC")), draw(scaled(-400, 400, 2))
    cost = abs(size) * draw(payouts)
    return PositionAdjusted(at, ticker, portfolio.size(ticker), size, cost)


def trade(draw, number, at):
    side, size = draw(sides), draw(scaled(1, 400, 2))
    wish = Order("", draw(st.sampled_from("ABC")), side, size, Decimal("0.5"), at)
    fill = Fill(
        f"f-{number}", "", wish.ticker, side, size, draw(prices), draw(scaled(0, 99, 4)), at
    )
    return OrderEnded(at, Execution(wish, "", OrderStatus.FILLED, (fill,)))


async def written(led, book, steps):
    """A book of its own with all of this in it."""
    await led.database.open_book(led.term, book, CASH, NOON - DAY)
    store = led.database.store(led.term, book)
    for number, step in enumerate(steps):
        match step:
            case (amount, at):
                await led.database.move_cash(led.term, book, amount, f"move {number}", at)
            case OrderEnded(at, done):
                named = replace(done.order, client_order_id=f"{book}-{number}")
                fills = [
                    replace(fill, client_order_id=named.client_order_id) for fill in done.fills
                ]
                done = replace(done, order=named, fills=tuple(fills))
                await store.commit(CommitBatch((OrderEnded(at, done),)))
            case _:
                await store.commit(CommitBatch((step,)))


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=ledgers(), cuts=st.lists(st.integers(0, 6), min_size=1, max_size=3))
async def test_the_accounts_are_the_same_to_the_last_digit_whatever_goes(led, numbers, steps, cuts):
    book = f"paper:{next(numbers)}"
    await written(led, book, steps)
    before = (await led.database.checkpoint(book)).portfolio

    for days in sorted(cuts):
        await led.database.prune(led.term, book, NOON + days * DAY)

        after = (await led.database.checkpoint(book)).portfolio
        # The text of a decimal has its last zeros, too.
        assert repr(after) == repr(before)
