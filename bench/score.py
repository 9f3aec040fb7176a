"""What measuring and scoring cost, with all markets of a cycle in one batch.

`python -m bench.score [--rounds N]`

The floor of scoring is a straight line through the same columns as one product in NumPy; what
boosting costs beside it is the price of its trees. `kinds` is how many estimators of the model have
markets in the batch: each is asked once. The slowest of a hundred is said on the clock and in time
of the processor, and beside it that of bare products in NumPy which take as long, run in turn with
it: what both wait for is the machine, and only what they do not share is ours.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final, NamedTuple

import numpy as np

from bench.common import in_turn, machine, ratio, say
from bot.core.market.orderbook import Books, Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY, blank, measure
from bot.model.scorer import MODELS, ModelScorer, load

SIZES: Final = (1, 20, 100, 1_000)
#: Levels a side of the books measured.
DEPTH: Final = 40
_REPEATS: Final = 20
#: Runs that the slowest of a hundred is among.
_ROUNDS: Final = 300
#: Markets of one kind that has no estimator of its own, and of all kinds that have one as well.
_SERIES: Final = (("KXHIGHNY",), ("KXHIGHNY", "KXBTC15M", "KXINX", "KXNBAGAME"))


def main(argv: list[str]) -> int:
    """Prints milliseconds a batch, and scoring as a multiple of its floor."""
    parser = argparse.ArgumentParser(prog="python -m bench.score", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args(argv).rounds
    scorer = load(MODELS / "gbm_label_up.pkl")
    if not isinstance(scorer, ModelScorer):
        raise SystemExit(f"bench.score: {scorer.fault}")
    say(f"measuring and scoring in one batch ({machine()})")
    for markets in SIZES:
        for series in _SERIES:
            _report(scorer, markets, series, rounds)
    return 0


def _report(scorer: ModelScorer, markets: int, series: Sequence[str], rounds: int) -> None:
    features = _features(scorer, markets)
    tickers = [f"{series[row % len(series)]}-26MAY-{row}" for row in range(markets)]
    columns = features[:, [FEATURE_NAMES.index(name) for name in scorer.uses]]
    line = np.ones(columns.shape[1])
    found = in_turn(
        lambda: _seconds(lambda: scorer.predict(features, tickers)),
        lambda: _seconds(lambda: 1 / (1 + np.exp(-(columns @ line)))),
        rounds,
    )
    books, seconds_to_close = _books(markets), np.full(markets, 600.0)
    rows = measure(books, np.repeat(blank(), markets), seconds_to_close)[1]
    measured = _seconds(lambda: measure(books, rows, seconds_to_close))
    predictions = median(one.ours for one in found)
    slow, bare = _slowest(lambda: scorer.predict(features, tickers), lambda: columns @ line)
    say(
        f"{markets:5,} markets, kinds {len(series)}: features {measured * 1e3:.2f} ms, scores and "
        f"reasons {predictions * 1e3:.2f} ms ({ratio(found)} × the floor), p99 {slow.text()}; "
        f"products as long: {bare.text()}"
    )


def _seconds(work: Callable[[], object]) -> float:
    return median(_times(work, _REPEATS))


class Spent(NamedTuple):
    """Seconds on the clock, and of the processor in this thread."""

    clock: float
    processor: float

    def text(self) -> str:
        """Both in milliseconds."""
        return f"{self.clock * 1e3:.2f} ms, {self.processor * 1e3:.2f} of them at work"


def _slowest(ours: Callable[[], object], floor: Callable[[], object]) -> tuple[Spent, Spent]:
    """The 99th percentiles of a work, and of so many runs of the floor that they take as long."""
    one, other = (median(_spent(work).processor for _ in range(_REPEATS)) for work in (ours, floor))
    times = max(1, round(one / other))

    def as_long() -> None:
        for _ in range(times):
            floor()

    pairs = [(_spent(ours), _spent(as_long)) for _ in range(_ROUNDS)]
    return _slow([one for one, _ in pairs]), _slow([other for _, other in pairs])


def _slow(spent: Sequence[Spent]) -> Spent:
    return Spent(*np.quantile(spent, 0.99, axis=0).tolist())


def _spent(work: Callable[[], object]) -> Spent:
    clock, processor = time.perf_counter(), time.thread_time()
    work()
    return Spent(time.perf_counter() - clock, time.thread_time() - processor)


def _times(work: Callable[[], object], count: int) -> list[float]:
    return [_spent(work).clock for _ in range(count)]


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
