"""What every venue promises of an order that rests, whatever exchange is behind it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.market.orders import Aim, Execution, Fill, Life, Order, OrderStatus
from bot.core.market.queue import MarketUpdate, TakerTrade
from bot.core.market.working import Answer, Resting, WorkingOrder
from bot.ports.exchange import RestingVenue
from bot.sim.engine.orders import TimeInForce
from bot.trading.paper_venue import PaperVenue
from tests.support.kalshi_stand import BOOK, TICKER, Stand, buying, stand
from tests.support.sim_exchanges import request
from tests.support.strategies import NOON, SEEN_AT, approved, order


@dataclass(frozen=True)
class Wish:
    """An order of 20 that rests: prices that join, go inside the spread, and would trade at once.

    `ahead` are the contracts that others show at the price that is joined.
    """

    aim: Aim
    side: Side
    joined: str
    inside: str
    crossing: str
    ahead: Decimal

    def order(self, price: str) -> Order:
        wish = order(self.side, "20", price, name="x-1", aim=self.aim, ticker=TICKER)
        return replace(wish, life=Life.REST)


WISHES = (
    Wish(Aim.LEAVE, Side.SELL, "0.50", "0.49", "0.48", BOOK.asks[0].size),
    Wish(Aim.ENTER, Side.BUY, "0.48", "0.49", "0.50", BOOK.bids[0].size),
    Wish(Aim.ENTER, Side.SELL, "0.50", "0.49", "0.48", BOOK.asks[0].size),
)


class RestingStage(Protocol):
    """A venue where others show BOOK, and 20 contracts of TICKER are held if they are to leave."""

    @property
    def wish(self) -> Wish:
        """What rests."""
        ...

    @property
    def venue(self) -> RestingVenue:
        """The venue under test."""
        ...

    async def trade(self, size: str) -> None:
        """Takers trade so many at the price that is joined, first what was there first."""
        ...

    async def reported(self, working: WorkingOrder) -> Sequence[Answer]:
        """What the venue says by now of an order."""
        ...


class PaperStage:
    """Books and trades are the venue's only source."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.trades: list[TakerTrade] = []
        self.now = SEEN_AT
        self.venue: Any = PaperVenue(next_update=self._next)

    async def trade(self, size: str) -> None:
        self.now += 1
        side, price = self.wish.side.opposite, Decimal(self.wish.joined)
        self.trades.append(TakerTrade(self.now, side, Decimal(size), price))

    async def reported(self, working: WorkingOrder) -> Sequence[Answer]:
        update = await self._next(TICKER, 0.0)
        return [self.venue.met(working, update, NOON)]

    async def _next(self, _ticker: str, _since: float) -> MarketUpdate:
        self.now += 1
        return MarketUpdate(BOOK, self.now, tuple(self.trades))


class LiveStage:
    """The simulated exchange's own record is what the venue asks for."""

    def __init__(self, live: Stand, wish: Wish) -> None:
        self.live = live
        self.wish = wish
        self.venue = live.venue.resting
        self.taker = live.exchange.open_account("taker", {}, house=True)

    async def trade(self, size: str) -> None:
        side, cents = self.wish.side.opposite, int(100 * Decimal(self.wish.joined))
        ioc = TimeInForce.IOC
        wanted = request(side, float(size), cents, ticker=TICKER, time_in_force=ioc)
        self.live.exchange.place(self.taker, wanted)

    async def reported(self, working: WorkingOrder) -> Sequence[Answer]:
        self.live.clock.pass_by(1)
        return await self.venue.news((working,))


@asynccontextmanager
async def paper(wish: Wish) -> AsyncIterator[RestingStage]:
    yield PaperStage(wish)


@asynccontextmanager
async def live(wish: Wish) -> AsyncIterator[RestingStage]:
    async with stand() as ready:
        if wish.aim is Aim.LEAVE:
            await ready.trade(buying(name="entry"))
        ready.put(BOOK, TICKER)
        yield LiveStage(ready, wish)


