"""Precision, recall, F1, false alarms an hour and delay of a score, with 95 % intervals.

Intervals are a bootstrap over markets, for events within one market are correlated. Two
detectors are compared on the same drawn markets.
"""

from collections.abc import Callable, Mapping
from math import nan
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from bot.core.market.orderbook import Floats
from bot.research.whales.matching import Score

RESAMPLES: Final = 1000
_SEED: Final = 0


class Counts(NamedTuple):
    """Right and wrong detections, missed actions, market-hours; of all, or one per resample."""

    right: Floats
    wrong: Floats
    missed: Floats
    hours: Floats


#: What is measured of counts; NaN where it is not defined.
MEASURES: Final[Mapping[str, Callable[[Counts], Floats]]] = MappingProxyType(
    {
        "precision": lambda n: _ratio(n.right, n.right + n.wrong),
        "recall": lambda n: _ratio(n.right, n.right + n.missed),
        "f1": lambda n: _ratio(2 * n.right, 2 * n.right + n.wrong + n.missed),
        "false_alarms_per_hour": lambda n: _ratio(n.wrong, n.hours),
    }
)


def false_alarms_per_hour(found: Score) -> float:
    """False alarms per market-hour."""
    return float(found.wrong.sum() / found.hours.sum())


def summary(found: Score) -> dict[str, object]:
    """The measures of a score as JSON, each with its interval; None where not defined."""
    weights = _weights(len(found.hours))
    shown: dict[str, object] = {
        "truths": int((found.right + found.missed).sum()),
        "visible": int(found.visible.sum()),
        "found": int(found.right.sum()),
        "false_alarms": int(found.wrong.sum()),
        "market_hours": round(float(found.hours.sum()), 2),
        "markets": len(found.hours),
    }
    for name, measure in MEASURES.items():
        shown[name] = _rounded(float(measure(_total(found))))
        shown[f"{name}_interval"] = _interval(measure(_drawn(found, weights)))
    shown["delay_s"], shown["delay_s_interval"] = _delay(found, weights)
    return shown


def f1_excess(ours: Score, theirs: Score) -> dict[str, object]:
    """Our F1 less theirs, on the same markets."""
    weights = _weights(len(ours.hours))
    f1 = MEASURES["f1"]
    # Who found nothing and said nothing has an F1 of 0 where there was something to find.
    ahead = float(np.nan_to_num(f1(_total(ours))) - np.nan_to_num(f1(_total(theirs))))
    drawn = np.nan_to_num(f1(_drawn(ours, weights))) - np.nan_to_num(f1(_drawn(theirs, weights)))
    return {"f1_lead": round(ahead, 4), "f1_lead_interval": _interval(drawn)}


def _total(found: Score) -> Counts:
    return Counts(*(np.asarray(each.sum()) for each in _columns(found)))


def _drawn(found: Score, weights: Floats) -> Counts:
    return Counts(*(weights @ each for each in _columns(found)))


def _columns(found: Score) -> tuple[Floats, Floats, Floats, Floats]:
    return found.right, found.wrong, found.missed, found.hours


def _ratio(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.divide(part, whole, out=np.full(whole.shape, nan), where=whole > 0)
    return shares


def _weights(markets: int) -> Floats:
    """How often each market is drawn in each resample, shape (resamples, markets)."""
    rng = np.random.default_rng(_SEED)
    return rng.multinomial(markets, np.full(markets, 1 / markets), RESAMPLES).astype(np.float64)


def _delay(found: Score, weights: Floats) -> tuple[float | None, list[float] | None]:
    """The median delay of the right detections in seconds."""
    if not len(found.delay):
        return None, None
    order = np.argsort(found.delay)
    drawn = np.cumsum(weights[:, found.delay_market[order]], axis=1)
    place = (drawn >= drawn[:, -1:] / 2).argmax(axis=1)
    medians = np.where(drawn[:, -1] > 0, found.delay[order][place], nan)
    return round(float(np.median(found.delay)), 2), _interval(medians)


def _interval(values: Floats) -> list[float] | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return [round(float(each), 4) for each in np.percentile(known, (2.5, 97.5))]


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
