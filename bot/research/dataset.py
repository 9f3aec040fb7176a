"""From tapes to samples: what a model may know at a time, and what happened next.

Features are those of the live cycle, run over every market at once, observation by observation.
The future is only ever looked up in the same run, on the receive clock; a row whose future is not
known is dropped and counted, never filled.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.model.families import family_of
from bot.core.signals.feature_state import HISTORY_COLUMNS, BboHistory, bbo, history
from bot.core.signals.features import FEATURES, blank, book_features, completed
from bot.research.runs import Runs, event_of
from bot.tape.reader import Rows

#: Mids outside are left alone: the grid is finer there, and some tapes are rounded to whole cents.
LOWEST_MID, HIGHEST_MID = 0.10, 0.90
_COLUMNS: Final = (
    *("features", "at", "market", "bid", "ask", "later_bid", "later_ask", "change", "nearby"),
)
_CHUNK: Final = 4096
#: Events without which nothing can be chosen by walking forward, nor an interval redraw them.
LEAST_EVENTS: Final = 8
#: Seconds of one event that are taken to move together, where there are too few events to redraw.
BLOCK: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Label:
    """What is predicted: the mid `horizon` seconds later, by at least `size` cents.

    A fit may learn from `nearby` horizons as well; it is judged by `horizon` alone.
    """

    horizon: float
    size: float = 1.0
    nearby: tuple[float, ...] = ()

    @property
    def reach(self) -> float:
        """How many seconds of the future a fit looks at."""
        return max(self.horizon, *self.nearby, 0.0)


@dataclass(frozen=True, slots=True)
class Samples:
    """N rows with their futures. Prices in dollars, `change` of the mid in cents.

    `nearby` (N, K) are the changes at the nearby horizons of the label, NaN where not known.
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
    nearby: Floats
    markets: tuple[str, ...]
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Rows) -> "Samples":
        """Some of the rows, in that order."""
        picked = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, **picked)

    @property
    def tickers(self) -> list[str]:
        """The market of each row by name."""
        return [self.markets[number] for number in self.market.tolist()]

    @property
    def event(self) -> Rows:
        """The event of each row, (N,), counted from 0: its markets move together."""
        return self._numbered(event_of)

    @property
    def family(self) -> Rows:
        """The kind of market of each row, (N,), counted from 0 into `families`."""
        return self._numbered(family_of)

    @property
    def families(self) -> tuple[str, ...]:
        """The kinds of the markets, by name."""
        return tuple(sorted({family_of(market) for market in self.markets}))

    @property
    def block(self) -> Rows:
        """The half hour of its event that each sample falls into, (N,), from 0."""
        pairs = np.column_stack([self.event, self.at // BLOCK])
        numbers = np.unique(pairs, axis=0, return_inverse=True)[1]
        return np.asarray(numbers.reshape(-1), dtype=np.intp)

    @property
    def unit(self) -> Rows:
        """What intervals redraw, (N,): events; half hours of events where those are too few."""
        event = self.event
        return event if len(np.unique(event)) >= LEAST_EVENTS else self.block

    def _numbered(self, group_of: Callable[[str], str]) -> Rows:
        groups = [group_of(market) for market in self.markets]
        numbers = np.unique(groups, return_inverse=True)[1]
        return np.asarray(numbers[self.market], dtype=np.intp)

    def moved(self, size: float) -> "Samples":
        """The rows after which the mid moved by at least `size` cents: those with a label."""
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


def samples(runs: Runs, label: Label, features: Floats | None = None) -> Samples:
    """Every row of a tape whose features and future are both known.

    `features` are its observations, if they were made already.
    """
    features = observations(runs) if features is None else features
    later, reasons = _futures(runs, label.horizon)
    mid = runs.books.mid
    reasons["mid outside 10-90 c or one-sided"] = ~((mid >= LOWEST_MID) & (mid <= HIGHEST_MID))
    reasons["closes before the horizon"] = runs.seconds_to_close < label.horizon
    nearby = [_change(runs, horizon) for horizon in label.nearby]
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
        nearby=np.array(nearby).reshape(len(nearby), len(runs)).T[now],
        markets=runs.markets,
        dropped=dropped,
    )


def _change(runs: Runs, horizon: float) -> Floats:
    """Cents the mid of each row moved within a horizon, (N,); NaN where its future is not known."""
    later, reasons = _futures(runs, horizon)
    reasons["closes before the horizon"] = runs.seconds_to_close < horizon
    change = np.round((runs.books.mid[later] - runs.books.mid) * 100, 4)
    change[np.logical_or.reduce(list(reasons.values()))] = np.nan
    return np.asarray(change, dtype=np.float64)


def observations(runs: Runs) -> Floats:
    """Features by row, shape (len(runs), len(FEATURES)); NaN where the tape is too shallow."""
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
    """The future row of each row, and by reason the rows without one."""
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
