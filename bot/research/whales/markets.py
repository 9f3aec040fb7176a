"""Simulated markets with the truth about their large orders, to evaluate detectors against.

All markets of a scene are looked at together, each time that anybody can have acted; a detector
is given some of the looks and the trades between them, never the truth.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.orderbook import Books, Floats
from bot.core.whales.detector import TradesBetween
from bot.core.whales.trades import MarketTrades
from bot.sim.engine import events
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.units import CONTRACT, DOLLAR_TICKS
from bot.sim.world.experiment import SETTLING, Experiment
from bot.sim.world.truth import TraderAction

#: Levels a side that are seen: enough that what moves a few cents stays in view, as in the
#: full books that the exchange gives.
DEPTH: Final = 48


@dataclass(frozen=True, slots=True)
class MarketKind:
    """A kind of market: a preset of the simulator, how many to look at, for how long."""

    preset: str
    markets: int
    seconds: int

    @property
    def hours(self) -> float:
        """Market-hours looked at."""
        return self.markets * self.seconds / 3600.0

    def times(self, scale: float) -> "MarketKind":
        """The same kind with that many times the markets, at least one."""
        return replace(self, markets=max(round(self.markets * scale), 1))


#: The kinds whose sizes and rates were set beside recorded books.
KINDS: Final = (
    MarketKind("fast15m", 24, 860),
    MarketKind("hourly", 6, 3500),
    MarketKind("slow_day", 8, 7200),
    MarketKind("game", 8, 7200),
)
NULL: Final = MarketKind("null", 6, 3600)


@dataclass(frozen=True, slots=True)
class SimulatedTrades:
    """Trades in order of time: market number, second, YES dollars, contracts; shape (N,).

    `taker` is +1 where YES was bought and −1 where it was sold.
    """

    market: Floats
    at: Floats
    price: Floats
    size: Floats
    taker: Floats


@dataclass(frozen=True, slots=True)
class Scene:
    """Markets of one kind over some time.

    `at` (looks,) seconds; `prices` and `sizes` have shape (2, looks, markets, DEPTH): bids, asks,
    in ticks of the simulator (0 for no level) and contracts. `actions[m]` is the truth of market m.
    """

    kind: MarketKind
    tickers: tuple[str, ...]
    at: Floats
    prices: NDArray[np.uint16]
    sizes: NDArray[np.float32]
    market_trades: SimulatedTrades
    actions: tuple[tuple[TraderAction, ...], ...]

    def books(self, look: int) -> Books:
        """All markets at one look."""
        seen_at = np.full(len(self.tickers), self.at[look])
        ticks, (bid_size, ask_size) = self.prices[:, look], self.sizes[:, look].astype(np.float64)
        bid, ask = np.where(ticks > 0, ticks / DOLLAR_TICKS, np.nan)
        return Books(self.tickers, seen_at, bid, bid_size, ask, ask_size)

    def looks(self, cadence: float) -> list[int]:
        """The looks at a cadence of `cadence` seconds."""
        return list(range(0, len(self.at), max(round(cadence / (self.at[1] - self.at[0])), 1)))

    def passes(self, cadence: float) -> Iterator[tuple[Books, TradesBetween]]:
        """The books of each look, with the trades since the look before; before the first unknown.

        The trades are all there were, with their prices: as the exchange's list of trades has them.
        """
        before = None
        for look in self.looks(cadence):
            trades = (
                TradesBetween.unknown(len(self.tickers))
                if before is None
                else self._traded(self.at[before], self.at[look])
            )
            yield self.books(look), trades
            before = look

    def _traded(self, since: float, until: float) -> TradesBetween:
        first, past = np.searchsorted(self.market_trades.at, (since, until), side="right")
        part = slice(first, past)
        return TradesBetween.of(
            np.ones(len(self.tickers), dtype=np.bool_),
            MarketTrades(
                row=self.market_trades.market[part].astype(np.intp),
                at=self.market_trades.at[part],
                price=self.market_trades.price[part],
                size=self.market_trades.size[part],
                buys=self.market_trades.taker[part] > 0,
            ),
        )


def scene(kind: MarketKind, seed: int, step: float = 1.0) -> Scene:
    """The markets of a kind, simulated in steps of so many seconds; the same for the same seed.

    Raises ValueError if a market closed before the end: its kind asks for too many seconds.
    """
    # Markets of two kinds with one seed would draw the same large orders.
    experiment = Experiment(kind.preset, kind.markets, zlib.crc32(f"{kind.preset} {seed}".encode()))
    world, exchange = experiment.world, experiment.exchange
    trades: list[tuple[float, ...]] = []
    exchange.subscribe(_listener(experiment.tickers, trades))
    world.advance(world.now + SETTLING)
    shape = (2, round(kind.seconds / step), kind.markets, DEPTH)
    prices, sizes = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.float32)
    started = world.now
    for look in range(shape[1]):
        world.step(started + timedelta(seconds=step * (look + 1)))
        for number, ticker in enumerate(experiment.tickers):
            _shoot(exchange, ticker, prices[:, look, number], sizes[:, look, number])
    return Scene(
        kind=kind,
        tickers=tuple(f"{kind.preset}-{seed}-{number}" for number in range(kind.markets)),
        at=started.timestamp() + step * np.arange(1, shape[1] + 1, dtype=np.float64),
        prices=prices,
        sizes=sizes,
        market_trades=SimulatedTrades(*np.array(trades, dtype=np.float64).reshape(-1, 5).T),
        actions=_by_market(world.truth, experiment.tickers),
    )


def _by_market(
    truth: Iterable[TraderAction], tickers: Sequence[str]
) -> tuple[tuple[TraderAction, ...], ...]:
    actions: dict[str, list[TraderAction]] = defaultdict(list)
    for action in truth:
        actions[action.ticker].append(action)
    return tuple(tuple(actions[ticker]) for ticker in tickers)


def _listener(
    tickers: Sequence[str], trades: list[tuple[float, ...]]
) -> Callable[[events.SimEvent], None]:
    numbers = {ticker: number for number, ticker in enumerate(tickers)}

    def listen(event: events.SimEvent) -> None:
        if isinstance(event, events.Traded):
            taker = 1.0 if event.taker_side is Side.BUY else -1.0
            price, size = event.price / DOLLAR_TICKS, event.size / CONTRACT
            trades.append((numbers[event.ticker], event.at.timestamp(), price, size, taker))

    return listen


def _shoot(
    exchange: Exchange, ticker: str, prices: NDArray[np.uint16], sizes: NDArray[np.float32]
) -> None:
    """Write a market's current book into a frame of shape (2, DEPTH)."""
    market = exchange.market(ticker)
    if not market.is_open:
        raise ValueError(f"{ticker} closed while it was looked at: its kind looks for too long")
    for row, side in enumerate((Side.BUY, Side.SELL)):
        levels = market.book.levels(side, DEPTH)
        if levels:
            shown = np.array(levels, dtype=np.float64).T
            prices[row, : len(levels)] = shown[0]
            sizes[row, : len(levels)] = shown[1] / CONTRACT