class Seat:
    """An order through its life on a stage, and all its fills."""

    def __init__(self, stage: RestingStage) -> None:
        self.stage = stage
        self.fills: list[Fill] = []
        self.end: Execution | None = None

    async def rest(self, price: str | None = None) -> WorkingOrder:
        wish = self.stage.wish
        wanted = wish.order(wish.joined if price is None else price)
        answer = await self.stage.venue.rest(approved(wanted, BOOK))
        assert isinstance(answer, Resting), answer
        self.working: WorkingOrder | None = WorkingOrder(answer)
        return self.working

    async def ask(self) -> None:
        assert self.working is not None
        for answer in await self.stage.reported(self.working):
            self.apply(answer)

    async def withdraw(self) -> None:
        assert self.working is not None
        leaving = self.working.withdrawn("enough")
        later = NOON + timedelta(minutes=1)
        for _ in range(2):
            self.working = leaving
            self.apply(await self.stage.venue.withdraw(leaving, later, is_over=False))

    def apply(self, answer: Answer) -> None:
        assert self.working is not None
        step = self.working.after(answer)
        self.fills += step.fills
        if step.end is not None and self.end is None:
            self.end = step.end
            self.fills += step.end.fills
        self.working = step.order

    @property
    def filled(self) -> Decimal:
        assert len({fill.fill_id for fill in self.fills}) == len(self.fills)
        return sum((fill.size for fill in self.fills), ZERO)


async def it_joins_behind_all_that_is_shown_at_its_price(stage: RestingStage) -> None:
    working = await Seat(stage).rest()
    assert working.last.is_best
    assert (working.last.front, working.left) == (stage.wish.ahead, Decimal(20))


async def inside_the_spread_nobody_is_before_it(stage: RestingStage) -> None:
    working = await Seat(stage).rest(stage.wish.inside)
    assert working.last.is_best
    assert working.last.front == 0


async def what_would_take_ends_and_says_so(stage: RestingStage) -> None:
    answer = await stage.venue.rest(approved(stage.wish.order(stage.wish.crossing), BOOK))
    assert isinstance(answer, Execution)
    assert (answer.status, answer.fills, answer.code) == (OrderStatus.CANCELED, (), "")
    cents = int(100 * Decimal(stage.wish.crossing))
    assert answer.error == f"post-only at {cents} c would have traded at once: cancelled"


async def who_came_first_trades_first(stage: RestingStage) -> None:
    life = Seat(stage)
    await life.rest()
    await stage.trade(str(stage.wish.ahead))
    await life.ask()
    assert life.end is None
    assert life.filled == 0


async def a_part_that_traded_is_told_once_at_its_price(stage: RestingStage) -> None:
    life = Seat(stage)
    await life.rest()
    await stage.trade(str(stage.wish.ahead + 5))
    for _ in range(2):
        await life.ask()

    assert life.end is None
    assert life.filled == 5
    assert {fill.price for fill in life.fills} == {Decimal(stage.wish.joined)}
    assert {(fill.client_order_id, fill.side) for fill in life.fills} == {("x-1", stage.wish.side)}
    assert all(fill.fee == 0 for fill in life.fills), "makers pay nothing in a usual series"


async def it_ends_with_its_last_contract(stage: RestingStage) -> None:
    life = Seat(stage)
    await life.rest()
    await stage.trade(str(stage.wish.ahead + 5))
    await life.ask()
    await stage.trade("15")
    await life.ask()

    assert life.end is not None
    assert (life.end.status, life.end.error) == (OrderStatus.FILLED, "")
    assert life.filled == 20


async def a_withdrawal_ends_with_what_had_traded_however_often_it_is_asked_for(
    stage: RestingStage,
) -> None:
    life = Seat(stage)
    await life.rest()
    await stage.trade(str(stage.wish.ahead + 5))
    await life.withdraw()

    assert life.end is not None
    assert life.end.error == "withdrawn: enough; 5 of 20 filled"
    assert life.filled == 5


Promise = Callable[[RestingStage], Coroutine[Any, Any, None]]
PROMISES: tuple[Promise, ...] = (
    it_joins_behind_all_that_is_shown_at_its_price,
    inside_the_spread_nobody_is_before_it,
    what_would_take_ends_and_says_so,
    who_came_first_trades_first,
    a_part_that_traded_is_told_once_at_its_price,
    it_ends_with_its_last_contract,
    a_withdrawal_ends_with_what_had_traded_however_often_it_is_asked_for,
)
#: Every venue where orders rest; a new one joins with one line.
STAGES: dict[str, Callable[[Wish], AbstractAsyncContextManager[RestingStage]]] = {
    "paper": paper,
    "live": live,
}


@pytest.mark.parametrize("wish", WISHES, ids=["exit", "entry", "entry of NO"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("opened", STAGES.values(), ids=STAGES.keys())
async def test_every_venue_keeps_its_promises_of_what_rests(opened, promise, wish):
    async with opened(wish) as stage:
        await promise(stage)
