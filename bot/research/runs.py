"""A tape sorted into runs: unbroken recordings of one market each.

Nothing may be compared across two runs: a market recorded twice is two runs.
"""

from dataclasses import dataclass, replace

import numpy as np

from bot.core.market.orderbook import Books, Floats
from bot.tape.errors import TapeError
from bot.tape.reader import Rows, Tape


@dataclass(frozen=True, slots=True)
class Runs:
    """The books of a tape by run, then by time. `run` and `market` (N,) count from 0.

    `levels` is how many levels a side the tape could hold with their sizes, 0 if it has prices
    only. `on_change` says that a row was written when something changed, so that nothing did
    between two rows; otherwise somebody looked now and then.
    """

    books: Books
    run: Rows
    market: Rows
    markets: tuple[str, ...]
    seconds_to_close: Floats
    levels: int
    on_change: bool

    def __len__(self) -> int:
        return len(self.run)

    def thinned(self, cadence: float) -> "Runs":
        """The tape at a cadence of `cadence` seconds: the first book of each span.

        Raises TapeError for a cadence not above 0.
        """
        if not cadence > 0:
            raise TapeError(f"nobody looks every {cadence:g} seconds: give a cadence above 0")
        span = np.floor(self.books.seen_at / cadence)
        is_first = np.ones(len(self), dtype=np.bool_)
        is_first[1:] = (np.diff(span) != 0) | (np.diff(self.run) != 0)
        rows = np.flatnonzero(is_first)
        return replace(
            self,
            books=self.books.take(rows),
            run=self.run[rows],
            market=self.market[rows],
            seconds_to_close=self.seconds_to_close[rows],
            on_change=False,
        )


def in_runs(tape: Tape) -> Runs:
    """A tape by runs."""
    markets, market = np.unique(np.array(tape.books.tickers), return_inverse=True)
    run = np.unique(market * (tape.segment.max() + 1) + tape.segment, return_inverse=True)[1]
    order = np.lexsort((tape.books.seen_at, run))
    books = tape.books.take(order)
    return Runs(
        books=books,
        run=run[order],
        market=market[order],
        markets=tuple(markets.tolist()),
        seconds_to_close=tape.seconds_to_close[order],
        levels=_levels(books),
        on_change=_is_on_change(books, run[order]),
    )


def event_of(ticker: str) -> str:
    """The event a market belongs to: its ticker without the last part.

    >>> event_of("KXHIGHNY-25DEC15-B30.5")
    'KXHIGHNY-25DEC15'
    """
    return ticker.rpartition("-")[0] or ticker


def _levels(books: Books) -> int:
    return books.bid_size.shape[1] if np.isfinite(books.bid_size).all() else 0


def _is_on_change(books: Books, run: Rows) -> bool:
    # Somebody who looks does so evenly; changes come in bursts.
    gaps = np.diff(books.seen_at)[np.diff(run) == 0]
    return bool(len(gaps) and np.quantile(gaps, 0.95) > 2 * np.median(gaps))
