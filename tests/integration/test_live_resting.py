"""Exits that rest on the exchange itself: the trader, its gateway and the live venue, together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import stamina
from hypothesis import HealthCheck, given, settings

from bot.core.events import OrderEnded, OrderFilled, OrderRefused, OrderRested
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Life
from tests.support.kalshi_stand import TICKER, stand
from tests.support.resting_floor import (
    ENDS,
    Floor,
    lose_the_database,
    lose_the_lease,
    play,
    stories,
)
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

BUY, LEAVE = 0.95, 0.5
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _retries_do_not_wait():
    with stamina.set_testing(True, attempts=2):
        yield


@asynccontextmanager
async def floor() -> AsyncIterator[Floor]:
    """With a position of 100 and an exit of it that rests behind 40."""
    async with stand(opened=False) as live:
        live.exchange.state.accounts["ann"].cash[0] = 10**9
        here = Floor(live, await live.venue.open_term(None), patience=PATIENCE)
        live.put(OrderBook(bids=ladder(("0.52", 900)), asks=ladder(("0.53", 900))), TICKER)
        here.desk.books[TICKER] = OrderBook(ladder(("0.52", 900)), ladder(("0.53", 900)))
        here.pass_by(1)
        await here.desk.run(BUY, seconds=0)
        assert here.held == here.desk.position(TICKER) == 100
        (rested,) = only(await here.run(LEAVE), OrderRested)
        assert rested.order.life is Life.REST
        assert len(here.there) == 1
        yield here


async def test_its_row_is_written_before_it_is_sent():
    async with floor() as here:
        (there,) = here.there
        intended = here.desk.store.intended[there.client_order_id]
        assert (intended.aim, intended.life) == (Aim.LEAVE, Life.REST)
        assert there.client_order_id not in here.desk.store.ended


async def test_what_trades_is_known_between_two_passes_and_booked_once():
    async with floor() as here:
        here.takes(100)

        (filled,) = only(await here.poll(), OrderFilled)

        assert filled.left == here.desk.position(TICKER) == here.held == 40
        assert not only(await here.poll(), OrderFilled)
        here.takes(100)
        (ended,) = only(await here.poll(), OrderEnded)
        assert ended.execution.filled == 40
        assert here.desk.position(TICKER) == here.held == 0


async def test_after_its_patience_it_is_withdrawn_first_and_then_the_rest_is_taken():
    async with floor() as here:
        here.takes(100)
        await here.poll()

        await here.run(LEAVE, seconds=PATIENCE / 2)
        events = await here.run(LEAVE, seconds=PATIENCE / 2)

        withdrawn, taken = [event.execution for event in only(events, OrderEnded)]
        assert withdrawn.error == "withdrawn: not filled within 30 s; 60 of 100 filled"
        assert (taken.order.life, taken.order.size) == (Life.TAKE, 40)
        assert here.there == []
        assert here.desk.position(TICKER) == here.held == 0


async def test_nothing_is_taken_before_the_end_of_what_rests_is_certain():
    async with floor() as here:
        here.live.fail(kind="cut", route="DELETE *")
        here.live.fail(kind="cut", route="GET /portfolio/orders/*")

        events = await here.run(LEAVE, seconds=PATIENCE)

        assert not only(events, OrderEnded)
        assert not only(events, OrderRefused), "nothing else is even tried"
        assert here.desk.trader.working[TICKER].leaving
        assert here.held == 100
        here.live.faults.clear()
        await here.run(LEAVE)
        assert here.desk.position(TICKER) == here.held == 0


@pytest.mark.parametrize("happens", ENDS)
async def test_it_is_out_of_the_book_with_the_next_look(happens: Callable[[Desk], None]):
    async with floor() as here:
        here.takes(60)
        happens(here.desk)

        (ended,) = only(await here.poll(), OrderEnded)

        assert here.there == []
        assert ended.execution.error.endswith("; 20 of 100 filled")
        assert here.desk.position(TICKER) == here.held == 80


@pytest.mark.parametrize("happens", [lose_the_lease, lose_the_database])
async def test_who_does_not_lead_for_certain_prolongs_nothing(happens: Callable[[Desk], None]):
    async with floor() as here:
        (there,) = here.there
        first = there.expiration
        happens(here.desk)
        here.live.fail(kind="cut", route="DELETE *")

        await here.run(LEAVE, seconds=20)

        assert there.expiration == first
        await here.poll(seconds=15)
        assert here.there == []


@pytest.mark.parametrize("happens", [None, lose_the_lease, lose_the_database])
async def test_the_gateway_itself_prolongs_for_nobody_else(happens: Callable[[Desk], None] | None):
    async with floor() as here:
        (there,) = here.there
        first = there.expiration
        here.pass_by(20)
        if happens is not None:
            happens(here.desk)

        await here.desk.trader._gateway.prolong(TICKER)

        assert (there.expiration == first) is (happens is not None)


async def test_while_it_is_wanted_each_pass_lets_it_rest_on_beyond_its_lifetime():
    async with floor() as here:
        here.desk.patience = 600
        here.desk.trader._resting._patience = 600
        (there,) = here.there
        for _ in range(9):
            await here.run(LEAVE, seconds=10)
        assert here.there == [there]


async def test_without_a_book_it_is_taken_out_by_that_very_pass():
    async with floor() as here:
        missing = {TICKER: "timeout"}
        trader = here.desk.trader
        events = await trader.withdraw_unseen(here.desk.at, missing, here.desk.markets)
        assert only(events, OrderEnded)
        assert here.there == []


async def test_a_process_that_dies_leaves_nothing_and_what_was_booked_is_not_booked_again():
    async with floor() as here:
        here.takes(60)
        (filled,) = only(await here.run(LEAVE), OrderFilled)
        assert sum(fill.size for fill in filled.fills) == 20
        here.takes(50)

        await here.die()

        assert here.there == []
        assert here.desk.position(TICKER) == 80
        (ended,) = only(await here.poll(), OrderEnded)
        assert ended.execution.filled == 50, "what traded since it was kept last"
        assert here.desk.position(TICKER) == here.held == 30
        await here.run(LEAVE)
        assert here.desk.position(TICKER) == here.held


async def test_a_position_that_other_hands_closed_takes_the_exit_out_and_the_next_one_takes():
    async with floor() as here:
        here.sells_by_hand(70)

        (ended,) = only(await here.poll(), OrderEnded)

        assert ended.execution.error.startswith("withdrawn: the exchange holds 30")
        assert here.there == []
        await here.run(LEAVE)
        assert here.held == 0, "reduce_only: it closes what is there and opens nothing"


async def test_an_exit_larger_than_what_is_held_there_is_never_rested():
    async with floor() as here:
        here.desk.killed = "by hand"
        await here.poll()
        here.sells_by_hand(1)
        here.desk.killed = None

        events = await here.run(LEAVE)

        assert not only(events, OrderRested)
        assert here.held == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories(BUY, LEAVE, LEAVE, 0.05))
def test_whatever_happens_in_whatever_order_both_sides_hold_the_same(story):
    async def played() -> None:
        async with floor() as here:
            await play(here, story)

    with stamina.set_testing(True, attempts=2):
        asyncio.run(played())
