"""What measuring and scoring cost, with all markets of a cycle in one batch.

`python -m bench.score [--rounds N]`

The floor of scoring is the same straight line as one product in NumPy; boosting of the size that
was tried stands beside it, to show what its candidates would cost.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Final

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from bench.common import in_turn, machine, ratio, say
from bot.core.market.orderbook import Books, Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY, blank, measure
from bot.model.scorer import MODELS, ModelScorer, load

SIZES: Final = (1, 20, 100, 1_000)
#: Levels a side of the books measured.
DEPTH: Final = 40
_REPEATS: Final = 20


def main(argv: list[str]) -> int:
    """Prints milliseconds a batch, and scoring as a multiple of its floor."""
    parser = argparse.ArgumentParser(prog="python -m bench.score", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args(argv).rounds
    scorer = load(MODELS / "gbm_label_up.pkl")
    if not isinstance(scorer, ModelScorer):
        raise SystemExit(f"bench.score: {scorer.fault}")
    say(f"measuring and scoring in one batch ({machine()})")
    rivals = _rivals(len(scorer.uses))
    for markets in SIZES:
        _report(scorer, rivals, markets, rounds)
    return 0


def _report(
    scorer: ModelScorer, rivals: dict[str, Callable[[Floats], object]], markets: int, rounds: int
) -> None:
    features = _features(scorer, markets)
    columns = features[:, [FEATURE_NAMES.index(name) for name in scorer.uses]]
    line = np.ones(columns.shape[1])
    found = in_turn(
        lambda: _seconds(lambda: scorer.run_predict(features)),
        lambda: _seconds(lambda: 1 / (1 + np.exp(-(columns @ line)))),
        rounds,
    )
    books, seconds_to_close = _books(markets), np.full(markets, 600.0)
    rows = measure(books, np.repeat(blank(), markets), seconds_to_close)[1]
    measured = _seconds(lambda: measure(books, rows, seconds_to_close))
    predictions = median(one.ours for one in found)
    both = np.concatenate([columns, columns])
    others = ", ".join(
        f"{name} {_seconds(partial(predict, both)) * 1e3:.2f} ms"
        for name, predict in rivals.items()
    )
    say(
        f"{markets:5,} markets: features {measured * 1e3:.2f} ms, scores and reasons "
        f"{predictions * 1e3:.2f} ms ({ratio(found)} × the floor); {others}"
    )


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)


def _books(markets: int) -> Books:
    rng = np.random.default_rng(7)
    bid = rng.integers(40, 60, markets)[:, None] - np.arange(DEPTH) / 2
    ask = bid[:, :1] + 1 + np.arange(DEPTH) / 2
    sizes = rng.lognormal(5, 1, (2, markets, DEPTH))
    tickers = tuple([f"KXBENCH-{number}" for number in range(markets)])
    return Books(tickers, np.zeros(markets), bid / 100, sizes[0], ask / 100, sizes[1])


def _features(scorer: ModelScorer, markets: int) -> Floats:
    """Rows inside the domain of the model."""
    rng = np.random.default_rng(7)
    rows = np.zeros((markets, len(PARITY)))
    for name, (low, high) in scorer.card.ranges.items():
        share = rng.uniform(0.2, 0.8, markets)
        rows[:, FEATURE_NAMES.index(name)] = low + share * (high - low)
    return rows


def _rivals(columns: int) -> dict[str, Callable[[Floats], object]]:
    """Boosting as it was tried, fitted to noise: what it says does not matter here."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(4_000, columns)), rng.integers(0, 2, 4_000)
    boosting = GradientBoostingClassifier(n_estimators=100, max_depth=2, random_state=7)
    hist = HistGradientBoostingClassifier(
        max_iter=100, max_leaf_nodes=12, early_stopping=False, random_state=7
    )
    return {
        "boosting": boosting.fit(*noise).predict_proba,
        "histogram boosting": hist.fit(*noise).predict_proba,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
