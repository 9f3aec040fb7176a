"""Where nothing may be traded: the exchange's word, and only while it is fresh and readable."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bot.core.events import OrderRefused
from bot.core.market.exchange_status import ExchangeStatus, ShardStatus
from bot.core.market.market import Market, Side
from bot.core.market.orders import Aim, Execution, OrderStatus
from bot.core.risk.limits import Stop
from bot.ports.exchange import ExchangeError
from bot.trading.entry_guard import Safety
from bot.trading.trading_halts import TradingHalts
from tests.support.fakes import HandClock
from tests.support.strategies import NOON, open_market, order
from tests.support.trading import Desk, only

OPEN = ShardStatus(exchange_active=True, trading_active=True)
PAUSED = ShardStatus(exchange_active=True, trading_active=False)
FAR = open_market("B", exchange_index=2)


@dataclass
class Says:
    """An exchange that says this of its shards."""

    shards: dict[int, ShardStatus] = field(default_factory=lambda: {0: OPEN, 2: OPEN})
    fails: str = ""
    asked: int = 0

    async def exchange_status(self) -> ExchangeStatus:
        self.asked += 1
        if self.fails:
            raise ExchangeError(self.fails)
        return ExchangeStatus(self.shards)


def _rule(stop: Stop | None) -> str | None:
    return stop.rule if stop else None


async def test_a_paused_shard_stops_its_markets_and_no_others():
    clock, says = HandClock(), Says({0: OPEN, 2: PAUSED})
    halts = TradingHalts(says, clock)

    await halts.refresh({0, 2})

    assert halts.halt(open_market("A"), Aim.LEAVE) is None
    assert halts.halt(FAR, Aim.LEAVE) == Stop(
        "trading_pause", "trading is paused on shard 2: no orders, exits neither"
    )
    assert halts.fault == "trading is paused on shard 2"


async def test_a_shard_where_no_market_is_watched_is_not_a_fault():
    halts = TradingHalts(Says({0: OPEN, 2: PAUSED}), HandClock())

    await halts.refresh({0})

    assert halts.fault is None


async def test_what_was_never_asked_or_cannot_be_read_is_not_open():
    says = Says(fails="no answer")
    halts = TradingHalts(says, HandClock())
    assert _rule(halts.halt(open_market(), Aim.LEAVE)) == "trading_pause"

    await halts.refresh({0})

    assert _rule(halts.halt(open_market(), Aim.LEAVE)) == "trading_pause"
    assert halts.fault == "whether the exchange trades cannot be read: no answer"


async def test_a_status_is_read_again_once_it_is_old_or_an_order_was_refused():
    clock, says = HandClock(), Says()
    halts = TradingHalts(says, clock)
    for _ in range(3):
        await halts.refresh({0})
    assert says.asked == 1

    clock.pass_by(10)
    await halts.refresh({0})
    assert says.asked == 2

    halts.ended(open_market(), refusal("exchange_is_paused"))
    await halts.refresh({0})
    assert says.asked == 3


async def test_a_failed_reading_does_not_leave_the_last_one_in_force():
    clock, says = HandClock(), Says()
    halts = TradingHalts(says, clock)
    await halts.refresh({0})
    clock.pass_by(10)
    says.fails = "HTTP 500"

    await halts.refresh({0})

    assert _rule(halts.halt(open_market(), Aim.LEAVE)) == "trading_pause"


async def test_a_market_that_closes_between_its_book_and_its_order_gets_none():
    clock = HandClock()
    halts = TradingHalts(Says(), clock)
    await halts.refresh({0})
    closing = open_market(close_time=clock.now() + timedelta(seconds=1))
    assert halts.halt(closing, Aim.LEAVE) is None

    clock.pass_by(1)

    assert _rule(halts.halt(closing, Aim.LEAVE)) == "market_open"


# What was refused


def refusal(code: str, aim: Aim = Aim.ENTER, at: datetime = NOON) -> Execution:
    wish = order(Side.BUY, 1, "0.50", aim=aim, at=at)
    return Execution(wish, "", OrderStatus.ERROR, error=f"HTTP 400, {code}", code=code)


def taken(at: datetime) -> Execution:
    return Execution(order(Side.BUY, 1, "0.50", at=at), "o", OrderStatus.FILLED)


#: What each code bars: entries here, exits here, entries in another market of the shard, and on
#: another shard.
REACH = {
    "unauthorized": (True, True, True, True),
    "forbidden": (True, True, True, True),
    "too_many_requests": (True, True, True, True),
    "exchange_is_paused": (True, True, True, False),
    "insufficient_balance": (True, False, True, False),
    "order_group_triggered": (True, False, True, False),
    "trading_is_paused": (True, True, False, False),
    "MARKET_NOT_ACTIVE": (True, True, False, False),
    "a word nobody knows": (True, True, False, False),
}


async def _open(clock: HandClock) -> TradingHalts:
    halts = TradingHalts(Says(), clock)
    await halts.refresh({0, 2})
    return halts


@pytest.mark.parametrize("code", REACH)
async def test_a_refusal_stops_what_would_be_refused_like_it_and_nothing_else(code):
    clock = HandClock()
    halts = await _open(clock)
    halts.ended(open_market("A"), refusal(code))

    barred = (
        halts.halt(open_market("A"), Aim.ENTER),
        halts.halt(open_market("A"), Aim.LEAVE),
        halts.halt(open_market("C"), Aim.ENTER),
        halts.halt(FAR, Aim.ENTER),
    )
    assert tuple(stop is not None for stop in barred) == REACH[code]
    assert code in str(halts.fault)

    clock.pass_by(300)
    assert halts.halt(open_market("A"), Aim.ENTER) is None
    assert halts.fault is None


async def test_a_refused_exit_does_not_bar_the_exits_of_its_shard():
    halts = await _open(HandClock())

    halts.ended(open_market("A"), refusal("order_group_triggered", Aim.LEAVE))

    assert halts.halt(open_market("A"), Aim.LEAVE) is not None
    assert halts.halt(open_market("C"), Aim.LEAVE) is None


async def test_a_refusal_that_comes_again_waits_twice_as_long_until_an_order_is_taken():
    clock = HandClock()
    halts = await _open(clock)
    for seconds in (30, 60, 120):
        halts.ended(open_market("A"), refusal("MARKET_NOT_ACTIVE", at=clock.now()))
        clock.pass_by(seconds - 1)
        assert halts.halt(open_market("A"), Aim.ENTER) is not None
        clock.pass_by(1)
        assert halts.halt(open_market("A"), Aim.ENTER) is None

    halts.ended(open_market("A"), taken(clock.now()))
    halts.ended(open_market("A"), refusal("MARKET_NOT_ACTIVE", at=clock.now()))
    clock.pass_by(30)
    assert halts.halt(open_market("A"), Aim.ENTER) is None


async def test_orders_that_were_under_way_together_are_refused_once():
    """What was sent before the first of them was refused could not know."""
    clock = HandClock()
    halts = await _open(clock)
    sent = clock.now()
    clock.pass_by(0.1)
    for _ in range(5):
        halts.ended(open_market("A"), refusal("unauthorized", at=sent))
    halts.ended(open_market("B"), refusal("too_many_requests", at=sent))

    clock.pass_by(59)
    assert halts.halt(FAR, Aim.LEAVE) is not None
    clock.pass_by(1)
    assert halts.halt(FAR, Aim.LEAVE) is None


async def test_an_order_that_was_under_way_before_a_refusal_does_not_lift_it():
    clock = HandClock()
    halts = await _open(clock)
    sent = clock.now()
    clock.pass_by(0.1)
    halts.ended(open_market("A"), refusal("unauthorized", at=sent))

    halts.ended(open_market("B"), taken(sent))

    assert halts.halt(open_market("B"), Aim.ENTER) is not None


class Halted(Desk):
    """A desk whose exchange can be paused, or pauses while an order is written down."""

    def __init__(self) -> None:
        super().__init__("A")
        self.stop: Stop | None = None
        self.trader._gateway._safety = replace(Safety(self.store), halt=self.halt)

    def halt(self, _market: Market, _aim: Aim) -> Stop | None:
        return self.stop

    def pause(self) -> None:
        self.stop = Stop("trading_pause", "paused")


async def test_in_a_pause_nothing_is_entered_and_nothing_exited():
    desk = Halted()
    await desk.run(0.9)
    desk.pause()

    held = await desk.run(0.5)
    assert [no.rule for no in only(held, OrderRefused)] == ["trading_pause"]
    assert desk.position() == 100
    assert len(desk.venue.sent) == 1

    desk.stop = None
    await desk.run(0.5)
    assert desk.position() == 0


async def test_a_pause_that_begins_while_an_order_is_written_down_stops_it():
    desk = Halted()
    desk.store.meanwhile = desk.pause

    events = await desk.run(0.9)

    assert [no.rule for no in only(events, OrderRefused)] == ["trading_pause"]
    assert desk.venue.sent == []
    assert not desk.trader.unresolved
