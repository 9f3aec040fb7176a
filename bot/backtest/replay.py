"""The bot over a tape: the same cycle, on recorded time, as fast as it goes.

Books, markets and the clock come from the tape. What is measured of a book depends on its own
market's past alone, so all markets are measured at once, each one's k-th book together; then the
cycles run one after the other in recorded order. Decisions are those of a live run.

What a tape does not say is assumed (`cursor`). No outcome is known, so nothing is settled: what
is open at the end is marked at what closing would fetch.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from bot.backtest.digest import TradeDigest
from bot.backtest.tape_source import Cursor, TapeTradeWatch, utc_time
from bot.clock import RecordedClock
from bot.core.events import (
    Action,
    CycleStarted,
    Event,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    SignalMade,
    WhaleSeen,
)
from bot.core.market.money import ZERO, Dollars
from bot.engine.commit_queue import CommitQueue
from bot.engine.cycle import Cycle
from bot.engine.ports import CycleParts
from bot.engine.unit_of_work import UnitOfWork
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import Journal
from bot.ports.persistence import NullStore
from bot.signals.analyzer import Analyzer, Observations, Predictions, joined
from bot.tape.reader import Tape, cycle_rows, transposed
from bot.trading.trader import Trader


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay came to.

    `decisions` is a hash of every signal, order and fill, in order; `trades` of orders and fills
    alone, which a backtest over the same tape has as well.
    """

    cycles: int
    books: int
    markets: int
    signals: Mapping[str, int]
    whales: Mapping[str, int]
    orders: Mapping[str, int]
    refusals: int
    held_back: int
    fees: Dollars
    realised: Dollars
    unrealised: Dollars
    start: Dollars
    cash: Dollars
    cost: Dollars
    equity: Dollars
    open_positions: int
    decisions: str
    trades: str

    @property
    def balances(self) -> bool:
        """Whether cash + cost = start + realised − fees, exactly (realised before fees)."""
        return self.cash + self.cost == self.start + self.realised - self.fees


class Replay:
    """One run of a tape through a cycle."""

    def __init__(self, tape: Tape, watch: Analyzer, trader: Trader, journal: Journal) -> None:
        self._tape = tape
        self._watch = watch
        self._trader = trader
        self._journal = journal
        self._totals = _Totals()

    async def run(self, every: float) -> AsyncIterator[int]:
        """Go through the tape in cycles of `every` seconds; yields the books done so far.

        Raises ValueError for `every` not above 0.
        """
        cycles = list(cycle_rows(self._tape.books, every))
        predictions = self._watch.predicted(observed(self._tape, self._watch))
        cursor = Cursor(self._tape, predictions)
        clock = RecordedClock(utc_time(self._tape.books.seen_at[0]))
        parts = CycleParts(
            data=cursor,
            watchlist=cursor,
            predict=cursor,
            trader=self._trader,
            examiner=_Lenient(),
            unit_of_work=UnitOfWork(CommitQueue(NullStore()), _Unhurried(self._journal)),
            clock=clock,
            audience=self._totals,
            trade_feed=TapeTradeWatch(self._tape),
            chunk=len(self._tape.books),
        )
        cycle = Cycle(parts)
        done = 0
        for rows in cycles:
            clock.move(utc_time(self._tape.books.seen_at[rows[-1]]))
            cursor.move(rows)
            await cycle.run()
            self._totals.cycles += 1
            done += len(rows)
            yield done

    def summary(self) -> Summary:
        """What it came to so far."""
        portfolio, totals = self._trader.portfolio, self._totals
        worth = sum((mark.value for mark in self._trader.marks.values()), ZERO)
        return Summary(
            cycles=totals.cycles,
            books=sum(totals.signals.values()),
            markets=len(totals.tickers),
            signals=dict(totals.signals),
            whales=dict(totals.whales),
            orders=dict(totals.orders),
            refusals=totals.refusals,
            held_back=totals.held_back,
            fees=portfolio.fees,
            realised=portfolio.realised,
            unrealised=worth - portfolio.exposure,
            start=portfolio.start,
            cash=portfolio.cash,
            cost=portfolio.exposure,
            equity=self._trader.equity,
            open_positions=len(portfolio.positions),
            decisions=totals.hash.hexdigest(),
            trades=totals.trades.hex(),
        )


def observed(tape: Tape, watch: Analyzer) -> Observations:
    """Every book of the tape measured, each with the memory of its market's earlier ones."""
    places = list(transposed(tape.books))
    parts = [watch.observe(tape.books.take(rows), tape.seconds_to_close[rows]) for rows in places]
    return joined(tape.books, parts, places)


class _Lenient:
    """Grades nothing: `python -m bot evaluate` judges a model on a tape, with its baselines."""

    def grade(self, *_: object) -> Sequence[Event]:
        """Nothing."""
        return ()


class _Unhurried:
    """A journal nobody waits for: rows reach the files when there are many, or at the end."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.record = journal.record
        self.turn_to = journal.turn_to

    @property
    def fault(self) -> str | None:
        """Why rows are being lost."""
        return self._journal.fault

    def flush(self) -> None:
        """Nothing yet."""


class _Totals:
    """Counts what happens, and hashes what was decided."""

    def __init__(self) -> None:
        self.cycles = 0
        self.refusals = 0
        self.held_back = 0
        self.signals: Counter[str] = Counter()
        self.whales: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.tickers: set[str] = set()
        self.hash = hashlib.sha256()
        self.trades = TradeDigest()

    def on_events(self, events: Sequence[Event]) -> None:
        """Count these."""
        self.trades.add(events)
        for event in events:
            match event:
                case SignalMade():
                    self.signals[event.action.value] += 1
                    is_hold = event.action is Action.HOLD
                    self.held_back += is_hold and event.score is not None and bool(event.reason)
                    self.tickers.add(event.ticker)
                    self.hash.update(f"{event.ticker} {event.action} {event.score!r}".encode())
                case CycleStarted():
                    self._decided(event.at)
                case WhaleSeen():
                    self.whales[event.whale.type.value] += 1
                case OrderEnded():
                    self.orders[event.execution.status.value] += 1
                    self._decided(event.at, event.execution)
                case OrderFilled():
                    self._decided(event.at, event.fills)
                case OrderRefused():
                    self.refusals += 1
                    self._decided(event.at, event.order, event.reason)

    def on_predictions(self, predictions: Predictions) -> None:
        """Nothing is shown."""

    async def on_cycle_end(self, result: CycleResult) -> None:
        """Nothing is shown."""

    def _decided(self, *what: object) -> None:
        self.hash.update(repr(what).encode())
