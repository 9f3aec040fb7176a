"""The trader over a scored tape: only the cycles on which something can happen.

The rules, the review, the venue and the account are those of the live cycle. What lies between
two decisions changes nothing but what positions are worth, and that matters for one thing: the
daily loss stop. While it is certain that no mark in between comes near that, none is made.
"""

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from bot.backtest.precomputed.agenda import Agenda, agendas
from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.liquidation import liquidation_values
from bot.backtest.precomputed.scores import Scores
from bot.backtest.tape_source import utc_time
from bot.core.account.valuation import Mark
from bot.core.events import Event
from bot.core.market.market import Market
from bot.core.market.money import measured
from bot.engine.cycle import not_open
from bot.tape.reader import Rows
from bot.tape.trades import TapeTrades
from bot.trading.decision import TradeRules
from bot.trading.trader import Trader

#: Dollars by which a sum of floats may be off: far more than it is.
_MARGIN: Final = 0.01
_DAY: Final = 86_400
#: In place of a row: the market closes in that cycle.
_CLOSE: Final = -1


class BacktestEngine:
    """One run of a trader over a tape. `events` hold what it did, in order."""

    def __init__(
        self,
        scores: Scores,
        cycles: Cycles,
        markets: Mapping[str, Market],
        rules: TradeRules,
        trader: Trader,
    ) -> None:
        """Rows of before the first cycle were walked: they tell what was seen last."""
        self._scores = scores
        self._cycles = cycles
        self._midnights = (np.flatnonzero(np.diff(cycles.at // _DAY)) + 1).tolist()
        self._one_sided = cycles.cycle[~np.isfinite(scores.books.mid[cycles.shown])].tolist()
        self._limit = measured(rules.limits.daily_loss_stop)
        self._trader = trader
        self._markets = markets
        found = agendas(scores, cycles, rules, self._markets)
        self._agendas = {one.ticker: one for one in found}
        self._closes = {
            ticker: int(np.searchsorted(cycles.at, market.close_time.timestamp()))
            for ticker, market in markets.items()
        }
        self._trades = TapeTrades()
        self._due: list[tuple[int, int, str]] = []
        self._marked = -1
        self._made: dict[str, tuple[int, Mark]] = {}
        self.events: list[Event] = []

    async def run(self, trades: TapeTrades) -> None:
        """Go through it from its first cycle to its last; `trades` meet the orders that rest."""
        self._trades = trades
        for agenda in self._agendas.values():
            self._schedule(agenda, self._cycles.earlier - 1)
        while self._due:
            await self._act(self._due[0][0])
        self._catch_up(len(self._cycles.at))

    async def _act(self, cycle: int) -> None:
        self._catch_up(cycle)
        rows = sorted({row for row in self._taken(cycle) if row != _CLOSE})
        at = self._time(cycle)
        if rows:
            scores = self._scores.take(_rows(rows))
            self.events += await self._trader.act(at, scores, self._markets, trades=self._trades)
        else:
            self._trader.poll(at)
        if closed := self._closed(at):
            self.events += await self._trader.withdraw_unseen(at, closed, self._markets)
        for row in rows:
            self._schedule(self._agendas[self._scores.books.tickers[row]], row)

    def _closed(self, at: datetime) -> dict[str, str]:
        """The markets that are over while something rests in them, and what they are."""
        markets = [self._markets[ticker] for ticker in self._trader.working]
        return {one.ticker: not_open(one) for one in markets if not one.is_open(at)}

    def _taken(self, cycle: int) -> Iterator[int]:
        while self._due and self._due[0][0] == cycle:
            yield heapq.heappop(self._due)[1]

    def _schedule(self, agenda: Agenda, row: int) -> None:
        held = self._trader.portfolio.size(agenda.ticker)
        following = agenda.after(row, held)
        if following is not None and not held and self._is_stopped():
            following = agenda.after(self._midnight_after(row) - 1, held)
        if agenda.ticker in self._trader.waiting_exits:
            following = agenda.next_row(row)
            self._schedule_close(agenda.ticker, row)
        if following is not None:
            due = int(self._cycles.of_row[following])
            heapq.heappush(self._due, (due, following, agenda.ticker))

    def _schedule_close(self, ticker: str, row: int) -> None:
        """What rests when its market closes ends then, whether or not a book of it comes."""
        cycle = self._closes[ticker]
        if self._cycles.of_row[row] < cycle < len(self._cycles.at):
            heapq.heappush(self._due, (cycle, _CLOSE, ticker))

    def _is_stopped(self) -> bool:
        stop = self._trader.stop
        return stop is not None and stop.rule == "daily_loss_stop"

    def _midnight_after(self, row: int) -> int:
        """The first row of the next UTC day."""
        midnight = (math.floor(self._scores.books.seen_at[row] / _DAY) + 1) * _DAY
        return int(np.searchsorted(self._scores.books.seen_at, midnight))

    def _catch_up(self, cycle: int) -> None:
        """Bring the account and the stop of the day up to the cycle before this one.

        The first one to be marked is that of the decisions before.
        """
        start = self._marked + 1
        for first, past in _days(self._midnights, start, cycle):
            if first > start:
                self._trader.poll(self._time(first))
            held = self._trader.held()
            is_far = not held or self._is_far(held, first, past)
            for one in (self._last if is_far else self._changes)(held, first, past):
                self._mark(one)
        self._marked = max(self._marked, cycle - 1)

    def _is_far(self, held: Sequence[str], first: int, past: int) -> bool:
        """Whether the loss of the day cannot reach its limit in these cycles."""
        opened = measured(self._trader.equity - self._trader.daily_pnl)
        needed = opened - measured(self._trader.portfolio.cash) - self._limit + _MARGIN
        # Nothing is worth less than nothing: most of the time that is enough to know.
        if needed < 0 and not self._lacks_side(first, past):
            return True
        return sum(self._least_value(ticker, first, past) for ticker in held) > needed

    def _lacks_side(self, first: int, past: int) -> bool:
        """Whether a book of these cycles has a side without a price.

        What it is worth there depends on what it was worth before.
        """
        return bisect_left(self._one_sided, first) < bisect_left(self._one_sided, past)

    def _least_value(self, ticker: str, first: int, past: int) -> float:
        """A bound below what closing a position would fetch in these cycles; −inf if unknown."""
        last = measured(self._trader.marks[ticker].value)
        rows = self._agendas[ticker].within(first, past)
        if not len(rows):
            return last
        size = measured(self._trader.portfolio.size(ticker))
        values = liquidation_values(self._scores.books, rows, size)
        return -math.inf if np.isnan(values).any() else min(last, float(values.min()))

    def _changes(self, held: Sequence[str], first: int, past: int) -> list[int]:
        """The cycles in which one of these markets has a book."""
        agendas = [self._agendas[ticker] for ticker in held]
        return sorted({cycle for one in agendas for cycle in one.cycles_within(first, past)})

    def _last(self, held: Sequence[str], first: int, past: int) -> list[int]:
        """The cycles from whose books the next decision starts: the last, and where one closes."""
        closing = {self._closes[ticker] for ticker in held}
        return sorted({cycle - 1 for cycle in closing if first < cycle < past} | {past - 1})

    def _mark(self, cycle: int) -> None:
        """Mark what has another book, or another size, than when it was marked last."""
        latest = {ticker: self._agendas[ticker].latest(cycle) for ticker in self._trader.held()}
        changed = {ticker: row for ticker, row in latest.items() if self._differs(ticker, row)}
        books = self._scores.books.take(_rows(sorted(changed.values())))
        self.events += self._trader.mark(self._time(cycle), books, self._markets, changed)
        self._made = {ticker: (row, self._trader.marks[ticker]) for ticker, row in latest.items()}
        self._marked = cycle

    def _differs(self, ticker: str, row: int) -> bool:
        """Whether the mark of a position is not the one that was made of this book."""
        of, made = self._made.get(ticker, (None, None))
        return of != row or made is not self._trader.marks[ticker]

    def _time(self, cycle: int) -> datetime:
        return utc_time(self._cycles.at[cycle])


def _rows(rows: Sequence[int]) -> Rows | slice:
    """The same rows to be taken; of a single one nothing has to be copied."""
    return slice(rows[0], rows[0] + 1) if len(rows) == 1 else np.array(rows, dtype=np.intp)


def _days(midnights: Sequence[int], first: int, past: int) -> Iterator[tuple[int, int]]:
    """The cycles from `first` up to `past`, cut at the first one of each UTC day."""
    if first >= past:
        return iter(())
    cuts = midnights[bisect_right(midnights, first) : bisect_left(midnights, past)]
    return pairwise([first, *cuts, past])
