"""The bot on an account where other hands trade, too: what it closes, it never turns round."""

import asyncio
from contextlib import suppress
from decimal import Decimal

import stamina
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.core.events import OrderEnded
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim
from bot.kalshi.client import KalshiClient
from bot.sim.engine.errors import Rejected
from bot.sim.engine.orders import TimeInForce
from bot.sim.engine.units import size_contracts
from bot.trading.entry_guard import Safety
from bot.trading.trading_halts import TradingHalts
from tests.support.kalshi_stand import TICKER, Stand, stand
from tests.support.sim_exchanges import request
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

CREATE = "POST /portfolio/events/orders"
DEEP = OrderBook(bids=ladder(("0.52", 9_000)), asks=ladder(("0.53", 9_000)))

_SCORES = st.sampled_from((0.95, 0.05, 0.5))
_STEPS = st.one_of(
    st.tuples(st.just("bot"), _SCORES),
    st.tuples(st.just("stranger"), st.integers(-250, 250).filter(bool)),
    st.tuples(st.just("stranger rests"), st.sampled_from((52, 53))),
    st.tuples(st.just("fault"), st.sampled_from(("error", "cut", "error_after", "cut_after"))),
    st.tuples(st.just("later"), st.just(90)),
)


class Shared:
    """A bot and a stranger on one account of the simulated exchange."""

    def __init__(self, live: Stand) -> None:
        self.live = live
        self.desk = Desk(TICKER)
        self.desk.venue = live.venue  # type: ignore[assignment]  # the real one
        self.desk.restart()

    @property
    def held(self) -> Decimal:
        """What the exchange holds for the account."""
        return size_contracts(self.live.ann.position(TICKER))

    async def step(self, kind: str, value: float) -> None:
        self.live.put(DEEP, TICKER)
        self.desk.books[TICKER] = DEEP
        match kind:
            case "bot":
                await self.act(value)
            case "stranger":
                self.strange(int(value))
            case "stranger rests":
                side = Side.BUY if value == 52 else Side.SELL
                self.place(request(side, 7, value, ticker=TICKER, time_in_force=TimeInForce.GTC))
            case "fault":
                self.live.fail(kind=value, route=CREATE, count=1)
            case "later":
                self.live.clock.pass_by(value)

    def strange(self, size: int) -> None:
        """The owner trades by hand, at any price."""
        side = Side.BUY if size > 0 else Side.SELL
        price = 60 if size > 0 else 40
        self.place(request(side, abs(size), price, ticker=TICKER))

    def place(self, wanted) -> None:
        with suppress(Rejected):
            self.live.exchange.place(self.live.ann, wanted)

    async def act(self, score: float) -> None:
        """A pass of the bot; what it closed is no larger than before and on the same side."""
        self.live.clock.pass_by(1)
        self.desk.at = self.live.clock.now()
        before = self.held
        events = await self.desk.run(score, seconds=0)
        aims = {ended.execution.order.aim for ended in only(events, OrderEnded)}
        if self.desk.trader.unresolved:
            return
        if aims == {Aim.LEAVE}:
            assert abs(self.held) <= abs(before)
            assert self.held * before >= 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("bot", 0.95), ("stranger", -100), ("bot", 0.5), ("bot", 0.95), ("bot", 0.5)])
@example([("bot", 0.95), ("stranger", -40), ("fault", "cut_after"), ("bot", 0.5), ("bot", 0.5)])
@given(st.lists(_STEPS, min_size=3, max_size=12))
def test_no_exit_opens_a_position_whatever_a_stranger_does(steps):
    async def played() -> None:
        async with stand() as live:
            shared = Shared(live)
            for kind, value in steps:
                await shared.step(kind, value)

    with stamina.set_testing(True, attempts=2):
        asyncio.run(played())


async def test_an_order_that_is_not_taken_is_no_entry_and_the_next_one_waits():
    async with stand() as live:
        shared = Shared(live)
        live.ann.cash[0] = 0
        halts = TradingHalts(
            KalshiClient(live.calls._http, live.calls._budget, live.clock), live.clock
        )
        await halts.refresh({0})
        safety = Safety(shared.desk.store, halt=halts.halt, ended=halts.ended)
        shared.desk.trader._gateway._safety = safety

        for _ in range(30):
            await shared.step("bot", 0.95)

        tries = [end for end in shared.desk.store.events if isinstance(end, OrderEnded)]
        assert [end.execution.code for end in tries] == ["insufficient_balance"]
        assert shared.desk.trader._entry_guard.breakers.entries == ()
        assert "no entry on shard 0 until" in str(halts.fault)


async def test_a_position_closed_by_hand_is_not_sold_again():
    async with stand() as live:
        shared = Shared(live)
        await shared.step("bot", 0.95)
        shared.strange(-100)
        assert not shared.held
        assert shared.desk.position(TICKER) == 100

        for _ in range(3):
            await shared.step("bot", 0.5)

        assert shared.held == 0
