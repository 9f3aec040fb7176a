"""What the simulated exchange can take: orders, book deltas and answers a second on one core.

`python -m bench.sim_orders`. CPU seconds are counted, not those on the wall: they do not swing
with what else the machine does. The engine alone, then the HTTP application.
"""

import asyncio
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.types import ASGIApp, Message, Scope

from bench.common import machine, say
from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.events import BookDelta, SimEvent
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.orders import OrderRequest
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.units import CENT, CONTRACT, DOLLAR
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import PREFIX, create_exchange_app

START = datetime(2026, 11, 23, tzinfo=UTC)
MARKETS = 100
ENGINE_OPERATIONS = 60_000
HTTP_ORDERS = 1_500
BATCHES = 100
LEVELS = 40
ROUNDS = 5


class Bench:
    """An exchange with many markets and a crowd that never tires."""

    def __init__(self) -> None:
        self.random = Random(1)
        self.exchange = Exchange(1, START)
        self.exchange.add_series(SeriesSpec("S", "Bench", "Bench", fee_multiplier=Decimal(1)))
        self.exchange.add_event(EventSpec("E", "S", "Bench"))
        self.tickers = [f"M{number:03d}" for number in range(MARKETS)]
        close = START + timedelta(days=9)
        for ticker in self.tickers:
            self.exchange.add_market(MarketSpec(ticker, "E", "Bench", START, close))
        self.agents = [self.exchange.open_account(f"house{n}", house=True) for n in range(10)]
        self.member = self.exchange.open_account("member", {0: 10**6 * DOLLAR})

    def request(self, spread: int = 0) -> OrderRequest:
        """A random order around 50 cents, on its own side by `spread` cents or more."""
        chance = self.random
        side = chance.choice((Side.BUY, Side.SELL))
        away = spread + chance.randrange(20)
        return OrderRequest(
            chance.choice(self.tickers),
            side,
            chance.randrange(1, 50) * CONTRACT,
            (50 - side.sign * away) * CENT,
        )

    def fill_books(self) -> None:
        """Forty levels a side everywhere."""
        for ticker in self.tickers:
            for away in range(1, LEVELS + 1):
                for side in Side:
                    price = (50 - side.sign * away) * CENT
                    self.exchange.place(self.agents[0], OrderRequest(ticker, side, 1_000, price))


class Still:
    """A driver and a clock for an exchange that stands still."""

    def catch_up(self) -> None:
        """Nothing is ever due."""

    def now(self) -> datetime:
        """Always the same moment."""
        return START


class Member:
    """Signs with Ed25519 at the moment at which the clock stands."""

    def __init__(self, bench: Bench) -> None:
        key, pem = made_key(bench.member.name, KeyKind.ED25519)
        private = load_pem_private_key(pem.encode(), None)
        if not isinstance(private, Ed25519PrivateKey):
            raise TypeError("the key is not of the kind that was asked for")
        self.keys = KeyRing({key.key_id: key})
        self._key_id = key.key_id
        self._private = private

    def scope(self, method: str, path: str) -> Scope:
        """A signed request as an ASGI server hands it over."""
        stamp = str(int(START.timestamp() * 1000))
        signature = self._private.sign(f"{stamp}{method}{path}".encode())
        headers = {
            "host": "sim",
            "kalshi-access-key": self._key_id,
            "kalshi-access-signature": b64encode(signature).decode(),
            "kalshi-access-timestamp": stamp,
        }
        return {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }


def cpu_seconds(work: Callable[[], object]) -> float:
    """The CPU seconds that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def engine(spread: int, *, by_member: bool) -> tuple[float, float]:
    """(operations, book deltas) a second: three placed for one cancelled."""
    bench, deltas = Bench(), 0

    def count(event: SimEvent) -> None:
        nonlocal deltas
        deltas += isinstance(event, BookDelta)

    bench.exchange.subscribe(count)

    def work() -> None:
        for number in range(ENGINE_OPERATIONS):
            account = bench.member if by_member else bench.agents[number % 10]
            if number % 4 == 3 and account.open_orders:
                bench.exchange.cancel(account, next(iter(account.open_orders)))
            else:
                bench.exchange.place(account, bench.request(spread))

    seconds = cpu_seconds(work)
    return ENGINE_OPERATIONS / seconds, deltas / seconds


def order_body(request: OrderRequest) -> dict[str, str]:
    """The order as a client sends it."""
    return {
        "ticker": request.ticker,
        "side": "bid" if request.side is Side.BUY else "ask",
        "count": f"{request.size / CONTRACT:.2f}",
        "price": f"{request.price / 10_000:.4f}",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "maker",
    }


async def over_http() -> dict[str, float]:
    """Signed orders a second, and the milliseconds of a batch of books: all new, then cached.

    For the orders only the application works, signature and all; the books have a client too.
    """
    bench, still = Bench(), Still()
    bench.fill_books()
    member = Member(bench)
    app = create_exchange_app(bench.exchange, still, still, member.keys)
    bodies = [orjson.dumps(order_body(bench.request(1))) for _ in range(HTTP_ORDERS)]
    scopes = [member.scope("POST", f"{PREFIX}/portfolio/events/orders") for _ in bodies]
    start = time.process_time()
    for scope, body in zip(scopes, bodies, strict=True):
        await asked(app, scope, body)
    rate = HTTP_ORDERS / (time.process_time() - start)
    if len(bench.member.open_orders) < HTTP_ORDERS:
        raise RuntimeError("orders were refused: the rate says nothing")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://sim{PREFIX}") as http:
        return {"orders": rate, **await books(bench, http)}


async def asked(app: ASGIApp, scope: Scope, body: bytes) -> None:
    """One request to the application, its answer thrown away."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Message) -> None:
        pass

    await app(scope, receive, send)


async def books(bench: Bench, http: httpx.AsyncClient) -> dict[str, float]:
    """Milliseconds for a batch of all books: after a change in each of them, and without."""
    params = {"tickers": bench.tickers}
    measured: dict[str, float] = {"changed": 1e9, "cached": 1e9}
    for name in [*measured] * ROUNDS:
        if name == "changed":
            touch(bench, bench.agents[0])
        start = time.process_time()
        for _ in range(1 if name == "changed" else BATCHES):
            await http.get("/markets/orderbooks", params=params)
        spent = (time.process_time() - start) * 1_000 / (1 if name == "changed" else BATCHES)
        measured[name] = min(measured[name], spent)
    return measured


def touch(bench: Bench, account: MemberAccount) -> None:
    """Change one level of every book."""
    for ticker in bench.tickers:
        bench.exchange.place(account, OrderRequest(ticker, Side.BUY, CONTRACT, 30 * CENT))


def main() -> int:
    """Measure and report, a line each."""
    quiet_ops, quiet_deltas = engine(1, by_member=False)
    busy_ops, busy_deltas = engine(-5, by_member=False)
    member_ops, _ = engine(1, by_member=True)
    http = asyncio.run(over_http())
    report = [
        f"engine, orders that rest: {quiet_ops:,.0f} operations/s, {quiet_deltas:,.0f} deltas/s",
        f"engine, many that trade:  {busy_ops:,.0f} operations/s, {busy_deltas:,.0f} deltas/s",
        f"engine, one member:       {member_ops:,.0f} operations/s",
        f"signed orders over HTTP:  {http['orders']:,.0f} orders/s in the application",
        f"batch of {MARKETS} books of {2 * LEVELS} levels: {http['changed']:.1f} ms all changed, "
        f"{http['cached']:.2f} ms unchanged",
    ]
    for line in [machine(), *report]:
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
