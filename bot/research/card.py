"""Writes a model and its card: what it is, what it was trained on, which markets it suits."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import sklearn

from bot.core.market.orderbook import Floats
from bot.core.model.drift import counted
from bot.core.signals.features import FEATURE_NAMES
from bot.research.dataset import HIGHEST_MID, LOWEST_MID, Label, Samples
from bot.research.fit import KindModels, column_numbers

#: A market quieter, wilder, wider or nearer to its close than any seen in training gets no
#: prediction, whether or not the model reads these.
GATES: Final = ("vol60", "spread", "pq")
#: Ranges leave out this share at either end, and are then this many times as wide.
_TAIL: Final = 0.005
_SLACK: Final = 1.2
#: The share of predictions that enters.
ENTERING: Final = 0.10
_WAYS: Final = {
    "taker_round_trip": "taken and taken back",
    "taker_marked_at_mid": "taken and then worth the mid",
    "resting_always_filled": "rested and always filled, which never happens",
}


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What to train: from which tapes, for which label, as seen how often, tested from when.

    `note` goes to the card as it is: what its readers should know and the figures do not show.
    """

    tapes: tuple[Path, ...]
    label: Label
    cadences: tuple[float, ...]
    test_day: str | None
    name: str
    note: str = ""


def content(plan: TrainingPlan, model: KindModels, before: Samples) -> dict[str, Any]:
    """The card before the test: all but choice, baselines and metrics."""
    moved = before.moved(plan.label.size)
    return {
        "name": plan.name,
        "features": list(FEATURE_NAMES),
        "uses": list(model.uses),
        "ranges": ranges(before, GATES),
        "recipe": model.recipe,
        "note": plan.note,
        "calibration": {
            "what": "slopes of the log odds by kind of market; of any other kind, the general one",
            "kinds": {name: one.slope for name, one in model.models.kinds.items()},
            "general": model.models.general.slope,
        },
        "label": {
            "what": "P(mid rises by at least the size | it moves by at least the size)",
            "horizon_seconds": plan.label.horizon,
            "also_learned_seconds": list(plan.label.nearby),
            "size_cents": plan.label.size,
            "mid_from": LOWEST_MID,
            "mid_to": HIGHEST_MID,
        },
        "training": _training(plan, moved),
        "libraries": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }


def _training(plan: TrainingPlan, moved: Samples) -> dict[str, Any]:
    return {
        "tapes": {path.name: _hash(path) for path in plan.tapes},
        "cadences_seconds": list(plan.cadences),
        "rows": len(moved),
        "markets": len(np.unique(moved.market)),
        "kinds": {
            name: {
                "rows": int(np.sum(moved.family == number)),
                "events": len(np.unique(moved.event[moved.family == number])),
            }
            for number, name in enumerate(moved.families)
        },
        "market_names": [moved.markets[number] for number in np.unique(moved.market)],
        "from_utc": _iso_date(moved.at.min()),
        "to_utc": _iso_date(moved.at.max()),
    }


def entry(general: float, kinds: Mapping[str, float]) -> dict[str, Any]:
    """The scores at which positions are entered, from their least distance from .5."""
    return {
        "what": f"the most decided {ENTERING:.0%} of scores of fits that did not see the event",
        "general": _either_side(general),
        "kinds": {name: _either_side(distance) for name, distance in kinds.items()},
    }


def _either_side(distance: float) -> dict[str, float]:
    return {"above": round(0.5 + distance, 4), "below": round(0.5 - distance, 4)}


def _tails(samples: Samples, kind: int, column: int) -> Floats:
    values = samples.features[samples.family == kind, column]
    tails: Floats = np.quantile(values, [_TAIL, 1 - _TAIL])
    return tails


def ranges(samples: Samples, names: tuple[str, ...]) -> dict[str, list[float]]:
    """The range of these even features over all kinds of markets, with slack."""
    result = {}
    for name, column in zip(names, column_numbers(names), strict=True):
        tails = np.array([_tails(samples, kind, column) for kind in np.unique(samples.family)])
        low, high = tails[:, 0].min(), tails[:, 1].max()
        result[name] = [round(float(low / _SLACK), 6), round(float(high * _SLACK), 6)]
    return result


def in_words(test: Mapping[str, Any]) -> list[str]:
    """The results of the test, one sentence each."""
    coin = test["better_than"]["base_rate"]["log_loss"]
    bbo = test["better_than"]["touch_imbalance"]["log_loss"]
    sentences = [
        _described("a coin", coin["gain"], *coin["interval"]),
        _described("touch imbalance alone", bbo["gain"], *bbo["interval"]),
    ]
    top = test["gain_cents"]["top 5%"]
    for way, what in _WAYS.items():
        cents, (low, high) = top[way]["cents"], top[way]["interval"]
        sentences.append(
            f"the most decided twentieth of signals, {what}, left {cents:+.2f} c a contract "
            f"(95 %: {low:+.2f} to {high:+.2f})"
        )
    return sentences


def _described(other: str, gain: float, low: float, high: float) -> str:
    """Whether it beats another, in log loss on markets never trained on."""
    verdict = "beats" if low > 0 else "loses to" if high < 0 else "cannot be told from"
    return f"{verdict} {other}: {gain:+.4f} nats (95 %: {low:+.4f} to {high:+.4f})"


def spread_of(model: KindModels, samples: Samples) -> dict[str, Any]:
    """Distributions of features and scores in training, to detect drift: `core.model.drift`."""
    names = tuple(dict.fromkeys((*GATES, *model.uses)))
    score = model.score(samples.features, samples.tickers)
    values = np.column_stack([samples.features[:, column_numbers(names)], score])
    edges = np.quantile(values, np.arange(1, 10) / 10, axis=0).T.round(6)
    counts = counted(values, edges)
    columns = zip((*names, "score"), edges.tolist(), counts.tolist(), strict=True)
    return {name: {"edges": limits, "counts": found} for name, limits, found in columns}


def write(folder: Path, name: str, model: bytes, content: Mapping[str, Any]) -> None:
    """Write the model, then its card: a card without its model is refused with a reason."""
    digest = hashlib.sha256(model).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(model)
    put(folder / f"{name}.json", {"version": digest[:12], "sha256": digest, **content})


def put(path: Path, whole: Mapping[str, Any]) -> None:
    """Write a card."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    path.write_bytes(orjson.dumps(whole, option=options) + b"\n")


def _hash(path: Path) -> str:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _iso_date(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s")) + "Z"
