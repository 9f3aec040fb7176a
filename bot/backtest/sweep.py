"""Many settings over the same tapes, chosen on one part and judged on another.

Trials are asked for in rounds of fixed size and told in the order they were asked, so a study
comes out the same on one process, on many, and on a Dask cluster. Events are cut in time: the
first ones choose, in folds, the last ones are held out. After each fold a trial whose net is below
the median of those before it ends there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from bot.backtest.pieces import ScoredWindow, pieces_of
from bot.backtest.precomputed.scores import Scores
from bot.backtest.run import ScoredTape
from bot.backtest.statistics import event_of
from bot.backtest.tape_source import markets_seen
from bot.tape.reader import Tape, TapeError, taken
from bot.tape.windows import RecordedMarket

if TYPE_CHECKING:
    from optuna import Study, Trial

#: Trials asked for at once: enough for many workers, few enough to learn from.
ROUND: Final = 8
#: Completed trials before the first is cut short.
_WARM_UP: Final = 10
#: The share of events that chooses; the rest is held out.
SELECTION: Final = 0.7
FOLDS: Final = 4


#: What a TOML file may give a setting.
Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Dimension:
    """One setting: a range from `low` to `high`, or `values` to choose from.

    `mirror` names a setting that gets 1 less the value, such as the threshold of the other side.
    """

    name: str
    low: float = nan
    high: float = nan
    values: tuple[Value, ...] = ()
    mirror: str | None = None

    @classmethod
    def of(cls, name: str, body: Mapping[str, Any]) -> "Dimension":
        """As a file has it. Raises TapeError for what is neither a range nor a choice."""
        unknown = set(body) - {"low", "high", "values", "mirror"}
        low, high = (_number(body.get(end)) for end in ("low", "high"))
        values = body.get("values", [])
        if unknown or (low < high) == bool(values) or not isinstance(values, list):
            raise TapeError(
                f"[{name}] needs low < high, or values = […], and at most mirror beside it"
            )
        return cls(name, low, high, tuple(values), body.get("mirror"))

    def drawn(self, trial: "Trial") -> dict[str, str]:
        """What a trial tries, as settings."""
        if self.values:
            chosen: Any = trial.suggest_categorical(self.name, self.values)
            return self.changes(chosen)
        return self.changes(trial.suggest_float(self.name, self.low, self.high))

    def extremes(self) -> tuple[Value, ...]:
        """The values at the ends, or all there are."""
        ends: tuple[Value, ...] = (self.low, self.high)
        return self.values or ends

    def changes(self, value: Value) -> dict[str, str]:
        """A value as settings."""
        value = value if self.values else round(float(value), 4)
        mirrored = {self.mirror.lower(): f"{1 - float(value):.4f}"} if self.mirror else {}
        return {self.name.lower(): str(value), **mirrored}


def _number(value: object) -> float:
    """NaN for anything else, which is below nothing."""
    return float(value) if isinstance(value, int | float) else nan


@dataclass(frozen=True, slots=True)
class Task:
    """What one trial needs: settings to change, and the nets below which it ends, fold by fold."""

    changes: Mapping[str, str]
    floors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What one trial came to: net dollars up to each fold, fewer where it was cut short."""

    nets: tuple[float, ...]
    trips: int


Evaluate = Callable[[Sequence[Task]], Iterable[Tried]]


@dataclass(slots=True)
class Sweep:
    """A study over some dimensions; `evaluate` runs tasks wherever they run, in order."""

    study: "Study"
    dimensions: Sequence[Dimension]
    evaluate: Evaluate
    fewest_trips: int
    _nets: list[tuple[float, ...]] = field(default_factory=list)

    def run(self, trials: int, done: Callable[[int], object] = lambda _: None) -> None:
        """Go on until there are so many trials."""
        left = trials - len(self.study.trials)
        while left > 0:
            asked = [self.study.ask() for _ in range(min(ROUND, left))]
            tasks = [Task(self._changes(trial), self._floors()) for trial in asked]
            for trial, tried in zip(asked, self.evaluate(tasks), strict=True):
                self._note(trial, tried)
            left -= len(asked)
            done(len(asked))

    def _changes(self, trial: "Trial") -> dict[str, str]:
        drawn: dict[str, str] = {}
        for dimension in self.dimensions:
            drawn |= dimension.drawn(trial)
        trial.set_user_attr("changes", drawn)
        return drawn

    def _floors(self) -> tuple[float, ...]:
        whole = [nets for nets in self._nets if len(nets) == FOLDS]
        if len(whole) < _WARM_UP:
            return ()
        return tuple(median(nets[fold] for nets in whole) for fold in range(FOLDS))

    def _note(self, trial: "Trial", tried: Tried) -> None:
        import optuna  # noqa: PLC0415  # a tool of research, not part of the service

        self._nets.append(tried.nets)
        trial.set_user_attr("trips", tried.trips)
        for fold, net in enumerate(tried.nets):
            trial.report(net, fold)
        is_whole = len(tried.nets) == FOLDS and tried.trips >= self.fewest_trips
        if is_whole:
            self.study.tell(trial, tried.nets[-1])
        else:
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)


class Parts(NamedTuple):
    """The markets of each fold that chooses, in time, and those held out."""

    folds: Sequence[frozenset[str]]
    held: frozenset[str]


def parts(seen: Mapping[str, RecordedMarket]) -> Parts:
    """The markets of a tape parted by when their events were first seen.

    Raises TapeError for a tape with too few events for that.
    """
    first: dict[str, float] = {}
    for ticker, one in seen.items():
        event = event_of(ticker)
        first[event] = min(first.get(event, inf), one.first)
    events = sorted(first, key=first.__getitem__)
    chosen = int(len(events) * SELECTION)
    if chosen < FOLDS or chosen == len(events):
        raise TapeError(
            f"{len(events)} events are too few to choose on some and hold out others: "
            f"record more, at least {FOLDS + 2}"
        )
    folds = np.array_split(np.array(events[:chosen], dtype=object), FOLDS)
    chosen_folds = [_markets(seen, fold.tolist()) for fold in folds]
    return Parts(chosen_folds, _markets(seen, events[chosen:]))


def _markets(seen: Mapping[str, RecordedMarket], events: Iterable[str]) -> frozenset[str]:
    wanted = set(events)
    return frozenset(ticker for ticker in seen if event_of(ticker) in wanted)


def part(
    windows: Iterable[ScoredWindow],
    seen: Mapping[str, RecordedMarket],
    names: Collection[str],
    every: float,
) -> Iterator[ScoredTape]:
    """The pieces of some markets alone, of the scored windows of a tape."""
    chosen = (_of_markets(*window, names) for window in windows)
    markets = markets_seen({ticker: one for ticker, one in seen.items() if ticker in names})
    return pieces_of((one for one in chosen if len(one[0].books)), markets, every)


def _of_markets(tape: Tape, scores: Scores, names: Collection[str]) -> ScoredWindow:
    rows = [row for row, ticker in enumerate(tape.books.tickers) if ticker in names]
    return taken(tape, rows), scores.take(np.array(rows, dtype=np.intp))
