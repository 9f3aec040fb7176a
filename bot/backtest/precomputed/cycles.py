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
    """

    shown: Rows
    cycle: Rows
    of_row: Rows
    at: Floats
    by_market: Mapping[str, Rows]

    @classmethod
    def of(cls, books: Books, every: float) -> "Cycles":
        """Cycles of `every` seconds. Raises ValueError for one not above 0."""
        shown, cycle = shown_rows(books, every)
        of_row = np.full(len(books), -1)
        of_row[shown] = cycle
        last = shown[np.flatnonzero(np.diff(cycle, append=-1))]
        return cls(shown, cycle, of_row, books.seen_at[last], rows_by_market(books.tickers, shown))
