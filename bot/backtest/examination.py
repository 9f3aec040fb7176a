"""A run held against chance: nulls, a look-ahead check, the number of trials, a verdict in words.

The verdict is about one tape. Expected best of N trials: Bailey and López de Prado, The Deflated
Sharpe Ratio (2014), applied to the mean over events instead of a Sharpe ratio over days.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import e, sqrt
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from bot.backtest.baselines import NULLS, lagged
from bot.backtest.foreknowledge import LeakCheck, Rescored, leak_check
from bot.backtest.outcome import ClosedTrip, Outcome
from bot.backtest.run import ScoredTape, TapeRun
from bot.backtest.statistics import (
    GROUPS,
    Markouts,
    account_figures,
    cents_a_contract,
    event_of,
    grouped,
    trade_figures,
)
from bot.core.market.money import Dollars, measured
from bot.core.market.orderbook import Floats
from bot.trading.decision import TradeRules

_SEED: Final = 7
#: Round trips below which nothing is said of a tape.
FEWEST_TRIPS: Final = 30
_EULER: Final = 0.5772156649015329
#: Share of the runs of a null that a model has to beat.
_BEATEN: Final = 0.95


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard a run is examined: runs of each null, and how many settings were tried in all.

    With `rescored`, which scores a tape, the scores are looked at for what they know of later
    books.
    """

    nulls: int = 20
    trials: int = 1
    rescored: Rescored | None = None


def examined(
    pieces: Iterable[ScoredTape],
    rules: TradeRules,
    cash: Dollars,
    plan: Plan,
    done: Callable[[], object] = lambda: None,
) -> tuple[Outcome, dict[str, Any]]:
    """The run over a tape, and all figures of it; the pieces are asked for once, one at a time.

    `done` is called after each run over each piece.
    """
    runs, leak = _Runs(rules, cash, plan), LeakCheck(0)
    for piece in pieces:
        runs.advance(piece, done)
        if plan.rescored and not leak.changed:
            leak = leak.then(leak_check(piece.tape, plan.rescored))
        # The next one is read before this name would let go of it.
        del piece
    outcome = runs.ours.outcome()
    trips = outcome.trips
    ours = cents_a_contract(trips)
    figures = {
        "account": account_figures(outcome),
        "trades": trade_figures(trips),
        "groups": {name: grouped(trips, group) for name, group in GROUPS.items()},
        "markouts": runs.after_entries.figures(),
        "exit_markouts": runs.after_exits.figures(),
        "exits": asdict(outcome.exit_fills),
        "orders": dict(outcome.orders),
        "refusals": dict(outcome.refusals),
        "stops": dict(outcome.stops),
        "nulls": {name: _null(found, ours) for name, found in runs.null_cents().items()},
        "look_ahead": _look_ahead(cents_a_contract(runs.late.record.trips), ours),
        "leak": asdict(leak) if plan.rescored else None,
        "trials": _deflated(trips, plan.trials),
        "digest": outcome.trades,
    }
    return outcome, {"verdict": verdict(figures), **figures}


def runs_of(plan: Plan) -> int:
    """How often `examined` calls `done` for each piece."""
    return 2 + plan.nulls * len(NULLS)


def verdict(figures: Mapping[str, Any]) -> str:
    """What these figures allow to be said, in a sentence."""
    trades, leak = figures["trades"], figures["leak"]
    if leak and leak["changed"]:
        return f"do not trust this: {leak['changed']} is another one without the books after it"
    if trades["count"] < FEWEST_TRIPS or trades["interval"] is None:
        return f"too few to tell: {trades['count']} round trips, {trades.get('events', 0)} events"
    mean, (low, high) = trades["cents_a_contract"], trades["interval"]
    found = next(words for words, applies in _evaluated(figures, low, high) if applies)
    return found.format(f"{mean:+.2f} c a contract [{low:+.2f}, {high:+.2f}]")


