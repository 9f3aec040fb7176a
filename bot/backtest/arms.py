"""The same tape with orders that take, exits that rest, and entries that rest too.

What resting is worth. The arms are runs of the same rules, whole accounts each, so what one entered
another need not have. The interval redraws events together for both; where there are few of them,
half hours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.backtest.examination import FEWEST_TRIPS
from bot.backtest.outcome import ClosedTrip, Outcome
from bot.backtest.run import ScoredTape, TapeRun
from bot.backtest.statistics import event_of, trade_figures
from bot.core.market.money import Dollars, measured
from bot.core.market.orderbook import Floats
from bot.research.metrics import interval, redraws
from bot.trading.decision import TradeRules

Flags = NDArray[np.bool_]
#: Events below which half hours of an event are redrawn instead.
FEWEST_EVENTS: Final = 10
_BLOCK: Final = 1_800
_SEED: Final = 20_260_102
_DRAWS: Final = 1_000


def arms(
    pieces: Iterable[ScoredTape], rules: TradeRules, cash: Dollars, patience: float
) -> dict[str, Any]:
    """Figures of the arms, and what each earned more than `take` in cents a contract.

    In `rest` the exits rest, in `rest_both` the entries too.
    """
    arm_rules = (
        replace(rules, patience=None, entries_rest=False),
        replace(rules, patience=patience, entries_rest=False),
        replace(rules, patience=patience, entries_rest=True),
    )
    runs, traded = [TapeRun(arm, cash) for arm in arm_rules], set[str]()
    for piece in pieces:
        traded |= piece.tape.trades.markets.keys() & set(piece.tape.books.tickers)
        for one in runs:
            one.advance(piece)
    take, rest, both = (one.outcome() for one in runs)
    return {
        "patience": patience,
        "markets_with_known_trades": len(traded),
        "take": _figures(take),
        "rest": _figures(rest),
        "rest_both": _figures(both),
        "difference": difference(take.trips, rest.trips),
        "difference_both": difference(take.trips, both.trips),
    }


def difference(take: Sequence[ClosedTrip], rest: Sequence[ClosedTrip]) -> dict[str, Any]:
    """Cents a contract that the second earned more than the first, with 95 % of redraws.

    Nothing is said of an arm with fewer than `FEWEST_TRIPS`.
    """
    if min(len(take), len(rest)) < FEWEST_TRIPS:
        return {"cents_a_contract": None, "interval": None, "over": None, "count": 0}
    trips = [*take, *rest]
    events = {event_of(trip.ticker) for trip in trips}
    is_few = len(events) < FEWEST_EVENTS
    units = np.unique([_block(t) if is_few else event_of(t.ticker) for t in trips], False, True)
    net = np.array([measured(trip.net) * 100 for trip in trips])
    size = np.array([measured(trip.size) for trip in trips])
    is_rest = np.arange(len(trips)) >= len(take)
    weights = redraws(units[1], _SEED, _DRAWS)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = _gain(weights, net, size, is_rest)
    found = _gain(np.ones((1, len(trips))), net, size, is_rest)
    return {
        "cents_a_contract": float(found[0]),
        "interval": interval(draws[np.isfinite(draws)]) if len(units[0]) > 1 else None,
        "over": "half hours" if is_few else "events",
        "count": len(units[0]),
    }


def _gain(weights: Floats, net: Floats, size: Floats, is_rest: Flags) -> Floats:
    def mean(arm: Flags) -> Floats:
        ratio: Floats = (weights[:, arm] @ net[arm]) / (weights[:, arm] @ size[arm])
        return ratio

    return mean(is_rest) - mean(~is_rest)


def _block(trip: ClosedTrip) -> str:
    return f"{event_of(trip.ticker)} {int(trip.opened_at.timestamp()) // _BLOCK}"


def _figures(outcome: Outcome) -> dict[str, Any]:
    left = len(outcome.portfolio.positions)
    return {
        **trade_figures(outcome.trips),
        "open_positions": left,
        "equity": measured(outcome.end_equity),
        "exits": asdict(outcome.exit_fills),
    }
