"""Orders of one pass side by side on the simulated exchange: trader, gateway and live venue."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count

import httpx
import pytest

from bot.core.account.portfolio import Portfolio
from bot.core.events import OrderEnded, OrderUnresolved
from bot.core.market.orders import Aim
from bot.core.signals.strategy import Sizing
from bot.kalshi.trading.order_lookup import RENEWED_GROUP
from bot.kalshi.trading.requests import ORDER_PATIENCE
from bot.kalshi.trading.venue import AT_ONCE
from bot.ports.persistence import CommitBatch
from bot.sim.engine.units import size_contracts
from bot.trading.decision import TradeRules
from bot.trading.entry_guard import Safety
from bot.trading.side_by_side import EXIT_WAIT
from bot.trading.trader import Trader
from tests.support.kalshi_stand import BOOK, LIMIT, Stand, stand
from tests.support.strategies import NO_LIMITS
from tests.support.trading import THRESHOLDS, Desk, only
from tests.support.virtual_time import LoopClock, run_virtually

#: Seconds from an order to its answer on a quiet day.
QUIET = 0.3
SHARDS = {ticker: 2 * (number % 2) for number, ticker in enumerate("ABCDEFGH")}
TICKERS = tuple(SHARDS)
SIZE = 5


class Line(httpx.AsyncBaseTransport):
    """Every order takes so long to its answer; those of some markets hang, on their way or back."""

    def __init__(self) -> None:
        self.hangs: dict[str, str] = {}
        self.arrived: dict[str, float] = {}

    def to(self, good: httpx.AsyncBaseTransport) -> "Line":
        self._good = good
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST" or not request.url.path.endswith("/events/orders"):
            return await self._good.handle_async_request(request)
        ticker = json.loads(request.content)["ticker"]
        self.arrived[ticker] = asyncio.get_running_loop().time()
        await asyncio.sleep({"before": 60.0, "slow": 1.0}.get(self.hangs.get(ticker, ""), 0.0))
        response = await self._good.handle_async_request(request)
        await asyncio.sleep(60 if self.hangs.get(ticker) == "after" else QUIET)
        return response


class Room(Desk):
    """The service's own trader on the live venue, on the time of a loop."""

    def __init__(self, live: Stand, line: Line, clock: LoopClock) -> None:
        self.live, self.line, self.clock = live, line, clock
        super().__init__(*TICKERS, limits=NO_LIMITS)
        self._ids = (f"r{number}" for number in count(1))
        self.venue = live.venue  # type: ignore[assignment]  # the real one
        self.store.portfolio = Portfolio.of_cash(Decimal(1_500))
        self.restart()

    def _hired(self) -> Trader:
        rules = TradeRules(THRESHOLDS, Sizing(Decimal(SIZE), Decimal("0.01")), self.limits)
        safety = Safety(self.store, now=self.clock.now)
        return Trader(self.venue, rules, Decimal(1_500), self._ids, safety)

    async def passes(self, scores: Mapping[str, float]) -> float:
        """A pass on what the exchange shows; the seconds that it took."""
        self.at = began = self.clock.now()
        self.close_in(86_400)
        self.line.arrived.clear()
        for ticker in TICKERS:
            self.live.put(BOOK, ticker)
            self.books[ticker] = BOOK
        events = await self.act(scores)
        await self.store.commit(CommitBatch(events, self.trader.state_records()))
        return (self.clock.now() - began).total_seconds()

    async def settled(self) -> float:
        """Ask each half second until nothing is in doubt; the seconds that took."""
        began = self.clock.now()
        while self.trader.unresolved:
            await asyncio.sleep(0.5)
            events = await self.trader.resolve_in_doubt(self.clock.now())
            await self.store.commit(CommitBatch(events))
        return (self.clock.now() - began).total_seconds()

    def agrees(self) -> bool:
        """Whether both sides hold the same, and each order arrived once at most."""
        names = [one.client_order_id for one in self.live.ann.orders.values()]
        held = {t: size_contracts(self.live.ann.position(t)) for t in TICKERS}
        ours = {t: self.position(t) for t in TICKERS}
        is_kept = self.store.portfolio == self.trader.portfolio
        return held == ours and len(names) == len(set(names)) and is_kept


@asynccontextmanager
async def room(clock: LoopClock) -> AsyncIterator[Room]:
    line = Line()
    async with stand(wrap=line.to, limit=LIMIT, time=clock, shards=SHARDS) as live:
        yield Room(live, line, clock)


def _in_room(work: Callable[[Room], Awaitable[None]]) -> None:
    async def worked(clock: LoopClock) -> None:
        async with room(clock) as here:
            await work(here)

    run_virtually(worked)


BUY = dict.fromkeys(TICKERS, 0.9)
OUT = dict.fromkeys(TICKERS, 0.5)


