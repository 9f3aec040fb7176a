"""`python -m trials.quotes`: how long a change of a streamed book takes to be in `/state/full`.

An exchange with many markets in a process of its own, the service in another, a WebSocket and HTTP
between them. A second client of the stream knows when the exchange sent each change of a best
price; somebody who asks for the state without a pause notes when it is there. What is measured
includes one question and its answer. Fails if one change in a hundred takes longer than allowed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random, random
from typing import TYPE_CHECKING, Final

import httpx
import msgspec
import numpy as np

from bot.clock import SystemClock
from bot.core.market.book_store import PRICE_UNITS, BookStore
from bot.core.market.market import Side
from bot.core.market.orderbook import Floats
from bot.kalshi.auth import Signer
from bot.kalshi.stream.connection import StreamConnection, websocket
from bot.kalshi.stream.protocol import StreamProtocol
from bot.outbound import DIRECT
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.orders import OrderRequest
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.units import CENT, CONTRACT
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key
from bot.sim.rest.server import PREFIX, create_exchange_app
from trials.processes import HOST, Nursery, Started, TrialFailed, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from bot.kalshi.wire.frames import Delta
    from bot.kalshi.wire.markets import PublicTrade

#: Milliseconds within which 99 changes in a hundred have to be shown.
ALLOWED: Final = 100.0
#: For how long markets are open before anybody looks, and the service's seconds between cycles.
PAST: Final = timedelta(minutes=5)
INTERVAL: Final = 5
#: Best prices that change ten times a second.
CHANGES: Final = 10
#: Seconds within which changes of a best price are one.
SAME_EVENT: Final = 0.02
#: Seconds between two questions, and after the last change that is waited for.
PAUSE: Final = 0.01
PATIENCE: Final = 5.0
READER: Final = "reader"


class _Market(msgspec.Struct):
    ticker: str
    yes_bid: float
    yes_ask: float
    stale: bool


class _State(msgspec.Struct):
    markets: list[_Market]


_state: Final = msgspec.json.Decoder(_State)


Best = tuple[float, float]


@dataclass
class Prices:
    """Best prices of each market as they were sent and as they were seen, in seconds and cents."""

    sent: dict[str, list[tuple[float, Best]]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[str, list[tuple[float, Best]]] = field(default_factory=lambda: defaultdict(list))

    def note_sent(self, ticker: str, at: float, best: Best) -> None:
        """The exchange sent these; of those within one event only the last counts."""
        sent = self.sent[ticker]
        if sent and at - sent[-1][0] < SAME_EVENT:
            sent.pop()
        if not sent or sent[-1][1] != best:
            sent.append((at, best))

    def note_seen(self, ticker: str, at: float, best: Best) -> None:
        """They are in the state."""
        seen = self.seen[ticker]
        if not seen or seen[-1][1] != best:
            seen.append((at, best))

    def latencies(self, since: float, until: float) -> list[float]:
        """Milliseconds from what was sent in that time to when it, or what came later, was seen.

        A price that was back before anybody saw it go tells nothing, and is left out. Raises
        TrialFailed for what was never seen.
        """
        return [
            found
            for ticker, sent in self.sent.items()
            for number, (at, _) in enumerate(sent)
            if since <= at < until and (found := self._latency(ticker, number)) is not None
        ]

    def _latency(self, ticker: str, number: int) -> float | None:
        sent, seen = self.sent[ticker], self.seen[ticker]
        at, later = sent[number][0], {best for _, best in sent[number:]}
        before = [best for when, best in seen if when < at]
        if before and before[-1] in later:
            return None
        shown = next((when for when, best in seen if when >= at and best in later), None)
        if shown is None:
            raise TrialFailed(f"{ticker}: {sent[number:]} was never seen")
        return (shown - at) * 1_000


class Wire:
    """Hears the changes of the stream and notes those of best prices, as of their sending."""

    def __init__(self, store: BookStore, prices: Prices) -> None:
        self._store = store
        self._prices = prices
        self._best: dict[str, tuple[float, float]] = {}
        #: Milliseconds from the sending of a change to this client.
        self.delays: list[float] = []

    def on_change(self, change: "Delta", at: float) -> None:
        """A level has changed."""
        bid, ask = self._store.best(change.ticker)
        best = _cents(bid or 0), _cents(ask or PRICE_UNITS)
        if self._store.fault(change.ticker) is None and best != self._best.get(change.ticker):
            self._best[change.ticker] = best
            sent = at if change.sent_ms is None else change.sent_ms / 1_000
            self.delays.append((at - sent) * 1_000)
            self._prices.note_sent(change.ticker, sent, best)

    def on_snapshot(self, ticker: str, at: float) -> None:
        """Nothing: a whole book is no change."""

    def on_break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        """The trial is over its word: nothing may break here."""

    def on_trade(self, trade: "PublicTrade", at: float) -> None:
        """Nothing."""


def _cents(units: int) -> float:
    return float(round(units * 100 / PRICE_UNITS, 4))


def _row(shares: Floats) -> str:
    return ", ".join(f"{share:.0f}" for share in shares)


class Churn:
    """Moves the best bid of some markets, others each time: what a stream has to tell."""

    def __init__(self, exchange: Exchange, tickers: Sequence[str]) -> None:
        self._exchange = exchange
        self._tickers = tickers
        self._clock, self._chance = SystemClock(), Random(7)
        self._makers = [exchange.open_account(name, house=True) for name in ("bids", "asks")]
        for ticker in tickers:
            for cents in range(60, 80):
                self._place(1, Side.SELL, ticker, cents)
            self._place(0, Side.BUY, ticker, 50)

    def catch_up(self) -> None:
        """Ten times a second, as the stream goes."""
        self._exchange.advance(self._clock.now())
        for ticker in self._chance.sample(self._tickers, CHANGES):
            self._exchange.cancel_all(self._makers[0], ticker)
            self._place(0, Side.BUY, ticker, self._chance.randrange(40, 60))

    def _place(self, maker: int, side: Side, ticker: str, cents: int) -> None:
        terms = OrderRequest(ticker, side, 100 * CONTRACT, cents * CENT)
        self._exchange.place(self._makers[maker], terms)


def main(argv: Sequence[str]) -> int:
    """Print the quantiles; 1 if the 99th percentile is above what is allowed."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as name, _exchange(options.markets) as (address, keys):
        folder = Path(name)
        settings = _settings(address, keys, folder, options.markets)
        with Nursery().running(folder, settings) as service:
            _warm(service, options.markets)
            found, delays = asyncio.run(_measured(service, address, keys, options.seconds))
            cpu = service.cpu_seconds
    shares, wire = (np.percentile(times, (50, 90, 99)) for times in (found, delays))
    sys.stdout.write(
        f"{options.markets} markets, {len(found):,} changes of best prices, {options.seconds:g} s; "
        f"milliseconds at p50, p90, p99: {_row(shares)} to /state/full (limit {ALLOWED:g}), "
        f"{_row(wire)} to another client of the stream; the service took {cpu:.1f} s of CPU\n"
    )
    return int(shares[2] > ALLOWED)


