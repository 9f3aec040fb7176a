"""A run held against chance: nulls, a look-ahead check, the number of trials, a verdict in words.

The verdict is about one tape. Expected best of N trials: Bailey and López de Prado, The Deflated
Sharpe Ratio (2014), applied to the mean over events instead of a Sharpe ratio over days.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import e, sqrt
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from bot.backtest.baselines import NULLS, Null, lagged
from bot.backtest.outcome import ClosedTrip, Outcome
from bot.backtest.run import ScoredTape, run
from bot.backtest.statistics import (
    GROUPS,
    account_figures,
    cents_a_contract,
    event_of,
    grouped,
    markouts,
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
    """How hard a run is examined: runs of each null, and how many settings were tried in all."""

    nulls: int = 20
    trials: int = 1


def examined(
    scored_tape: ScoredTape,
    rules: TradeRules,
    cash: Dollars,
    plan: Plan,
    done: Callable[[], object] = lambda: None,
) -> tuple[Outcome, dict[str, Any]]:
    """The run, and all figures of it; `done` is called after each run over the tape."""
    outcome = run(scored_tape, rules, cash)
    done()
    trips = outcome.trips
    ours = cents_a_contract(trips)
    again = _Rerun(scored_tape, rules, cash, done)
    figures = {
        "account": account_figures(outcome),
        "trades": trade_figures(trips),
        "groups": {name: grouped(trips, group) for name, group in GROUPS.items()},
        "markouts": markouts(outcome.entries, scored_tape.tape.books),
        "exit_markouts": markouts(outcome.exits, scored_tape.tape.books, are_exits=True),
        "exits": asdict(outcome.exit_fills),
        "orders": dict(outcome.orders),
        "refusals": dict(outcome.refusals),
        "stops": dict(outcome.stops),
        "nulls": {name: _null(again, null, plan, ours) for name, null in NULLS.items()},
        "look_ahead": _look_ahead(again, ours),
        "trials": _deflated(trips, plan.trials),
        "digest": outcome.trades,
    }
    return outcome, {"verdict": verdict(figures), **figures}


def runs_of(plan: Plan) -> int:
    """How often `examined` calls `done`."""
    return 2 + plan.nulls * len(NULLS)


def verdict(figures: Mapping[str, Any]) -> str:
    """What these figures allow to be said, in a sentence."""
    trades = figures["trades"]
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


@dataclass(frozen=True, slots=True)
class _Rerun:
    """The same tape, rules and cash under other scores."""

    scored_tape: ScoredTape
    rules: TradeRules
    cash: Dollars
    done: Callable[[], object]

    def cents(self, scores: Floats) -> float:
        """Cents a contract; NaN without a round trip."""
        other = self.scored_tape.with_scores(scores, self.rules.thresholds)
        found = cents_a_contract(run(other, self.rules, self.cash).trips)
        self.done()
        return found


def _null(again: _Rerun, null: Null, plan: Plan, ours: float) -> dict[str, Any]:
    """Of a null: mean cents a contract over its runs, their range, the share below ours."""
    rngs = (np.random.default_rng((_SEED, number)) for number in range(plan.nulls))
    cents = np.array([again.cents(null(again.scored_tape.scores, rng)) for rng in rngs])
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


def _look_ahead(again: _Rerun, ours: float) -> dict[str, Any]:
    """The same with every score one book late: what knows the future does not mind."""
    late = again.cents(lagged(again.scored_tape.scores))
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
