"""A tape made ready once, and run through the rules as often as asked.

What does not depend on the account (features, scores, cycles) is computed when the tape is made
ready; a run is the trader, the review, the paper venue and the account over that.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

from bot.backtest import baselines
from bot.backtest.engine import BacktestEngine
from bot.backtest.outcome import Outcome, outcome
from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.scores import Scores, scored
from bot.backtest.tape_source import NextBooks, markets_of
from bot.core.account.portfolio import Portfolio
from bot.core.market.market import Market
from bot.core.market.money import Dollars
from bot.core.market.orderbook import Floats
from bot.core.signals.strategy import Gates, Thresholds
from bot.ports.exchange import Scorer
from bot.tape.reader import Tape
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader


@dataclass(frozen=True, slots=True)
class ScoredTape:
    """A tape with its scores and its cycles of `every` seconds.

    `markets` and `next_books` are the tape's own, whatever the scores.
    """

    tape: Tape
    scores: Scores
    cycles: Cycles
    every: float
    markets: Mapping[str, Market]
    next_books: NextBooks

    @classmethod
    def of(
        cls, tape: Tape, scorer: Scorer, thresholds: Thresholds, gates: Gates, every: float
    ) -> Self:
        """The tape in cycles of `every` seconds. Raises ValueError for one not above 0."""
        return cls.already_scored(tape, scored(tape, scorer, thresholds, gates), every)

    @classmethod
    def already_scored(cls, tape: Tape, scores: Scores, every: float) -> Self:
        """The same with the scores at hand."""
        cycles = Cycles.of(tape.books, every)
        return cls(tape, scores, cycles, every, markets_of(tape), NextBooks(tape))

    def under(self, thresholds: Thresholds) -> Self:
        """The same scores, read with other thresholds."""
        return self.with_scores(self.scores.scores, thresholds)

    def with_scores(self, scores: Floats, thresholds: Thresholds) -> Self:
        """The same books under other scores (N,), NaN for no opinion."""
        return replace(self, scores=baselines.with_scores(self.scores, scores, thresholds))


def run(scored_tape: ScoredTape, rules: TradeRules, cash: Dollars) -> Outcome:
    """What an account of so much cash comes to over the tape."""
    ids = (f"replay-{number:08d}" for number in itertools.count(1))
    next_books = scored_tape.next_books
    trader = Trader(PaperVenue(next_books, next_books.update), rules, cash, ids)
    engine = BacktestEngine(
        scored_tape.scores, scored_tape.cycles, scored_tape.markets, rules, trader
    )
    _completed(engine.run(scored_tape.tape.trades))
    start = Portfolio.of_cash(cash)
    return outcome(engine.events, start, trader.equity, scored_tape.tape, scored_tape.cycles)


def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of its own, in a thread: the caller may have a loop, as a notebook has."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
