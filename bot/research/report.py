"""Metrics of scores as one nested dictionary: what the card and `evaluate` print."""

from typing import Any, Final

import numpy as np

from bot.core.market.orderbook import Floats
from bot.research.dataset import Samples
from bot.research.metrics import (
    METRICS,
    Redraws,
    calibration_error,
    calibration_noise,
    confidence_error,
    interval,
)

#: What makes a difference in a metric an improvement.
_BETTER: Final = {"auc": 1, "log_loss": -1, "brier": -1}


def measures(score: Floats, samples: Samples, seed: int) -> dict[str, Any]:
    """Rows, markets, every metric with its 95 % interval, and how far off the scores were.

    Beside it: how far off a calibrated model would have seemed on as few events.
    """
    if not len(samples):
        return {"rows": 0, "markets": 0, "events": 0} | dict.fromkeys(
            (*METRICS, "calibration_error")
        )
    up, drawn = samples.change > 0, Redraws.of(samples.unit, seed)
    result: dict[str, Any] = {
        "rows": len(samples),
        "markets": len(np.unique(samples.market)),
        "events": len(np.unique(samples.event)),
        "up": float(up.mean()),
    }
    for name, metric in METRICS.items():
        result[name] = metric(score, up, None)
    result["calibration_error"] = calibration_error(score, up)
    result["calibration_noise"] = calibration_noise(score, up, samples.unit, seed)
    result["confidence_error"] = confidence_error(score, up)
    result["intervals"] = {name: list(interval(drawn.metric(name, score, up))) for name in METRICS}
    return result


def compared(score: Floats, other: Floats, samples: Samples, seed: int) -> dict[str, Any]:
    """How much better than another score, metric by metric: positive is better.

    Both are measured on the same redraws of the markets, so what moves both drops out.
    """
    result: dict[str, Any] = {}
    if not len(samples):
        return result
    up, drawn = samples.change > 0, Redraws.of(samples.unit, seed)
    for name, sign in _BETTER.items():
        metric = METRICS[name]
        redrawn = drawn.metric(name, score, up) - drawn.metric(name, other, up)
        result[name] = {
            "gain": sign * (metric(score, up, None) - metric(other, up, None)),
            "interval": list(interval(sign * redrawn)),
        }
    return result
