"""Which rows of a tape a decision can fall on, market by market.

A flat market matters where a score enters and the entry may pay, a held one where the score
leaves or the close is near, or everywhere with a stop loss. All other rows hold, whatever the
account is; `Trader` would say the same.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.scores import Scores
from bot.core.market.market import Market
from bot.core.market.money import Contracts
from bot.tape.reader import Rows
from bot.trading.decision import TradeRules

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agenda:
    """The rows of one market that count in a cycle, rising, and where a decision can fall.

    `cycles` are those of the rows; `flat`, `long` and `short` are positions in `rows`, by what is
    held.
    """

    ticker: str
    rows: Rows
    cycles: Sequence[int]
    flat: Rows
    long: Rows
    short: Rows

    def next_row(self, row: int) -> int | None:
        """The next row that counts, whatever is held; None if none does."""
        place = int(np.searchsorted(self.rows, row, side="right"))
        return int(self.rows[place]) if place < len(self.rows) else None

    def within(self, first: int, past: int) -> Rows:
        """The rows of the cycles from `first` up to `past`."""
        return self.rows[self._places(first, past)]

    def cycles_within(self, first: int, past: int) -> Sequence[int]:
        """The cycles with a row from `first` up to `past`."""
        return self.cycles[self._places(first, past)]

    def _places(self, first: int, past: int) -> slice:
        return slice(bisect_left(self.cycles, first), bisect_left(self.cycles, past))

    def latest(self, cycle: int) -> int:
        """The last row up to a cycle; at least one is there."""
        return int(self.rows[bisect_right(self.cycles, cycle) - 1])

    def after(self, row: int, held: Contracts) -> int | None:
        """The first row past this one that may change a position of this size; None if none."""
        places = self.flat if not held else self.long if held > 0 else self.short
        past = np.searchsorted(self.rows[places], row, side="right")
        return int(self.rows[places[past]]) if past < len(places) else None


def agendas(
    scores: Scores, cycles: Cycles, rules: TradeRules, markets: Mapping[str, Market]
) -> list[Agenda]:
    """One for each market with a row that counts in a cycle."""
    flags = _flags(scores, cycles, rules, markets)
    return [
        Agenda(
            name,
            rows,
            cycles.of_row[rows].tolist(),
            *(np.flatnonzero(flag[rows]) for flag in flags),
        )
        for name, rows in cycles.by_market.items()
    ]


def _flags(
    scores: Scores, cycles: Cycles, rules: TradeRules, markets: Mapping[str, Market]
) -> tuple[Flags, Flags, Flags]:
    """Of each row: whether it may change a flat market, a long and a short position."""
    enters = scores.directions != 0
    edges = rules.edges(scores, markets)
    if edges is not None and rules.min_edge is not None:
        # Written as `too_dear` has it: what nobody knows is asked of risk review.
        enters &= ~(edges.round_trip < rules.min_edge)
    thresholds = rules.thresholds
    leaves = scores.scores <= thresholds.exit_high, scores.scores >= thresholds.exit_low
    if rules.exits.stop_loss is not None:
        everywhere = np.ones(len(enters), dtype=np.bool_)
        return everywhere, everywhere, everywhere
    closing = _closing(scores, cycles, rules, markets)
    return enters, *(leave | closing for leave in leaves)


def _closing(
    scores: Scores, cycles: Cycles, rules: TradeRules, markets: Mapping[str, Market]
) -> Flags:
    """The rows whose cycle is so near the close of the market that what is held there ends.

    What is left like that is not entered again: the market is too near its close for that, too.
    """
    if rules.exits.before_close is None:
        return np.zeros(len(scores.books), dtype=np.bool_)
    closes = {ticker: market.close_time.timestamp() for ticker, market in markets.items()}
    left = np.fromiter(map(closes.__getitem__, scores.books.tickers), np.float64)
    left -= cycles.at[cycles.of_row]
    near: Flags = left <= rules.exits.before_close
    return near