def _evaluated(figures: Mapping[str, Any], low: float, high: float) -> Iterator[tuple[str, bool]]:
    """Each thing that may be said, with whether it applies, the gravest first."""
    beaten = (null["share_below"] for null in figures["nulls"].values() if null["runs"])
    trials = figures["trials"]
    yield (
        "do not trust this: {}, and acting one book later costs nothing",
        figures["look_ahead"]["is_suspect"],
    )
    yield "loses: {}", high < 0
    yield "not told from chance: {}", low <= 0
    yield "no better than scores that know nothing: {}", any(share < _BEATEN for share in beaten)
    yield (
        "no better than the best of so many trials by chance: {}",
        trials["z"] < trials["expected_best_by_chance"],
    )
    yield "earned more than chance explains, on this tape: {}", True


class _Runs:
    """The run itself and, beside it over the same pieces, those under scores that know less."""

    def __init__(self, rules: TradeRules, cash: Dollars, plan: Plan) -> None:
        self._thresholds = rules.thresholds
        self.ours, self.late = TapeRun(rules, cash), TapeRun(rules, cash)
        self.after_entries, self.after_exits = Markouts(), Markouts(are_exits=True)
        self._nulls = {
            name: [
                (np.random.default_rng((_SEED, number)), TapeRun(rules, cash))
                for number in range(plan.nulls)
            ]
            for name in NULLS
        }

    def advance(self, piece: ScoredTape, done: Callable[[], object]) -> None:
        """Each run goes through the piece that follows."""
        self.ours.advance(piece)
        done()
        for followed, fills in (
            (self.after_entries, self.ours.record.entries),
            (self.after_exits, self.ours.record.exits),
        ):
            followed.follow(fills[followed.count :], piece.following)
        for one, scores in self._others(piece):
            one.advance(piece.with_scores(scores, self._thresholds))
            done()

    def _others(self, piece: ScoredTape) -> Iterator[tuple[TapeRun, Floats]]:
        scores, earlier = piece.scores, piece.cycles.earlier
        own = scores.take(slice(earlier, None))
        for name, runs in self._nulls.items():
            for rng, one in runs:
                yield one, np.concatenate([scores.scores[:earlier], NULLS[name](own, rng)])
        yield self.late, lagged(scores)

    def null_cents(self) -> dict[str, Floats]:
        """Cents a contract of the runs of each null; NaN without a round trip."""
        return {
            name: np.array([cents_a_contract(one.record.trips) for _, one in runs])
            for name, runs in self._nulls.items()
        }


def _null(cents: Floats, ours: float) -> dict[str, Any]:
    """Of a null: mean cents a contract over its runs, their range, the share below ours."""
    known = cents[np.isfinite(cents)]
    if not len(known):
        return {"runs": 0}
    return {
        "runs": len(known),
        "cents_a_contract": float(known.mean()),
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "share_below": float((known < ours).mean()),
    }


def _look_ahead(late: float, ours: float) -> dict[str, Any]:
    """The same with every score one book late: what knows the future does not mind."""
    return {
        "cents_a_contract": _or_none(ours),
        "one_book_late": _or_none(late),
        "is_suspect": bool(ours > 0 and late >= ours),
    }


def _deflated(trips: Sequence[ClosedTrip], trials: int) -> dict[str, Any]:
    """How many standard errors the mean over events is from 0, and what chance makes the best."""
    by_event: dict[str, float] = {}
    for trip in trips:
        event = event_of(trip.ticker)
        by_event[event] = by_event.get(event, 0.0) + measured(trip.net)
    values = np.array(list(by_event.values()))
    if len(values) < 2 or not values.std():
        return {"trials": trials, "z": None, "expected_best_by_chance": expected_best(trials)}
    z = values.mean() / (values.std(ddof=1) / sqrt(len(values)))
    return {"trials": trials, "z": float(z), "expected_best_by_chance": expected_best(trials)}


def expected_best(trials: int) -> float:
    """The expected largest of so many standard normal draws; 0 for one.

    >>> round(expected_best(500), 2)
    3.05
    """
    if trials < 2:
        return 0.0
    normal = NormalDist()
    first = normal.inv_cdf(1 - 1 / trials)
    return (1 - _EULER) * first + _EULER * normal.inv_cdf(1 - 1 / (trials * e))


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
