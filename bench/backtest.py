"""How many recorded books a backtest takes in a second of processor time.

`python -m bench.backtest [TAPE] [--every SECONDS] [--rounds N]`

Ours is all that `python -m bot backtest` does for one run: features, scores, decisions, risk, paper
fills, the account, the curve; and the same where the scores are given, as in a sweep. The peer is
`python -m bot replay` over the same tape to the same trades; the floor is one NumPy pass over its
best prices and sizes.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from bench.common import in_turn, machine, quiet, ratio, say
from bench.replay import SIZES, ReplayBench, made_up, parser_of
from bot import config
from bot.app.node_context import Model
from bot.app.trading_rules import trade_rules
from bot.backtest.run import ScoredTape, run
from bot.config import Settings
from bot.core.signals.features import imbalance
from bot.core.signals.strategy import Gates
from bot.model import scorer
from bot.tape.reader import Tape, read
from bot.trading.decision import TradeRules, Worth


def main(argv: list[str]) -> int:
    """Prints books per processor second, beside those of the peer and the floor."""
    options = parser_of("python -m bench.backtest", __doc__).parse_args(argv)
    quiet()
    tapes = [read(options.tape)] if options.tape else [made_up(markets) for markets in (1, *SIZES)]
    say(f"Backtest of {options.tape or 'made-up tapes'} ({machine()})")
    for tape in tapes:
        _report(tape, options)
    return 0


def _report(tape: Tape, options: argparse.Namespace) -> None:
    settings = config.load(env_file=None)
    model = scorer.chosen(settings.model_path, options.every)
    bench = _Bench(tape, settings, model, options.every)
    replay = ReplayBench(tape, settings, model, options.every)
    books = len(tape.books)
    against_replay = in_turn(bench.backtested, replay.replayed, options.rounds)
    given = in_turn(bench.given, bench.floor, options.rounds)
    idle = median(one.ours for one in in_turn(bench.idle, bench.floor, options.rounds))
    busy = median(one.ours for one in given)
    orders = bench.orders()
    say(
        f"{books:,} books of {len(set(tape.books.tickers)):,} markets: "
        f"{books / median(one.ours for one in against_replay):,.0f} books per processor second, "
        f"{ratio(against_replay)} x the time of a replay; with scores given {books / busy:,.0f}, "
        f"{ratio(given)} x a NumPy pass; {orders:,} orders, "
        f"{(busy - idle) * 1e6 / max(orders, 1):,.0f} us each, {books / idle:,.0f} without them"
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    tape: Tape
    settings: Settings
    model: Model
    every: float

    @property
    def rules(self) -> TradeRules:
        """Those of the settings, on a tape."""
        return trade_rules(self.settings, self.model).on_tape()

    def backtested(self) -> float:
        """Processor seconds of scoring and running."""
        started = time.process_time()
        run(self._scored(), self.rules, self.settings.paper_cash)
        return time.process_time() - started

    def given(self) -> float:
        """Processor seconds of running alone."""
        scored = self._scored()
        started = time.process_time()
        run(scored, self.rules, self.settings.paper_cash)
        return time.process_time() - started

    def idle(self) -> float:
        """Processor seconds of the same where no entry pays, so that nothing is ever held."""
        scored, rules = self._scored(), replace(self.rules, worth=Worth(0.0, 1.0), min_edge=0.0)
        started = time.process_time()
        run(scored, rules, self.settings.paper_cash)
        return time.process_time() - started

    def orders(self) -> int:
        """How many orders a run sends."""
        return sum(run(self._scored(), self.rules, self.settings.paper_cash).orders.values())

    def floor(self) -> float:
        """Processor seconds of one pass over the best prices and sizes."""
        books = self.tape.books
        started = time.process_time()
        leaning = imbalance(books.bid_size[:, 0], books.ask_size[:, 0])
        np.flatnonzero(np.abs(leaning) * (books.best_ask - books.best_bid) > 0)
        return time.process_time() - started

    def _scored(self) -> ScoredTape:
        thresholds = self.rules.thresholds
        return ScoredTape.of(self.tape, self.model, thresholds, Gates(), self.every)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
