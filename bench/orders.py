"""What passes from the decision on a live order to its first byte: `python -m bench.orders`.

A trader decides on 40 markets in a pass, and each order goes the whole way: risk, the gateway, its
row in SQLite (on the disk before anything is sent), the live venue, the signature. It ends where
the connection gets the request. The floor next to it is a bare signed POST: built, signed and
handed to the same connection. The network is in neither; nor are books, features and the model,
which come before the decision, nor the budget of writes a second, which a burst waits for.
"""

import argparse
import asyncio
import gc
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import Final

import httpx

from bench.common import Round, machine, quiet, ratio, say
from bot.clock import SystemClock
from bot.core.market.orders import Order
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Sizing
from bot.kalshi.auth import Signer
from bot.kalshi.calls import Calls
from bot.kalshi.client import open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.fence import MOST_CONTRACTS, Fence
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.trading.venue import LiveVenue
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.units import DOLLAR
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import PREFIX, create_exchange_app
from bot.store.account_store import AccountStore
from bot.store.database import opened
from bot.trading.decision import TradeRules
from bot.trading.entry_guard import Safety
from bot.trading.trader import Trader
from tests.support.trading import THRESHOLDS, Desk

MARKETS: Final = 40
WARM_UP: Final = 2
BOOK: Final = "live:bench"
CASH: Final = Decimal(10**6)
_CREATE: Final = f"{PREFIX}/portfolio/events/orders"
_FREE: Final = RiskLimits(
    max_event_exposure=CASH, max_total_exposure=CASH, max_positions=MARKETS, daily_loss_stop=CASH
)


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Notes when a connection gets an order, by its client order id."""

    inner: httpx.AsyncBaseTransport
    at: dict[str, float] = field(default_factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand it on."""
        if request.method == "POST" and request.url.path == _CREATE:
            self.at[json.loads(request.content).get("client_order_id", "")] = time.perf_counter()
        return await self.inner.handle_async_request(request)


