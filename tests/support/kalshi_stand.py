"""The live venue on a simulated exchange, in-process, every request signed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Execution, Order, Unresolved
from bot.kalshi.auth import Signer
from bot.kalshi.calls import Calls
from bot.kalshi.client import open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.fence import Fence
from bot.kalshi.trading.order_lookup import CERTAIN_AFTER, ResolvePolling
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.trading.venue import LiveVenue, Waiting
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import EventSpec, SeriesSpec
from bot.sim.engine.units import DOLLAR, money_dollars, price_dollars, size_contracts, ticks, units
from bot.sim.faults.active import Faults
from bot.sim.faults.kinds import fault_spec
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import PREFIX, create_exchange_app
from tests.support.fakes import HandClock
from tests.support.sim_exchanges import market_spec, request
from tests.support.strategies import NOON, approved, ladder, order
from tests.support.virtual_time import LoopClock

#: One market on the first shard, one on another.
TICKER, FAR, FAR_SHARD = "A", "B", 2
SHARDS = {TICKER: 0, FAR: FAR_SHARD}
LIMIT = 100_000
KEY, PEM = made_key("ann", KeyKind.ED25519)
BOOK = OrderBook(
    bids=ladder(("0.48", 10), ("0.47", 20)), asks=ladder(("0.50", "10.5"), ("0.52", 30))
)


Timed = HandClock | LoopClock


class Driver:
    """Keeps the exchange at the clock's time."""

    def __init__(self, exchange: Exchange, clock: Timed) -> None:
        self._exchange = exchange
        self._clock = clock

    def catch_up(self) -> None:
        self._exchange.advance(self._clock.now())


@dataclass
class Stand:
    """An exchange, the venue of the account `ann` on it, and what is behind both."""

    exchange: Exchange
    faults: Faults
    clock: Timed
    calls: Calls
    trading: KalshiTrading
    venue: LiveVenue

    def __post_init__(self) -> None:
        self.ann = self.exchange.state.accounts["ann"]
        self.maker = self.exchange.state.accounts["maker"]

    async def show(self, book: OrderBook) -> None:
        self.put(book, TICKER)

    def put(self, book: OrderBook, ticker: str) -> None:
        """Make the exchange show this book, made of other people's orders."""
        self.exchange.cancel_all(self.maker, ticker)
        for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
            for price, size in levels:
                terms = replace(request(side, ticker=ticker), size=units(size), price=ticks(price))
                self.exchange.place(self.maker, terms)

    def fail(self, **asked: Any) -> None:
        self.faults.add(fault_spec(asked))

    async def submit(self, wish: Order) -> Execution | Unresolved:
        return await self.venue.submit(approved(wish, BOOK))

    async def trade(self, wish: Order) -> Execution:
        """Submit an order whose end must be known at once."""
        ended = await self.submit(wish)
        assert isinstance(ended, Execution), ended
        return ended

    async def resolve_later(self, wish: Order) -> Execution | Unresolved:
        """Resolve when everything that is certain at some time is certain."""
        self.faults.clear()
        self.clock.pass_by(CERTAIN_AFTER.total_seconds() + 1)
        return await self.venue.resolve(wish)

    def truth(self, wish: Order) -> list[tuple[str, Decimal, Decimal, Decimal]]:
        """The fills of an order as the exchange knows them: id, size, price, fee."""
        ids = {
            one.order_id
            for one in self.ann.orders.values()
            if one.client_order_id == wish.client_order_id
        }
        return sorted(
            (
                fill.trade_id,
                size_contracts(fill.size),
                price_dollars(fill.price),
                money_dollars(fill.fee),
            )
            for fill in self.ann.fills
            if fill.order_id in ids
        )

    def orders(self) -> int:
        """How many orders the exchange ever took from us."""
        return len(self.ann.orders)


def reported(execution: Execution) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    """The fills of an execution in the form of `Stand.truth`."""
    return sorted((fill.fill_id, fill.size, fill.price, fill.fee) for fill in execution.fills)


def buying(size: str = "20", limit: str = "0.52", name: str = "c-1", **terms: Any) -> Order:
    return order(Side.BUY, size, limit, name=name, **terms)


def exchange_of(shards: Mapping[str, int]) -> Exchange:
    """An exchange of these markets, with where each trades."""
    exchange = Exchange(1, NOON - timedelta(hours=1))
    for ticker, shard in shards.items():
        exchange.add_series(SeriesSpec(f"S{ticker}", "Rain", "Climate", exchange_index=shard))
        exchange.add_event(EventSpec(f"E{ticker}", f"S{ticker}", "Rain"))
        times = {"open_time": NOON - timedelta(hours=1), "close_time": NOON + timedelta(days=90)}
        exchange.add_market(replace(market_spec(ticker, **times), event_ticker=f"E{ticker}"))
    exchange.open_account("ann", {0: 1_000 * DOLLAR, FAR_SHARD: 500 * DOLLAR})
    exchange.open_account("maker", {}, house=True)
    exchange.advance(NOON)
    return exchange


Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


def as_it_is(good: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
    return good


@asynccontextmanager
async def stand(
    *,
    wrap: Wrap = as_it_is,
    limit: int = LIMIT,
    scopes: Sequence[str] = ("read", "write"),
    pem: str = PEM,
    opened: bool = True,
    time: Timed | None = None,
    shards: Mapping[str, int] = SHARDS,
) -> AsyncIterator[Stand]:
    clock, exchange = time or HandClock(), exchange_of(shards)
    keys = KeyRing({KEY.key_id: replace(KEY, scopes=frozenset(scopes))})
    app = create_exchange_app(exchange, Driver(exchange, clock), clock, keys)
    async with open_http(f"http://sim{PREFIX}", wrap(httpx.ASGITransport(app))) as http:
        signer = Signer(KEY.key_id, pem, clock)
        calls = Calls(http, TokenBudget(lambda: 0.0, capacity=1e6), signer.headers)
        trading = KalshiTrading(calls, calls)
        venue = venue_on(trading, clock, limit, shards)
        ready = Stand(exchange, app.state.faults, clock, calls, trading, venue)
        for ticker in shards:
            ready.put(BOOK, ticker)
        if opened:
            await venue.open_term(None)
        yield ready


def venue_on(
    trading: KalshiTrading,
    clock: Timed,
    limit: int = LIMIT,
    shards: Mapping[str, int] = SHARDS,
) -> LiveVenue:
    return LiveVenue(trading, Fence(trading, limit), clock, shards.get, Waiting(passing(clock)))


def patient_venue_on(trading: KalshiTrading, clock: Timed) -> LiveVenue:
    """A venue that waits until it is certain, and for which no order is ever late."""
    polling = replace(passing(clock), pauses=(CERTAIN_AFTER.total_seconds() + 1,))
    return LiveVenue(trading, Fence(trading, LIMIT), HandClock(), SHARDS.get, Waiting(polling))


def passing(clock: Timed) -> ResolvePolling:
    """Patience whose pauses pass on that clock and take no time."""
    if isinstance(clock, LoopClock):
        return ResolvePolling()

    async def sleep(seconds: float) -> None:
        clock.pass_by(seconds)
        await asyncio.sleep(0)

    return ResolvePolling(sleep=sleep)
