"""A bot whose orders rest on the simulated exchange: trader, gateway and live venue together."""

from decimal import Decimal
from typing import Any

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
