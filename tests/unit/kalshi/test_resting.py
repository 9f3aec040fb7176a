"""Real orders that rest: on the simulated exchange, whatever goes wrong and whoever dies."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina

from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Execution, Fill, Life, Order, OrderStatus, Unresolved
from bot.core.market.queue import MarketUpdate, TakerTrade
from bot.core.market.working import Resting, Step, WorkingOrder
from bot.kalshi.trading import resting
from bot.kalshi.trading.requests import KalshiTrading
from bot.sim.engine.events import Filled
from bot.sim.engine.orders import LiveOrder, OrderState, TimeInForce
from bot.sim.engine.units import size_contracts
from bot.sim.faults.kinds import KINDS
from tests.support.kalshi_stand import BOOK, FAR, TICKER, Stand, buying, stand, venue_on
from tests.support.sim_exchanges import request
from tests.support.strategies import SEEN_AT, approved, ladder, order
from tests.support.virtual_time import LoopClock, run_virtually

CREATE = "POST /portfolio/events/orders"
CANCEL = "DELETE /portfolio/events/orders/*"
AMEND = "POST /portfolio/events/orders/*/amend"
PRICE = "0.50"
LIFETIME = 30.0


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


def leaving(name: str = "x-1", size: str = "20", price: str = PRICE, **terms: Any) -> Order:
    wish = order(Side.SELL, size, price, name=name, aim=Aim.LEAVE, **terms)
    return replace(wish, life=Life.REST)


class Seat:
    """A long of 20, and an order that is to leave it while it rests."""

    def __init__(self, live: Stand) -> None:
        self.live = live
        self.venue = live.venue.resting
        self.taker = live.exchange.open_account("taker", {}, house=True)
        self.fills: list[Fill] = []

    async def enter(self, ticker: str = TICKER) -> None:
        await self.live.trade(buying(name=f"entry {ticker}".replace(" ", "-"), ticker=ticker))
        self.live.put(BOOK, ticker)

    async def rest(self, wish: Order | None = None) -> WorkingOrder:
        wish = wish or leaving(at=self.live.clock.now())
        told = await self.venue.rest(approved(wish, BOOK, seen_at=SEEN_AT))
        assert isinstance(told, Resting), told
        return WorkingOrder(told)

    async def news(self, working: WorkingOrder) -> Step:
        (answer,) = await self.venue.news((working,))
        return self.stepped(working, answer)

    async def withdraw(self, working: WorkingOrder, why: str = "enough") -> Step:
        working = working.withdrawn(why)
        answer = await self.venue.withdraw(working, self.live.clock.now(), is_over=False)
        return self.stepped(working, answer)

    def stepped(self, working: WorkingOrder, answer: Any) -> Step:
        step = working.after(answer)
        self.fills += step.fills
        self.fills += step.end.fills if step.end else ()
        return step

    def takes(self, size: float, cents: float = 50) -> None:
        """Somebody buys so much, first of all what others offer at that price: 10.5."""
        wanted = request(Side.BUY, size, cents, ticker=TICKER, time_in_force=TimeInForce.IOC)
        self.live.exchange.place(self.taker, wanted)

    def truth(self, name: str = "x-1") -> Decimal:
        """What the exchange says has traded of an order."""
        found = [one for one in self.live.ann.orders.values() if one.client_order_id == name]
        return sum((size_contracts(one.filled) for one in found), ZERO)

    def booked(self) -> Decimal:
        assert len({fill.fill_id for fill in self.fills}) == len(self.fills)
        return sum((fill.size for fill in self.fills), ZERO)

    @property
    def there(self) -> list[LiveOrder]:
        """What rests of ours at the exchange."""
        return list(self.live.ann.open_orders.values())


async def _seated(live: Stand) -> tuple[Seat, WorkingOrder]:
    seat = Seat(live)
    await seat.enter()
    return seat, await seat.rest()


async def test_it_waits_post_only_with_an_end_that_needs_nobody():
    async with stand() as live:
        seat, working = await _seated(live)

        (there,) = seat.there
        asked = there.request
        assert (asked.post_only, asked.reduce_only, asked.cancel_on_pause) == (True, False, True)
        assert asked.time_in_force is TimeInForce.GTC
        assert asked.expiration == live.clock.now() + timedelta(seconds=LIFETIME)
        assert asked.group_id in live.exchange.state.groups
        assert working.last.front == Decimal("10.5"), "all that is shown there stands before it"


async def test_an_order_that_would_take_is_not_sent_and_one_that_does_is_no_error():
    async with stand() as live:
        seat = Seat(live)
        await seat.enter()
        told = await seat.venue.rest(approved(leaving(price="0.48"), BOOK))
        assert isinstance(told, Execution)
        assert (told.status, told.order_id) == (OrderStatus.CANCELED, "")

        live.put(OrderBook(ladder(("0.50", 10)), ladder(("0.52", 10))), TICKER)
        told = await seat.venue.rest(approved(leaving(), BOOK))
        assert isinstance(told, Execution)
        assert (told.status, told.code) == (OrderStatus.CANCELED, "")
        assert told.error == "post-only at 50 c would have traded at once: cancelled"


QUEUE = "GET /portfolio/orders/queue_positions"


async def test_its_place_is_the_exchanges_own_read_three_times_in_a_lifetime():
    async with stand() as live:
        seat, working = await _seated(live)
        assert working.last.queue is None
        asked = []

        for _ in range(12):
            live.clock.pass_by(1)
            step = await seat.news(working)
            assert step.order is not None
            working = step.order
            asked.append(working.last.queue)
            if len(asked) == 5:
                seat.takes(4)

        assert asked == [Decimal("10.5")] * 10 + [Decimal("6.5")] * 2
        assert working.ahead == Decimal("6.5")
        assert working.last.front == Decimal("10.5"), "books alone do not tell"


async def test_a_place_that_cannot_be_read_is_not_known_and_the_order_rests_on():
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind="error", route=QUEUE)

        step = await seat.news(working)

        assert step.order is not None
        assert step.order.last.queue is None
        assert step.order.ahead == step.order.last.front
        assert seat.there


async def test_its_fills_are_the_exchanges_and_a_book_alone_fills_nothing():
    async with stand() as live:
        seat, working = await _seated(live)
        through = TakerTrade(SEEN_AT + 0.5, Side.BUY, Decimal(100), Decimal("0.51"))
        told = seat.venue.met(working, MarketUpdate(BOOK, SEEN_AT + 1, [through]), live.clock.now())
        assert seat.stepped(working, told).fills == ()

        seat.takes(15)
        step = await seat.news(working)
        assert step.order is not None
        assert [fill.size for fill in step.fills] == [Decimal("4.5")]
        assert step.order.left == Decimal("15.5")

        seat.takes(100)
        end = (await seat.news(step.order)).end
        assert end is not None
        assert end.status is OrderStatus.FILLED
        assert seat.booked() == seat.truth() == 20
        assert all(not one.is_taker for one in _fills_of(live, "x-1")), "a maker's fee, if any"


def _fills_of(live: Stand, name: str) -> list[Filled]:
    ids = {one.order_id for one in live.ann.orders.values() if one.client_order_id == name}
    return [fill for fill in live.ann.fills if fill.order_id in ids]


async def test_a_withdrawal_ends_with_what_the_exchange_counted():
    async with stand() as live:
        seat, working = await _seated(live)
        seat.takes(15)

        end = (await seat.withdraw(working)).end

        assert end is not None
        assert end.error == "withdrawn: enough; 4.5 of 20 filled"
        assert seat.booked() == seat.truth() == Decimal("4.5")
        assert seat.there == []


async def _until_it_ends(seat: Seat, working: WorkingOrder) -> Execution:
    """Withdraw it again and again, as whoever looks after it does."""
    for _ in range(60):
        step = await seat.withdraw(working)
        if step.end is not None:
            return step.end
        assert step.order is not None
        working = step.order
        seat.live.clock.pass_by(1)
    pytest.fail("it has no end after a minute")


FAULTS = [kind for kind, described in KINDS.items() if described.strikes(CANCEL)]


@pytest.mark.parametrize("trades", [0, 15, 100], ids=["untouched", "in part", "whole"])
@pytest.mark.parametrize("kind", FAULTS)
async def test_a_withdrawal_repeated_lost_or_late_ends_in_the_true_count(kind, trades):
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind=kind, route=CANCEL, count=1)
        if trades:
            seat.takes(trades)

        end = await _until_it_ends(seat, working)

        assert seat.there == []
        assert seat.booked() == seat.truth()
        assert (end.status is OrderStatus.FILLED) is (seat.truth() == 20)


@pytest.mark.parametrize("kind", [k for k, described in KINDS.items() if described.strikes(CREATE)])
async def test_whatever_happens_on_the_way_in_nothing_rests_that_nobody_knows_of(kind):
    async with stand() as live:
        seat = Seat(live)
        await seat.enter()
        live.fail(kind=kind, route=CREATE, count=1)

        told = await seat.venue.rest(approved(leaving(), BOOK))
        if isinstance(told, Unresolved):
            seat.takes(15)
            told = await live.resolve_later(told.order)
        if isinstance(told, Resting):
            seat.takes(15)
            told = await _until_it_ends(seat, WorkingOrder(told))
        else:
            seat.fills += told.fills if isinstance(told, Execution) else ()

        assert isinstance(told, Execution)
        assert seat.there == []
        assert seat.booked() == seat.truth()


@pytest.mark.parametrize("kind", ["cut_after", "error_after"])
async def test_one_whose_answer_was_lost_is_taken_out_at_once(kind):
    async with stand() as live:
        seat = Seat(live)
        await seat.enter()
        live.fail(kind=kind, route=CREATE, count=1)

        ended = await seat.venue.rest(approved(leaving(), BOOK))

        assert isinstance(ended, Execution), "nobody waits for it to run out"
        assert (ended.status, seat.there) == (OrderStatus.CANCELED, [])


async def test_reads_that_lag_book_nothing_twice_and_lose_nothing():
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind="lagging_reads", age=8, duration=20)
        seat.takes(15)
        step = await seat.news(working)
        assert step.order is not None

        end = await _until_it_ends(seat, step.order)

        assert end.error == "withdrawn: enough; 4.5 of 20 filled"
        assert seat.booked() == seat.truth()


# Who takes it out when something dies


async def test_left_alone_it_runs_out_and_what_traded_until_then_is_told():
    async with stand() as live:
        seat, working = await _seated(live)
        seat.takes(15)
        live.clock.pass_by(LIFETIME + 1)

        end = (await seat.news(working)).end

        assert seat.there == []
        assert end is not None
        assert "its time was over" in end.error
        assert seat.booked() == seat.truth() == Decimal("4.5")


async def test_the_next_term_takes_it_out_and_hears_what_it_filled():
    async with stand(opened=False) as live:
        handed_on = await live.venue.open_term(None)
        seat, working = await _seated(live)
        seat.takes(15)

        heir = venue_on(live.trading, live.clock)
        await heir.open_term(handed_on)

        assert seat.there == []
        told = await heir.resolve(working.order)
        assert isinstance(told, Execution)
        assert told.filled == seat.truth() == Decimal("4.5")
        assert "took it out" in told.error


async def test_the_end_of_a_term_takes_everything_out_on_every_shard():
    async with stand() as live:
        seat, _ = await _seated(live)
        await seat.enter(FAR)
        await seat.rest(leaving("x-2", ticker=FAR))
        assert len(seat.there) == 2

        await live.venue.close_term()

        assert seat.there == []
        late = await live.submit(buying(name="late"))
        assert isinstance(late, Execution)
        assert "no order group" in late.error


async def test_a_line_that_is_cut_for_its_lifetime_costs_no_more_than_that():
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind="cut")
        seat.takes(15)
        assert await seat.venue.news((working,)) == ()
        assert isinstance(await seat.venue.prolong(working), Resting), "it is not due yet"
        live.clock.pass_by(LIFETIME - 1)
        assert isinstance(await seat.venue.prolong(working), Unresolved)
        live.clock.pass_by(2)
        live.exchange.advance(live.clock.now())

        assert seat.there == []
        live.faults.clear()
        assert (await seat.news(working)).end is not None
        assert seat.booked() == seat.truth()


async def test_a_pause_of_trading_takes_it_out():
    async with stand() as live:
        seat, working = await _seated(live)
        live.exchange.pause_trading(True)

        assert (await seat.news(working)).end is not None
        assert seat.there == []


async def test_an_order_without_a_fate_takes_those_of_its_group_with_it():
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind="cut_after", route=CREATE, count=1)
        live.fail(kind="cut", route="GET /portfolio/orders")
        lost = replace(leaving("x-2", size="1"), life=Life.TAKE)
        assert isinstance(await live.submit(lost), Unresolved)
        live.faults.clear()
        live.clock.pass_by(5)

        assert isinstance(await live.venue.resolve(lost), Execution)
        assert (await seat.news(working)).end is not None
        assert seat.there == []


# Prolonging


async def test_half_a_lifetime_later_it_is_prolonged_in_its_place():
    async with stand() as live:
        seat, working = await _seated(live)
        live.clock.pass_by(LIFETIME / 2 - 1)
        await seat.venue.prolong(working)
        (there,) = seat.there
        first = there.expiration
        assert first == live.clock.now() + timedelta(seconds=LIFETIME / 2 + 1), "it is not due"
        seat.takes(15)

        live.clock.pass_by(1)
        await seat.venue.prolong(working)

        (same,) = seat.there
        assert same is there
        assert there.expiration == live.clock.now() + timedelta(seconds=LIFETIME)
        assert size_contracts(there.size) == 20, "what traded is part of it"
        seat.takes(3)
        assert seat.truth() == Decimal("7.5"), "nobody came before it meanwhile"
        live.clock.pass_by(LIFETIME - 1)
        assert (await seat.news(working)).order is not None, "the first end is no more"


@pytest.mark.parametrize("kind", [k for k, described in KINDS.items() if described.strikes(AMEND)])
async def test_a_prolonging_that_fails_changes_neither_its_size_nor_its_end_in_money(kind):
    async with stand() as live:
        seat, working = await _seated(live)
        live.fail(kind=kind, route=AMEND, count=1)
        seat.takes(15)
        live.clock.pass_by(LIFETIME / 2)
        answer = await seat.venue.prolong(working)
        step = seat.stepped(working, answer)
        assert step.order is not None

        end = await _until_it_ends(seat, step.order)

        assert end.error == "withdrawn: enough; 4.5 of 20 filled"
        assert seat.booked() == seat.truth() == Decimal("4.5")


@pytest.mark.parametrize("does", ["prolongs", "withdraws"])
def test_a_change_of_one_order_that_hangs_costs_the_pass_two_seconds(does):
    async def hangs(clock: LoopClock) -> None:
        async with stand(time=clock) as live:
            seat, working = await _seated(live)
            clock.pass_by(LIFETIME / 2)
            before = clock.passed
            live.faults.sleep = asyncio.sleep
            live.fail(kind="hang", route="* /portfolio/events/*", delay=60)

            if does == "prolongs":
                answer = await seat.venue.prolong(working)
            else:
                answer = await seat.venue.withdraw(working, clock.now(), is_over=False)

            assert isinstance(answer, Unresolved)
            assert clock.passed - before == 2

    run_virtually(hangs)


async def test_one_that_is_leaving_is_never_prolonged():
    async with stand() as live:
        seat, working = await _seated(live)
        live.clock.pass_by(LIFETIME - 1)
        await seat.venue.prolong(working.withdrawn("enough"))
        (there,) = seat.there
        assert there.expiration == live.clock.now() + timedelta(seconds=1)


# What the exchange holds


async def test_an_exit_rests_only_while_the_exchange_holds_what_is_left_of_it():
    async with stand() as live:
        seat, working = await _seated(live)
        seat.takes(15)
        step = await seat.news(working)
        assert step.order is not None
        assert step.order.last.block_reason == "", "what it traded itself is gone on both sides"

        own = request(Side.SELL, 6, 48, ticker=TICKER, time_in_force=TimeInForce.IOC)
        live.exchange.place(live.ann, own)

        step = await seat.news(step.order)
        assert step.order is not None
        assert step.order.last.block_reason == (
            "the exchange holds 9.5: an exit of 15.5 could open the other side"
        )


@pytest.mark.parametrize(
    ("side", "size", "objects"),
    [(Side.SELL, "20", False), (Side.SELL, "20.01", True), (Side.BUY, "1", True)],
)
async def test_an_exit_larger_than_what_is_held_there_does_not_rest(side, size, objects):
    async with stand() as live:
        seat = Seat(live)
        await seat.enter()
        assert bool(await seat.venue.rest_block_reason(TICKER, side, Decimal(size))) is objects


async def test_where_positions_cannot_be_read_no_exit_rests():
    async with stand() as live:
        live.fail(kind="error", route="GET /portfolio/positions")
        assert "cannot be read" in await live.venue.resting.rest_block_reason(
            TICKER, Side.SELL, Decimal(1)
        )


async def test_where_its_own_position_cannot_be_read_no_exit_rests():
    async with stand() as live:
        seat = Seat(live)
        await seat.enter()
        route = "GET /portfolio/positions"
        live.fail(kind="missing_field", route=route, field="position_fp")

        said = await seat.venue.rest_block_reason(TICKER, Side.SELL, Decimal(20))

        assert "what is held cannot be read: GET /portfolio/positions: entry 0" in said


async def test_while_nobody_sees_what_is_held_nothing_is_prolonged():
    async with stand() as live:
        seat, working = await _seated(live)
        (there,) = seat.there
        first = there.expiration
        live.clock.pass_by(LIFETIME / 2)
        live.fail(kind="error", route="GET /portfolio/positions")
        assert await seat.venue.news((working,)) == ()

        assert isinstance(await seat.venue.prolong(working), Unresolved)

        assert there.expiration == first
        live.faults.clear()
        assert (await seat.news(working)).order is not None
        await seat.venue.prolong(working)
        assert there.expiration == live.clock.now() + timedelta(seconds=LIFETIME)


async def never(*_: object) -> None:
    """An answer that does not come."""
    await asyncio.Event().wait()


async def test_positions_that_do_not_come_hold_up_neither_exits_nor_orders_in_doubt(monkeypatch):
    async with stand() as live:
        seat, working = await _seated(live)
        monkeypatch.setattr(resting, "LOOK_WITHIN", 0.01)
        monkeypatch.setattr(KalshiTrading, "holdings", never)

        assert await seat.venue.news((working,)) == ()
        assert "no answer" in await seat.venue.rest_block_reason(TICKER, Side.SELL, Decimal(1))


@pytest.mark.parametrize("route", ["order_by_id", "fills"])
async def test_one_end_that_does_not_come_holds_up_no_other_order(monkeypatch, route):
    async with stand() as live:
        seat, working = await _seated(live)
        seat.takes(31)
        with monkeypatch.context() as silent:
            silent.setattr(resting, "LOOK_WITHIN", 0.2)
            silent.setattr(KalshiTrading, route, never)
            async with asyncio.timeout(15):
                answers = await seat.venue.news((working,))
        assert not [one for one in answers if isinstance(one, Execution)]

        assert (await seat.news(working)).order is None
        assert seat.booked() == 20


async def test_what_rests_of_ours_is_no_order_of_other_hands():
    async with stand() as live:
        seat, _ = await _seated(live)
        assert (await live.venue.account()).resting == ()
        live.exchange.place(live.ann, request(Side.BUY, 1, 30, ticker=TICKER))
        assert len((await live.venue.account()).resting) == 1
        assert [one.state for one in seat.there] == [OrderState.RESTING] * 2
