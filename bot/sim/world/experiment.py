"""Markets of one preset and nothing else: to measure, to train, to evaluate detectors."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from bot.core.market.market import Side
from bot.core.market.orderbook import Floats
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import SeriesSpec
from bot.sim.engine.units import CONTRACT, DOLLAR_TICKS
from bot.sim.world.listings import Calendar, lone
from bot.sim.world.world import World

#: A Monday; any moment would do.
START = datetime(2026, 6, 1, tzinfo=UTC)
LIVES = {
    "fast15m": timedelta(minutes=15),
    "hourly": timedelta(hours=1),
    "null": timedelta(hours=2),
}
#: Seconds that books need to fill; measure after that.
SETTLING = timedelta(seconds=20)
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Frames:
    """Books as they were seen, one row each, in dollars and contracts, best level first.

    `market` and `at` (seconds) have shape (N,), `volume` (contracts so far) too; the levels
    (N, 10), NaN and 0 where there is none. Rows of one market are in order of time, and `segment`
    changes where they do not follow one another.
    """

    market: Floats
    segment: Floats
    at: Floats
    bid_price: Floats
    bid_size: Floats
    ask_price: Floats
    ask_size: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.at)


@dataclass(slots=True)
class Experiment:
    """Some markets of one preset, all opened together, whose books are sampled."""

    preset: str
    markets: int
    seed: int
    life: timedelta | None = None
    exchange: Exchange = field(init=False)
    world: World = field(init=False)
    tickers: tuple[str, ...] = field(init=False)
    _rows: list[list[float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        names = [f"KXLAB{number}" for number in range(self.markets)]
        life = self.life or LIVES.get(self.preset, timedelta(days=1))
        calendar = Calendar(
            perpetual=[lone(name, self.preset, START, life) for name in names],
            series=[SeriesSpec(name, name, "Laboratory") for name in names],
            rolls_from=START,
        )
        self.exchange = Exchange(self.seed, START)
        self.world = World(self.exchange, self.seed, calendar)
        self.tickers = tuple(f"{name}-1" for name in names)

    def run(self, length: timedelta, cadence: int = 1) -> Frames:
        """Advance second by second; sample the books every `cadence` seconds."""
        self.world.advance(self.world.now + SETTLING)
        for second in range(int(length.total_seconds())):
            self.world.step(self.world.now + timedelta(seconds=1))
            if second % cadence == 0:
                self._rows.extend(self._seen())
        return frames(np.array(self._rows))

    def _seen(self) -> Iterator[list[float]]:
        at = (self.world.now - START).total_seconds()
        for number, ticker in enumerate(self.tickers):
            market = self.exchange.market(ticker)
            if market.is_open:
                volume = market.volume / CONTRACT
                bids, asks = (_levels(market.book.levels(side, DEPTH)) for side in Side)
                yield [number, 0.0, at, volume, *bids, *asks]


def frames(rows: Floats) -> Frames:
    """Rows of (market, segment, at, volume, 10 bids, their sizes, 10 asks, their sizes)."""
    ordered = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    market, segment, at, volume = ordered[:, :4].T
    bids, bid_sizes, asks, ask_sizes = np.split(ordered[:, 4:], 4, axis=1)
    return Frames(market, segment, at, bids, bid_sizes, asks, ask_sizes, volume)


def _levels(levels: list[tuple[int, int]]) -> list[float]:
    gaps = DEPTH - len(levels)
    prices = [price / DOLLAR_TICKS for price, _ in levels] + [float("nan")] * gaps
    return prices + [size / CONTRACT for _, size in levels] + [0.0] * gaps
