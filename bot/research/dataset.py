"""From tapes to samples: what a model may know at a moment, and what then came of it.

Features are those of the live cycle, run over every market at once, observation by observation.
The future is only ever looked up in the same run, on the receive clock; a row whose future is not
known is dropped and counted, never filled.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.signals.feature_state import HISTORY_COLUMNS, BboHistory, bbo, history
from bot.core.signals.features import FEATURES, blank, book_features, completed
from bot.research.runs import Runs, event_of
from bot.tape.reader import Rows

#: Mids outside are left alone: the grid is finer there, and some tapes are rounded to whole cents.
LOWEST_MID, HIGHEST_MID = 0.10, 0.90
_COLUMNS: Final = ("features", "at", "market", "bid", "ask", "later_bid", "later_ask", "change")
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Label:
    """What is predicted: the mid `horizon` seconds later, by at least `size` cents."""

    horizon: float
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Samples:
    """N moments with their futures. Prices in dollars, `change` of the mid in cents.

    `market` (N,) counts from 0 into `markets`; `at` is the moment, seconds UTC. `dropped` counts
    the rows of the tape that are not here, by reason.
    """

    features: Floats
    at: Floats
    market: Rows
    bid: Floats
    ask: Floats
    later_bid: Floats
    later_ask: Floats
    change: Floats
    markets: tuple[str, ...]
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Rows) -> "Samples":
        """Some of the moments, in that order."""
        picked = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **picked)

    @property
    def event(self) -> Rows:
        """The event of each moment, (N,), counted from 0: its markets move together."""
        events = [event_of(market) for market in self.markets]
        numbers = np.unique(events, return_inverse=True)[1]
        return np.asarray(numbers[self.market], dtype=np.intp)

    def moved(self, size: float) -> "Samples":
        """The moments after which the mid moved by at least `size` cents: those with a label."""
        return self.take(np.flatnonzero(np.abs(self.change) >= size))


def joined(parts: Sequence[Samples]) -> Samples:
    """Several sets as one; a market that occurs in two of them is one market."""
    markets = tuple(sorted({market for part in parts for market in part.markets}))
    number = {market: index for index, market in enumerate(markets)}
    renumbered = [
        replace(
            part, market=np.array([number[m] for m in part.markets], dtype=np.intp)[part.market]
        )
        for part in parts
    ]
    columns = {
        name: np.concatenate([getattr(part, name) for part in renumbered]) for name in _COLUMNS
    }
    dropped = sum((Counter(part.dropped) for part in parts), Counter())
    return Samples(**columns, markets=markets, dropped=dict(dropped))


def samples(runs: Runs, label: Label) -> Samples:
    """Every moment of a tape whose features and future are both known."""
    features = observations(runs)
    later, reasons = _futures(runs, label.horizon)
    mid = runs.books.mid
    reasons["mid outside 10-90 c or one-sided"] = ~((mid >= LOWEST_MID) & (mid <= HIGHEST_MID))
    reasons["closes before the horizon"] = runs.seconds_to_close < label.horizon
    dropped, usable = {}, np.ones(len(runs), dtype=bool)
    for reason, faulty in reasons.items():
        dropped[reason] = int(np.count_nonzero(usable & faulty))
        usable &= ~faulty
    now, then = np.flatnonzero(usable), later[usable]
    return Samples(
        features=features[now],
        at=runs.books.seen_at[now],
        market=runs.market[now],
        bid=runs.books.best_bid[now],
        ask=runs.books.best_ask[now],
        later_bid=runs.books.best_bid[then],
        later_ask=runs.books.best_ask[then],
        change=np.round((mid[then] - mid[now]) * 100, 4),
        markets=runs.markets,
        dropped=dropped,
    )


def observations(runs: Runs) -> Floats:
    """The features of every row of a tape, shape (len(runs), len(FEATURES)).

    What the tape was too shallow to hold is NaN: a book cut at one level is not a thin book.
    """
    static = [
        book_features(runs.books.take(rows), runs.seconds_to_close[rows])
        for rows in (slice(start, start + _CHUNK) for start in range(0, len(runs), _CHUNK))
    ]
    table = completed(np.concatenate(static), _histories(runs))
    table[:, [feature.levels > runs.levels for feature in FEATURES]] = np.nan
    return table


def _histories(runs: Runs) -> Floats:
    """History features row by row: the k-th observation of every run is one batch."""
    start = np.flatnonzero(np.diff(runs.run, prepend=-1))
    length = np.diff(start, append=len(runs))
    # Longest runs first: those still going at step k are then the first so many.
    longest = np.argsort(-length, kind="stable")
    start, length = start[longest], length[longest]
    columns = bbo(runs.books)
    moved = np.empty((len(runs), HISTORY_COLUMNS))
    remembered = np.repeat(blank(), len(start))
    for step in range(int(length.max(initial=0))):
        running = int(np.searchsorted(-length, -step))
        rows = start[:running] + step
        now = BboHistory(*(column[rows] for column in columns))
        moved[rows], remembered[:running] = history(now, remembered[:running])
    return moved


def _futures(runs: Runs, horizon: float) -> tuple[Rows, dict[str, NDArray[np.bool_]]]:
    """The row that says what came of each row, and by reason the rows that have none."""
    seen_at, last = runs.books.seen_at, len(runs) - 1
    # One rising number per row: runs far apart, so that a search never strays into the next.
    offset = runs.run * (2 * (np.ptp(seen_at) + horizon) + 1e4)
    target = seen_at + horizon
    first = np.searchsorted(seen_at + offset, target + offset)
    later = np.minimum(first, last)
    ended = (first > last) | (runs.run[later] != runs.run)
    if runs.on_change:
        later = np.where(seen_at[later] > target, later - 1, later)
    late = seen_at[later] > target + _patience(runs, horizon)
    one_sided = np.cumsum(~np.isfinite(runs.books.mid))
    return later, {
        "the recording ended before the horizon": ended,
        "no book near the horizon": ~ended & late,
        "one-sided before the horizon": one_sided[later] != one_sided,
    }


def _patience(runs: Runs, horizon: float) -> float:
    """Seconds a book may come after the horizon: 1.5 times the usual gap, half the horizon at most.

    A tape with longer gaps than that has no labels for this horizon.
    """
    gaps = np.diff(runs.books.seen_at)[np.diff(runs.run) == 0]
    return min(1.5 * float(np.median(gaps)), horizon / 2) if len(gaps) else 0.0
