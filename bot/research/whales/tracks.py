"""The input of simple detectors: levels near the best price, and imbalances, over time.

Each has the measures that simple detectors have thresholds for: its absolute size, its ratio to
the median of the market's last looks, and the robust z of that (of sizes, their logarithms).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats, complement
from bot.core.whales.book_sides import Sides, sides
from bot.research.whales.calibration import in_runs, market_hours
from bot.research.whales.markets import Scene
from bot.tape.reader import Tape, cycle_rows

IMBALANCE: Final = "high_imbalance"
#: What is usual is that of so many samples, one every so many seconds.
_SAMPLES: Final = 30
_SAMPLE_SECONDS: Final = 20.0
_LEVELS: Final = 12
#: Prices are distinguished to a hundredth of a cent.
_UNITS: Final = 10_000
_MAD_TO_SD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Track:
    """What is followed from look to look: levels near the best price, or imbalances.

    All of shape (N,), ordered by `key`, then `look`: one key is one level, or one side of a
    market. `measures` are what the simple detectors have thresholds for.
    """

    key: NDArray[np.int64]
    look: NDArray[np.intp]
    market: NDArray[np.intp]
    side: NDArray[np.intp]
    price: Floats
    measures: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Tracks:
    """What the simple detectors see of a scene; `at` (looks,) seconds."""

    at: Floats
    levels: Track
    leans: Track

    def of(self, kind: str) -> Track:
        """The track of a type of detection."""
        return self.leans if kind == IMBALANCE else self.levels


def tracks(scene: Scene, cadence: float) -> Tracks:
    """The levels and imbalances of a scene at a cadence of `cadence` seconds."""
    looks = scene.looks(cadence)
    markets = np.arange(len(scene.tickers))
    grid = _blank(len(looks), len(markets))
    for place, look in enumerate(looks):
        grid.put(place, markets, sides(scene.books(look)))
    return grid.tracks(scene.at[looks], cadence)


def recorded(tape: Tape, cadence: float) -> tuple[Tracks, float]:
    """The same of a tape, each unbroken recording of a market as one; and its market-hours."""
    apart = in_runs(tape).books
    names, run = np.unique(np.array(apart.tickers), return_inverse=True)
    looked = np.concatenate(list(cycle_rows(apart, cadence)))
    looked = looked[np.argsort(run[looked], kind="stable")]
    market = run[looked]
    look = np.arange(len(looked)) - np.searchsorted(market, market)
    grid = _blank(int(look.max()) + 1, len(names))
    grid.put(look, market, sides(apart.take(looked)))
    hours = float(market_hours(apart.seen_at[looked], market, cadence).sum())
    return grid.tracks(np.arange(len(grid.best), dtype=np.float64) * cadence, cadence), hours


@dataclass(frozen=True, slots=True)
class _Grid:
    """Sizes near the best price and owners' prices, shape (looks, markets, 2, levels).

    `best` (looks, markets, 2) is the contracts of the best five levels; 0 where nothing was seen.
    """

    near: Floats
    price: Floats
    best: Floats

    def put(self, look: NDArray[np.intp] | int, market: NDArray[np.intp], seen: Sides) -> None:
        """Note what was seen of these markets at these looks."""
        width = min(seen.near.shape[2], _LEVELS)
        near = np.where(seen.near[:, :, :width], seen.size[:, :, :width], 0.0)
        self.near[look, market, :, :width] = near
        self.price[look, market, :, :width] = seen.price[:, :, :width]
        self.best[look, market] = seen.best

    def tracks(self, at: Floats, cadence: float) -> Tracks:
        """What there was to follow at these times."""
        step = max(round(_SAMPLE_SECONDS / cadence), 1)
        return Tracks(at, _levels(self.near, self.price, step), _leans(self.best, step))


def _blank(looks: int, markets: int) -> _Grid:
    shape = (looks, markets, 2, _LEVELS)
    return _Grid(np.zeros(shape), np.full(shape, np.nan), np.zeros(shape[:3]))


def _levels(near: Floats, price: Floats, step: int) -> Track:
    """Every level near the best price at every look; `near` (looks, markets, 2, levels)."""
    look, market, side, level = np.nonzero(near)
    size, paid = near[look, market, side, level], price[look, market, side, level]
    logs = np.log(near, out=np.full(near.shape, np.nan), where=near > 0)
    usual, spread = _usual(logs.reshape(*near.shape[:2], -1), step)
    above = np.log(size) - usual[look, market]
    key = (market * 2 + side) * (_UNITS + 1) + np.rint(paid * _UNITS).astype(np.int64)
    order = np.lexsort((look, key))
    measures = {
        "absolute": size,
        "ratio": np.exp(above),
        "robust_z": above / np.maximum(spread[look, market], 0.1),
    }
    return Track(
        key=key[order],
        look=look[order],
        market=market[order],
        side=side[order],
        price=np.where(side == 0, paid, complement(paid))[order],
        measures={name: each[order] for name, each in measures.items()},
    )


def _leans(best: Floats, step: int) -> Track:
    """The imbalance of every two-sided book at every look; `best` (looks, markets, 2) contracts."""
    total = best.sum(axis=2)
    share = np.divide(best[:, :, 0], total, out=np.full(total.shape, np.nan), where=total > 0)
    strength = np.where(np.all(best > 0, axis=2), np.abs(share - 0.5), np.nan)
    usual, spread = _usual(strength[:, :, None], step)
    look, market = np.nonzero(np.isfinite(strength))
    side = (share[look, market] < 0.5).astype(np.intp)
    value, middle = strength[look, market], usual[look, market]
    key = market * 2 + side
    order = np.lexsort((look, key))
    measures = {
        "absolute": value,
        "ratio": value / np.maximum(middle, 0.01),
        "robust_z": (value - middle) / np.maximum(spread[look, market], 0.01),
    }
    return Track(
        key=key[order].astype(np.int64),
        look=look[order],
        market=market[order],
        side=side[order],
        price=np.full(len(order), np.nan),
        measures={name: each[order] for name, each in measures.items()},
    )


def _usual(values: Floats, step: int) -> tuple[Floats, Floats]:
    """Trailing median and its robust spread by look and market; `values` (looks, markets, …)."""
    sampled = values[::step]
    middles, spreads = np.empty((2, *sampled.shape[:2]))
    for place in range(len(sampled)):
        window = sampled[max(place - _SAMPLES + 1, 0) : place + 1]
        lately = window.transpose(1, 0, 2).reshape(values.shape[1], -1)
        middle = _median(lately)
        middles[place] = middle
        spreads[place] = _MAD_TO_SD * _median(np.abs(lately - middle[:, None]))
    of_look = np.arange(len(values)) // step
    return middles[of_look], spreads[of_look]


def _median(values: Floats) -> Floats:
    """The lower median of each row, NaN left out; 0 for a row without a number."""
    known = np.isfinite(values).sum(axis=1)
    # NaN sorts last.
    middle = np.sort(values, axis=1)[np.arange(len(values)), np.maximum(known - 1, 0) // 2]
    return np.where(known > 0, middle, 0.0)
