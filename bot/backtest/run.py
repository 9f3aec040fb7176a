"""A tape made ready once, and run through the rules as often as asked.

What does not depend on the account (features, scores, cycles) is computed when the tape is made
ready; a run is the trader, the review, the paper venue and the account over that.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

from bot.backtest import baselines
from bot.backtest.engine import BacktestEngine
from bot.backtest.outcome import Outcome, Record
from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.scores import Scores, scored
from bot.backtest.tape_source import NextBooks, markets_of
from bot.core.account.portfolio import Portfolio
from bot.core.market.market import Market
from bot.core.market.money import Dollars
from bot.core.market.orderbook import Books, Floats
from bot.core.market.queue import MarketUpdate
from bot.core.risk.review import Approved
from bot.core.signals.strategy import Gates, Thresholds
from bot.ports.exchange import ExchangeError, Scorer
from bot.tape.reader import Tape
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue, SeenBook
from bot.trading.trader import Trader


@dataclass(frozen=True, slots=True)
class ScoredTape:
    """A tape with its scores and its cycles, or a piece of it in time.

    `markets` are those of the whole tape. A piece begins with rows of before its first cycle:
    what its markets showed last; `following` are its books and those of the seconds after it.
    """

    tape: Tape
    scores: Scores
    cycles: Cycles
    markets: Mapping[str, Market]
    next_books: NextBooks
    following: Books

    @classmethod
    def of(
        cls, tape: Tape, scorer: Scorer, thresholds: Thresholds, gates: Gates, every: float
    ) -> Self:
        """The tape in cycles of `every` seconds. Raises ValueError for one not above 0."""
        scores, cycles = scored(tape, scorer, thresholds, gates), Cycles.of(tape.books, every)
        next_books = NextBooks(tape.books, tape.trades)
        return cls(tape, scores, cycles, markets_of(tape), next_books, tape.books)

    def under(self, thresholds: Thresholds) -> Self:
        """The same scores, read with other thresholds."""
        return self.with_scores(self.scores.scores, thresholds)

    def with_scores(self, scores: Floats, thresholds: Thresholds) -> Self:
        """The same books under other scores (N,), NaN for no opinion."""
        return replace(self, scores=baselines.with_scores(self.scores, scores, thresholds))


class TapeRun:
    """An account on its way over a tape, piece by piece."""

    def __init__(self, rules: TradeRules, cash: Dollars) -> None:
        """One of so much cash."""
        ids = (f"replay-{number:08d}" for number in itertools.count(1))
        self._rules = rules
        self._trader = Trader(PaperVenue(self._next_book, self._update), rules, cash, ids)
        self._piece: ScoredTape | None = None
        self.record = Record(Portfolio.of_cash(cash))

    def advance(self, piece: ScoredTape) -> None:
        """Go through the piece that follows."""
        self._piece = piece
        engine = BacktestEngine(
            piece.scores, piece.cycles, piece.markets, self._rules, self._trader
        )
        _completed(engine.run(piece.tape.trades))
        self.record.add(engine.events, piece.tape, piece.cycles)
        self._piece = None

    def outcome(self) -> Outcome:
        """What it came to; after one piece at least."""
        return self.record.outcome(self._trader.equity)

    async def _next_book(self, approved: Approved) -> SeenBook:
        return await self._books(approved)

    async def _update(self, ticker: str, since: float) -> MarketUpdate:
        return await self._books.update(ticker, since)

    @property
    def _books(self) -> NextBooks:
        if self._piece is None:
            raise ExchangeError("no piece of the tape is being walked")
        return self._piece.next_books


def run(scored_tape: ScoredTape, rules: TradeRules, cash: Dollars) -> Outcome:
    """What an account of so much cash comes to over the tape."""
    return run_over([scored_tape], rules, cash)


def run_over(pieces: Iterable[ScoredTape], rules: TradeRules, cash: Dollars) -> Outcome:
    """The same over a tape that comes in pieces."""
    one = TapeRun(rules, cash)
    for piece in pieces:
        one.advance(piece)
    return one.outcome()


def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of its own, in a thread: the caller may have a loop, as a notebook has."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
