"""Entries that rest on the exchange itself: trader, gateway and live venue, together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.events import OrderEnded, OrderFilled, OrderRested, OrderSubmitted
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Life
from tests.support.kalshi_stand import TICKER, stand
from tests.support.resting_floor import ENDS, Floor, play, stories
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

BUY, HOLD, SELL = 0.95, 0.5, 0.05
#: Contracts of others at the price that is joined.
AHEAD = 900
#: What the fee of each contract may be rounded up by, in dollars.
ROUNDING = Decimal("0.000101")


@pytest.fixture(autouse=True)
def _retries_do_not_wait():
    with stamina.set_testing(True, attempts=2):
        yield


@asynccontextmanager
async def ground(**more: Any) -> AsyncIterator[Floor]:
    """With an entry of 100 that rests behind 900."""
    async with stand(opened=False) as live:
        live.exchange.state.accounts["ann"].cash[0] = 10**9
        here = Floor(live, await live.venue.open_term(None), entries_rest=True, **more)
        (rested,) = only(await here.run(BUY), OrderRested)
        assert (rested.order.life, rested.order.aim) == (Life.REST, Aim.ENTER)
        yield here


async def test_it_is_post_only_in_the_group_of_entries_and_ends_by_itself():
    async with ground() as here:
        (there,) = here.there
        asked = there.request
        assert (asked.side, asked.post_only, asked.reduce_only) == (Side.BUY, True, False)
        assert there.expiration is not None
        assert here.held == here.desk.position(TICKER) == 0
        assert here.desk.store.intended[there.client_order_id].aim is Aim.ENTER

        here.pass_by(31)

        assert here.there == [], "nobody looked after it"


async def test_what_trades_is_booked_once_and_the_rest_waits_on():
    async with ground() as here:
        here.sells(AHEAD + 40)

        (filled,) = only(await here.poll(), OrderFilled)

        assert filled.left == 60
        assert here.desk.position(TICKER) == here.held == 40
        assert not only(await here.poll(), OrderFilled)
        assert not only(await here.run(BUY), OrderSubmitted), "it is not added to"
        here.sells(2_000)
        (ended,) = only(await here.poll(), OrderEnded)
        assert ended.execution.filled == 60
        assert here.desk.position(TICKER) == here.held == 100


@pytest.mark.parametrize("happens", ENDS)
async def test_it_is_out_of_the_book_with_the_next_look(happens: Callable[[Desk], None]):
    async with ground() as here:
        here.sells(AHEAD + 20)
        happens(here.desk)

        (ended,) = only(await here.poll(), OrderEnded)

        assert here.there == []
        assert ended.execution.error.endswith("; 20 of 100 filled")
        assert here.desk.position(TICKER) == here.held == 20


async def test_a_score_that_asks_for_it_no_more_takes_it_out():
    async with ground() as here:
        (ended,) = only(await here.run(HOLD), OrderEnded)

        assert "the score asks for no entry any more" in ended.execution.error
        assert here.there == []


async def test_what_it_traded_is_exited_only_once_it_is_out():
    async with ground() as here:
        here.sells(AHEAD + 20)
        await here.poll()
        here.live.fail(kind="cut", route="DELETE *")
        here.live.fail(kind="cut", route="GET /portfolio/orders/*")

        events = await here.run(HOLD)

        assert not only(events, OrderSubmitted)
        assert here.held == 20
        here.live.faults.clear()
        await here.run(HOLD)
        assert here.there == []
        assert here.desk.position(TICKER) == here.held == 0


async def test_a_process_that_dies_leaves_nothing_and_books_what_traded_once():
    async with ground() as here:
        here.sells(AHEAD + 20)
        await here.run(BUY)
        here.sells(30)

        await here.die()

        assert here.there == []
        (ended,) = only(await here.poll(), OrderEnded)
        assert ended.execution.filled == 30, "what traded since it was kept last"
        assert here.desk.position(TICKER) == here.held == 50


async def test_what_other_hands_hold_does_not_matter_to_an_entry():
    async with ground() as here:
        here.sells_by_hand(10)

        assert not only(await here.poll(), OrderEnded)
        assert len(here.there) == 1


async def test_all_that_rests_counts_as_reserved():
    async with ground() as here:
        assert here.desk.trader.reserved == Decimal("52.00") + 100 * ROUNDING
        here.sells(AHEAD + 40)
        await here.poll()
        assert here.desk.trader.reserved == Decimal("31.20") + 60 * ROUNDING
        here.desk.killed = "by hand"
        await here.poll()
        assert here.desk.trader.reserved == 0


async def test_it_follows_a_better_price_and_never_two_of_it_rest():
    async with ground() as here:
        better = OrderBook(ladder(("0.53", 50), ("0.52", 900)), ladder(("0.55", 40)))
        here.live.put(better, TICKER)
        here.desk.books[TICKER] = better
        here.pass_by(1)

        events = await here.desk.run(BUY, seconds=0)

        (ended,) = only(events, OrderEnded)
        assert "0.53" in ended.execution.error or "53 c" in ended.execution.error
        (there,) = here.there
        assert there.price == 5_300


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from((None, 30.0)), stories(BUY, BUY, HOLD, SELL))
def test_whatever_happens_in_whatever_order_both_sides_hold_the_same(patience, story):
    async def played() -> None:
        async with ground(patience=patience) as here:
            await play(here, story)

    with stamina.set_testing(True, attempts=2):
        asyncio.run(played())
