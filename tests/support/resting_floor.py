"""A bot whose orders rest on the simulated exchange: trader, gateway and live venue together."""

from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.events import Event
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.ports.persistence import CommitBatch
from bot.sim.engine.orders import LiveOrder, TimeInForce
from bot.sim.engine.units import size_contracts
from tests.support.kalshi_stand import TICKER, Stand, venue_on
from tests.support.sim_exchanges import request
from tests.support.strategies import ladder
from tests.support.trading import Desk

DEEP = OrderBook(bids=ladder(("0.52", 900)), asks=ladder(("0.53", 40)))


class Floor:
    """A bot of 100 contracts a market on the simulated exchange, whose orders rest."""

    def __init__(self, live: Stand, handed_on: str, **resting: Any) -> None:
        """`resting` is what of its orders rests, in the words of `Desk`."""
        self.live = live
        self.handed_on = handed_on
        self.desk = Desk(TICKER, **resting)
        self.desk.store.portfolio = Portfolio.of_cash(Decimal(1_000))
        self.desk.venue = live.venue  # type: ignore[assignment]  # the real one
        self.desk.restart()
        self.taker = live.exchange.open_account("taker", {}, house=True)

    async def run(self, score: float | None, seconds: float = 1) -> list[Event]:
        self.pass_by(seconds)
        self.live.put(DEEP, TICKER)
        self.desk.books[TICKER] = DEEP
        return await self.desk.run(score, seconds=0)

    async def poll(self, seconds: float = 0.5) -> list[Event]:
        """A look between two passes; what it finds is kept, as by the cycle."""
        self.pass_by(seconds)
        events = await self.desk.trader.resolve_in_doubt(self.desk.at)
        await self.desk.store.commit(CommitBatch(events))
        return events

    def pass_by(self, seconds: float) -> None:
        self.live.clock.pass_by(seconds)
        self.live.exchange.advance(self.live.clock.now())
        self.desk.at = self.live.clock.now()
        self.desk.close_in(86_400)

    def takes(self, size: float) -> None:
        """Somebody buys at the ask, first what stands before us."""
        ioc = TimeInForce.IOC
        wanted = request(Side.BUY, size, 53, ticker=TICKER, time_in_force=ioc)
        self.live.exchange.place(self.taker, wanted)

    def sells(self, size: float) -> None:
        """Somebody sells at the bid, first to what stands before us."""
        ioc = TimeInForce.IOC
        wanted = request(Side.SELL, size, 52, ticker=TICKER, time_in_force=ioc)
        self.live.exchange.place(self.taker, wanted)

    def sells_by_hand(self, size: float) -> None:
        wanted = request(Side.SELL, size, 40, ticker=TICKER, time_in_force=TimeInForce.IOC)
        self.live.exchange.place(self.live.ann, wanted)

    async def die(self) -> None:
        """The process is gone; the next one knows what was kept."""
        venue = venue_on(self.live.trading, self.live.clock)
        self.handed_on = await venue.open_term(self.handed_on)
        self.desk.venue = venue  # type: ignore[assignment]
        self.desk.restart()

    @property
    def there(self) -> list[LiveOrder]:
        return list(self.live.ann.open_orders.values())

    @property
    def held(self) -> Decimal:
        return size_contracts(self.live.ann.position(TICKER))


def stop(desk: Desk) -> None:
    """The bot is being stopped."""
    desk.stopping = True


def kill(desk: Desk) -> None:
    """The kill switch is thrown."""
    desk.killed = "by hand"


def lose_the_lease(desk: Desk) -> None:
    """Nobody knows who leads."""
    desk.sure = False


def lose_the_database(desk: Desk) -> None:
    """Nothing can be written down."""
    desk.fault = "the disk is full"


#: After each of these nothing may rest any more.
ENDS = (stop, kill, lose_the_lease, lose_the_database)
#: Something that happens, and how much of it.
Step: TypeAlias = tuple[str, Any]
_FAULTS = ("cut", "error", "cut_after", "error_after")
_ROUTES = ("DELETE *", "POST *", "GET /portfolio/*")


def stories(*scores: float) -> st.SearchStrategy[list[Step]]:
    """What may happen to a bot that hears these scores."""
    faults = st.tuples(st.sampled_from(_FAULTS), st.sampled_from(_ROUTES))
    steps = st.one_of(
        st.tuples(st.just("score"), st.sampled_from(scores)),
        st.tuples(st.just("sells"), st.sampled_from((30, 930, 2_000))),
        st.tuples(st.just("takes"), st.integers(1, 120)),
        st.tuples(st.just("fault"), faults),
        st.tuples(st.just("later"), st.sampled_from((0.5, 12, 31))),
        st.tuples(st.just("sure"), st.booleans()),
        st.tuples(st.just("die"), st.none()),
    )
    return st.lists(steps, min_size=3, max_size=14)


async def play(here: Floor, story: list[Step]) -> None:
    """Let all of it happen and come to its end: then both sides hold the same."""
    for kind, value in story:
        await _step(here, kind, value)
        assert len(here.there) <= 1, "one order a market"
        assert abs(here.held) <= 100, "never more than one order's size"
    await _over(here)
    assert here.there == []
    assert here.desk.position(TICKER) == here.held
    assert here.desk.store.portfolio == here.desk.trader.portfolio


async def _step(here: Floor, kind: str, value: Any) -> None:
    match kind:
        case "score":
            await here.run(value)
        case "sells":
            here.sells(value)
        case "takes":
            here.takes(value)
        case "fault":
            here.live.fail(kind=value[0], route=value[1], count=2)
        case "later":
            await here.poll(value)
        case "sure":
            here.desk.sure = value
        case "die":
            here.live.faults.clear()
            await here.die()
            resting = {one.client_order_id for one in here.there}
            assert not resting & here.desk.store.intended.keys(), "no term inherits what rests"


async def _over(here: Floor) -> None:
    here.live.faults.clear()
    here.desk.sure = True
    for _ in range(120):
        await here.run(None)
        if not (here.desk.trader.working or here.desk.trader.unresolved):
            return
    raise AssertionError("an order has no end after two minutes")
