"""How many recorded books go through the real cycle in a second of processor time.

`python -m bench.replay [TAPE] [--every SECONDS] [--rounds N]`

Counted is all that `python -m bot replay` does after reading the tape: features, whale rules,
the model, paper orders, the account, the CSV rows. The floor next to it is the measuring and
scoring alone, all books at once, without any cycle. Without a tape, a made-up one is used.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from bench.common import in_turn, machine, quiet, ratio, say
from bot import config
from bot.app.node_context import Model
from bot.app.trading_rules import trade_rules, watch_over
from bot.backtest.replay import Replay, observed
from bot.backtest.tape_source import NextBooks
from bot.config import Settings
from bot.core.market.orderbook import Books
from bot.model import scorer
from bot.signals.analyzer import Analyzer
from bot.tape.reader import Tape, read
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from logging_utils import CsvJournal

#: Markets of the made-up tapes: what a cycle costs is shared by all its books.
SIZES: Final = (20, 200, 1_000)
ROWS: Final = 40_000
LEVELS: Final = 10
START: Final = 1_790_000_000.0


def main(argv: list[str]) -> int:
    """Prints books per processor second."""
    options = parser_of("python -m bench.replay", __doc__).parse_args(argv)
    quiet()
    if options.tape:
        say(f"Replay of {options.tape} ({machine()})")
        _report(read(options.tape), options)
        return 0
    say(f"Replay of made-up tapes ({machine()})")
    for markets in SIZES:
        _report(made_up(markets), options)
    return 0


def _report(tape: Tape, options: argparse.Namespace) -> None:
    settings = config.load(env_file=None)
    bench = ReplayBench(
        tape, settings, scorer.chosen(settings.model_path, options.every), options.every
    )
    books = len(tape.books)
    cycles = bench.cycles()
    rounds = in_turn(bench.replayed, bench.predictions, options.rounds)
    say(
        f"{books:,} books of {len(set(tape.books.tickers)):,} markets, "
        f"{cycles:,} cycles of {options.every:g} s: "
        f"{books / median(one.ours for one in rounds):,.0f} books per processor second; "
        f"judging alone {books / median(one.theirs for one in rounds):,.0f}, "
        f"{ratio(rounds)} x its time"
    )
    if bench.model.fault:
        say(f"              without a model: {bench.model.fault}")


def made_up(markets: int) -> Tape:
    """A tape of random walks, a book of every market every second; always the same."""
    rng = np.random.default_rng(7)
    seconds = ROWS // markets
    rows = markets * seconds
    walk = 500 + rng.integers(-3, 4, (seconds, markets)).cumsum(axis=0)
    mid = np.clip(walk, 100, 900).reshape(rows, 1)
    steps = np.arange(LEVELS)
    known = rng.uniform(1.0, 1_000.0, rows)
    books = Books(
        tickers=tuple([f"KXMADEUP-{row % markets:03d}" for row in range(rows)]),
        seen_at=START + np.repeat(np.arange(seconds), markets) + rng.random(rows) * 0.001,
        bid_price=(mid - rng.integers(1, 4, (rows, 1)) - steps) / 1000,
        bid_size=np.round(rng.lognormal(5.0, 1.5, (rows, LEVELS)), 2) + 0.01,
        ask_price=(mid + rng.integers(1, 4, (rows, 1)) + steps) / 1000,
        ask_size=np.round(rng.lognormal(5.0, 1.5, (rows, LEVELS)), 2) + 0.01,
    )
    order = np.argsort(books.seen_at, kind="stable")
    return Tape(
        books=books.take(order),
        seconds_to_close=np.full(rows, 86_400.0),
        volume=known[order],
        open_interest=known[order],
        segment=np.zeros(rows, dtype=np.intp),
        skipped={},
    )


@dataclass(frozen=True, slots=True)
class ReplayBench:
    """A tape to be replayed."""

    tape: Tape
    settings: Settings
    model: Model
    every: float

    def replayed(self) -> float:
        """Processor seconds of a whole replay."""
        with tempfile.TemporaryDirectory() as folder, CsvJournal(Path(folder)) as journal:
            ids = (f"replay-{number:08d}" for number in itertools.count(1))
            settings = self.settings
            rules = trade_rules(settings, self.model).on_tape()
            trader = Trader(
                PaperVenue(NextBooks(self.tape.books, self.tape.trades)),
                rules,
                settings.paper_cash,
                ids,
            )
            replay = Replay(self.tape, self._watch(), trader, journal)
            started = time.process_time()
            asyncio.run(self._through(replay))
            return time.process_time() - started

    def predictions(self) -> float:
        """Processor seconds of measuring and scoring all books at once."""
        watch = self._watch()
        started = time.process_time()
        watch.predicted(observed(self.tape, watch))
        return time.process_time() - started

    def cycles(self) -> int:
        """How many cycles the tape makes."""
        return len(np.unique(np.floor(self.tape.books.seen_at / self.every)))

    async def _through(self, replay: Replay) -> None:
        async for _ in replay.run(self.every):
            pass

    def _watch(self) -> Analyzer:
        markets = len(set(self.tape.books.tickers))
        return watch_over(self.model, self.settings, capacity=markets)


def parser_of(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Options of a benchmark over a tape."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("tape", type=Path, nargs="?")
    parser.add_argument("--every", type=float, default=1.0, help="seconds per cycle (1)")
    parser.add_argument("--rounds", type=int, default=3)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
