"""The cycles of a tape: which rows count in which, and when each one is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.core.market.orderbook import Books, Floats
from bot.tape.reader import Rows, rows_by_market, shown_rows


@dataclass(frozen=True, slots=True)
class Cycles:
    """`shown` are the rows that count, rising, and `cycle` that of each of them.

    `of_row` is the same for all rows of the tape, −1 where a later book of the same cycle counts;
    `at` (cycles,) is when each is, seconds UTC; `by_market` are the rows that count of each market.
    Rows of before the first cycle count, in cycle −1.
    """

    shown: Rows
    cycle: Rows
    of_row: Rows
    at: Floats
    by_market: Mapping[str, Rows]

    @classmethod
    def of(cls, books: Books, every: float, earlier: int = 0) -> "Cycles":
        """Cycles of `every` seconds, whose rows stand behind `earlier` ones.

        Raises ValueError for one not above 0.
        """
        own = books.take(slice(earlier, None)) if earlier else books
        shown, cycle = shown_rows(own, every)
        last = shown[np.flatnonzero(np.diff(cycle, append=-1))]
        shown = np.concatenate([np.arange(earlier), shown + earlier])
        cycle = np.concatenate([np.full(earlier, -1), cycle])
        of_row = np.full(len(books), -1)
        of_row[shown] = cycle
        by_market = rows_by_market(books.tickers, shown)
        return cls(shown, cycle, of_row, own.seen_at[last], by_market)

    @property
    def earlier(self) -> int:
        """How many rows of before the first cycle stand at the front."""
        return int(np.searchsorted(self.cycle, 0))