async def _measured(
    service: Started, address: str, keys: tuple[str, str], seconds: float
) -> tuple[list[float], list[float]]:
    """Milliseconds from the sending of each best price to the answer that has it, and to us."""
    tickers = [market.ticker for market in await _asked(service)]
    protocol, prices, stopping = StreamProtocol(BookStore()), Prices(), asyncio.Event()
    wire = Wire(protocol.store, prices)
    protocol.listeners.append(wire)
    clock, stream = SystemClock(), address.replace("http", "ws").replace(PREFIX, "/trade-api/ws/v2")
    protocol.watch(tickers, clock.now().timestamp())
    signing = Signer(*keys, clock).headers
    connection = StreamConnection(protocol, websocket(stream, DIRECT), signing, clock, random)
    async with asyncio.TaskGroup() as group:
        group.create_task(connection.run(stopping))
        await _ask(service, prices, PATIENCE)
        since = time.time()
        await _ask(service, prices, seconds)
        end = time.time()
        await _ask(service, prices, PATIENCE)
        stopping.set()
    if protocol.counts["gaps"]:
        raise TrialFailed(f"frames were missed: {dict(protocol.counts)}")
    return prices.latencies(since, end), wire.delays


async def _ask(service: Started, prices: Prices, seconds: float) -> None:
    """Ask for the state again and again, and note what is new in it."""
    end = time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=service.address, timeout=10) as http:
        known = ""
        while time.monotonic() < end:
            answer = await http.get("/state/full", headers={"if-none-match": known})
            at = time.time()
            if answer.status_code == httpx.codes.OK:
                known = answer.headers["etag"]
                for market in _state.decode(answer.content).markets:
                    best = round(market.yes_bid, 4), round(market.yes_ask, 4)
                    prices.note_seen(market.ticker, at, best)
            await asyncio.sleep(PAUSE)