class Walled:
    """Keeps the exchange at the time on the wall."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._clock = exchange, SystemClock()

    def catch_up(self) -> None:
        """Bring it to the present."""
        self._exchange.advance(max(self._clock.now(), self._exchange.now))


@dataclass
class Written:
    """The store, and how long each order waited for its row."""

    inner: AccountStore
    seconds: dict[str, float] = field(default_factory=dict)

    async def intend(self, order: Order) -> None:
        """Write it down."""
        started = time.perf_counter()
        await self.inner.intend(order)
        self.seconds[order.client_order_id] = time.perf_counter() - started


class Decides(Desk):
    """A trader over a real book, which notes when it decides on each order."""

    def __init__(self, venue: LiveVenue, store: AccountStore) -> None:
        self.decided: dict[str, float] = {}
        self.written = Written(store)
        super().__init__(*(f"M{number:02d}" for number in range(MARKETS)), limits=_FREE)
        self.venue = venue  # type: ignore[assignment]  # the real one
        self._ids = self._decides()
        self.trader = self._hired()

    def _hired(self) -> Trader:
        safety = Safety(self.written, now=SystemClock().now)
        rules = TradeRules(THRESHOLDS, Sizing(Decimal(1), Decimal("0.01")), self.limits)
        return Trader(self.venue, rules, CASH, self._ids, safety)

    def _decides(self) -> Generator[str, None, None]:
        """Names of orders, each asked for as its order is decided on."""
        for number in itertools.count(1):
            self.decided[f"o{number}"] = time.perf_counter()
            yield f"o{number}"


@dataclass(frozen=True, slots=True)
class Pass:
    """Milliseconds of each order, what of them was not spent on its row, and of bare POSTs."""

    ours: list[float]
    unwritten: list[float]
    bare: list[float]


def main(argv: Sequence[str]) -> int:
    """Print milliseconds and their ratio to a bare signed POST."""
    parser = argparse.ArgumentParser(prog="python -m bench.orders", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args(argv)
    quiet()
    say(f"From the decision on an order to its first byte, {MARKETS} markets ({machine()})")
    with tempfile.TemporaryDirectory() as folder:
        passes = asyncio.run(_measured(Path(folder), wanted.rounds))
    say(f"  an order:           {_spread([one.ours for one in passes])}")
    say(f"  without its row:    {_spread([one.unwritten for one in passes])}")
    say(f"  a bare signed POST: {_spread([one.bare for one in passes])}")
    say(f"  an order is {_against(passes, 'ours')} x a bare signed POST, medians of a pass")
    say(f"  without its row {_against(passes, 'unwritten')} x")
    return 0


async def _measured(folder: Path, rounds: int) -> list[Pass]:
    exchange, clock = _exchange(), SystemClock()
    key, pem = made_key("member", KeyKind.ED25519)
    app = create_exchange_app(exchange, Walled(exchange), clock, KeyRing({key.key_id: key}))
    wire = Wire(httpx.ASGITransport(app))
    async with (
        open_http(f"http://sim{PREFIX}", wire) as http,
        opened(f"sqlite:///{folder / 'book.db'}") as database,
    ):
        signer = Signer(key.key_id, pem, clock)
        calls = Calls(http, TokenBudget(lambda: 0.0, capacity=1e9), signer.headers)
        trading = KalshiTrading(calls, calls)
        venue = LiveVenue(trading, Fence(trading, MOST_CONTRACTS), clock, lambda _: 0)
        await venue.open_term(None)
        term = await database.take("bench", 3_600, BOOK)
        if term is None:
            raise SystemExit("bench.orders: the lease of a new database is taken")
        await database.open_book(term, BOOK, CASH, clock.now())
        desk = Decides(venue, database.store(term, BOOK))
        passes = [await _pass(desk, wire, http, signer) for _ in range(WARM_UP + rounds)]
    return passes[WARM_UP:]


async def _pass(desk: Decides, wire: Wire, http: httpx.AsyncClient, signer: Signer) -> Pass:
    """One pass of orders in all markets, then as many bare POSTs."""
    desk.at = datetime.now(UTC)
    desk.close_in(86_400)
    predictions = desk.predictions(dict.fromkeys(desk.markets, 0.95))
    for noted in (desk.decided, wire.at, desk.written.seconds):
        noted.clear()
    gc.collect()
    await desk.trader.act(desk.at, predictions, desk.markets)
    if len(wire.at) != MARKETS or wire.at.keys() != desk.decided.keys():
        raise SystemExit(f"bench.orders: {len(wire.at)} of {MARKETS} orders were sent")
    ours = [1e3 * (sent - desk.decided[name]) for name, sent in wire.at.items()]
    rows = [1e3 * desk.written.seconds[name] for name in wire.at]
    unwritten = [whole - row for whole, row in zip(ours, rows, strict=True)]
    return Pass(ours, unwritten, [await _bare(wire, http, signer) for _ in range(MARKETS)])


async def _bare(wire: Wire, http: httpx.AsyncClient, signer: Signer) -> float:
    """Milliseconds until the connection has a signed POST of the same size."""
    started = time.perf_counter()
    await http.post(
        "portfolio/events/orders",
        content=b'{"ticker":"none"}'.ljust(300),
        headers={"content-type": "application/json", **signer.headers("POST", _CREATE)},
    )
    return 1e3 * (wire.at[""] - started)


def _exchange() -> Exchange:
    """Markets in which nobody waits: every order is answered and none trades."""
    now = datetime.now(UTC)
    exchange = Exchange(1, now)
    exchange.add_series(SeriesSpec("S", "Bench", "Bench", fee_multiplier=Decimal(1)))
    exchange.add_event(EventSpec("E", "S", "Bench"))
    for number in range(MARKETS):
        close = now.replace(year=now.year + 1)
        exchange.add_market(MarketSpec(f"M{number:02d}", "E", "Bench", now, close))
    exchange.open_account("member", {0: 10**6 * DOLLAR})
    return exchange


def _against(passes: Sequence[Pass], name: str) -> str:
    pairs = [Round(_middle(getattr(one, name)), _middle(one.bare)) for one in passes]
    return str(ratio(pairs))


def _middle(milliseconds: Sequence[float]) -> float:
    return quantiles(milliseconds, n=2)[0]


def _spread(passes: Sequence[Sequence[float]]) -> str:
    every = [one for milliseconds in passes for one in milliseconds]
    cuts = quantiles(every, n=100)
    return f"p50 {cuts[49]:.2f} ms, p90 {cuts[89]:.2f} ms, p99 {cuts[98]:.2f} ms (n = {len(every)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