def test_a_pass_of_quiet_orders_takes_as_long_as_a_few_of_them() -> None:
    async def work(here: Room) -> None:
        assert here.venue.at_once == AT_ONCE
        seconds = await here.passes(BUY)
        assert seconds == pytest.approx(2 * QUIET)
        assert here.agrees()

    _in_room(work)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("scores", [BUY, OUT], ids=["entries", "exits"])
def test_an_order_that_hangs_delays_others_by_less_than_a_quiet_order_takes(
    where: str, scores: Mapping[str, float]
) -> None:
    async def work(here: Room) -> None:
        if scores is OUT:
            await here.passes(BUY)
        began = here.clock.passed
        here.line.hangs = {"A": where}

        seconds = await here.passes(scores)

        others = [at - began for ticker, at in here.line.arrived.items() if ticker != "A"]
        assert len(others) == len(TICKERS) - 1
        # Seven on the four places that are left: on five, the last would go after one answer.
        assert max(others) == pytest.approx(QUIET)
        assert seconds == pytest.approx(ORDER_PATIENCE)
        assert {order.ticker for order in here.trader.unresolved} == {"A"}
        here.line.hangs = {}
        assert await here.settled() <= 5
        assert here.agrees()
        # An order on its way back traded, one that never arrived did not.
        done = {"before": scores is OUT, "after": scores is BUY}[where]
        assert here.position("A") == (SIZE if done else 0)

    _in_room(work)


def test_an_exit_that_hangs_holds_up_entries_for_a_moment_only() -> None:
    async def work(here: Room) -> None:
        await here.passes({"A": 0.9, "B": 0.9})
        began = here.clock.passed
        here.line.hangs = {"A": "before"}

        await here.passes({"A": 0.5, "B": 0.5, "C": 0.9, "D": 0.9})

        arrived = {ticker: at - began for ticker, at in here.line.arrived.items()}
        assert (arrived["A"], arrived["B"]) == pytest.approx((0, 0))
        assert (arrived["C"], arrived["D"]) == pytest.approx((EXIT_WAIT, EXIT_WAIT))
        here.line.hangs = {}
        await here.settled()
        assert here.agrees()

    _in_room(work)


def test_orders_on_their_way_while_the_group_of_one_is_stopped_end_and_stop_nothing() -> None:
    async def work(here: Room) -> None:
        here.line.hangs = {"A": "before"}
        await here.passes({"A": 0.9})

        # Its group is stopped half a second later, while those of the next pass are on their way.
        settling = asyncio.create_task(here.settled())
        here.line.hangs = dict.fromkeys(TICKERS, "slow")
        await here.passes({t: 0.9 for t in TICKERS if t != "A"})
        await settling
        ended = only(here.store.events, OrderEnded)
        # Of the five on their way those of its shard, and no later one.
        refused = {one.execution.order.ticker for one in ended if one.execution.code}
        assert refused == {"C", "E"}
        assert {one.execution.code for one in ended} == {"", RENEWED_GROUP}
        await here.passes(BUY)

        assert here.agrees()
        assert all(here.position(t) == SIZE for t in TICKERS)

    _in_room(work)


FAULTS = {
    "cut": {"kind": "cut"},
    "done, and cut": {"kind": "cut_after"},
    "an error": {"kind": "error"},
    "done, and an error": {"kind": "error_after"},
    "too many requests": {"kind": "rate_limited"},
    "late after it was given up": {"kind": "arrives_late", "delay": 3.0},
    "late answer": {"kind": "late_after", "delay": 4.0},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_becomes_of_some_all_are_booked_once_and_both_sides_agree(
    fault: dict[str, object],
) -> None:
    async def work(here: Room) -> None:
        here.live.faults.sleep = asyncio.sleep
        for scores in (BUY, OUT, BUY):
            here.live.fail(**fault, route="POST /portfolio/events/orders", count=3)
            await here.passes(scores)
            here.live.faults.clear()
            await here.settled()
            await asyncio.sleep(20)
            assert here.agrees()

        leaving = {name for name, o in here.store.intended.items() if o.aim is Aim.LEAVE}
        fills = [fill for fill in here.live.ann.fills if fill.client_order_id in leaving]
        assert fills

    _in_room(work)


def test_a_venue_that_is_all_silent_costs_a_pass_its_patience_by_places() -> None:
    async def work(here: Room) -> None:
        here.line.hangs = dict.fromkeys(TICKERS, "after")
        seconds = await here.passes(BUY)

        # Eight orders on five places.
        assert seconds == pytest.approx(2 * ORDER_PATIENCE)
        assert len(only(here.store.events, OrderUnresolved)) == len(TICKERS)
        here.line.hangs = {}
        assert await here.settled() <= 5
        assert here.agrees()
        assert all(here.position(t) == SIZE for t in TICKERS)

    _in_room(work)