async def _asked(service: Started) -> list[_Market]:
    async with httpx.AsyncClient(base_url=service.address, timeout=10) as http:
        return _state.decode((await http.get("/state/full")).content).markets


def _warm(service: Started, markets: int) -> None:
    """Wait until every market is streamed."""
    service.wait_for(lambda status: status["running"], "the bot runs")
    service.wait_for(
        lambda status: (
            (status["feed"] or {}).get("subscriptions") == markets and status["loop_count"] > 2
        ),
        "all markets are streamed",
    )


def _settings(address: str, keys: tuple[str, str], folder: Path, markets: int) -> dict[str, str]:
    return {
        "KALSHI_ENV": "sim",
        "KALSHI_BASE_URL": address,
        "KALSHI_API_KEY": keys[0],
        "KALSHI_SECRET": keys[1],
        "KALSHI_MAX_READS_PER_SECOND": "200",
        "BOT_MARKETS": str(markets),
        "BOT_INTERVAL": str(INTERVAL),
        "LOG_DIR": str(folder / "logs"),
    }


@contextmanager
def _exchange(markets: int) -> "Iterator[tuple[str, tuple[str, str]]]":
    """So many markets in a process of their own: the address, and a key with its secret."""
    port, context = free_port(), get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(port, markets, theirs), daemon=True)
    process.start()
    address = f"http://{HOST}:{port}{PREFIX}"
    try:
        keys = ours.recv()
        until(lambda: _answers(address), "the exchange answers")
        yield address, keys
    finally:
        process.terminate()
        process.join(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/exchange/status", timeout=5).is_success
    except httpx.TransportError:
        return False


def _serve(port: int, markets: int, told: "Connection") -> None:
    import uvicorn  # noqa: PLC0415  # in the child, where it is used

    key, pem = made_key(READER, KeyKind.ED25519, frozenset({"read"}))
    told.send((key.key_id, pem))
    clock, tickers = SystemClock(), [f"KXTRIAL-{number}" for number in range(markets)]
    exchange = Exchange(7, clock.now() - PAST)
    exchange.add_series(SeriesSpec("KXTRIAL", "Trial", "Trial"))
    for ticker in tickers:
        exchange.add_event(EventSpec(f"{ticker}-E", "KXTRIAL", "Trial"))
        times = exchange.now, exchange.now + timedelta(days=1)
        exchange.add_market(MarketSpec(ticker, f"{ticker}-E", "Trial", *times))
    exchange.advance(clock.now())
    exchange.open_account(READER, {})
    driver = Churn(exchange, tickers)
    app = create_exchange_app(exchange, driver, clock, KeyRing({key.key_id: key}))
    uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trials.quotes", description=__doc__)
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
