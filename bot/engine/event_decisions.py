"""Decisions between two cycles: when a streamed score crosses one of its thresholds.

What is due is decided by the same pass as in a cycle. Bounded twice: so many decisions a market and
minute, and so many markets scored at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Market
from bot.core.market.orderbook import Books, Floats
from bot.core.signals import strategy
from bot.core.signals.strategy import Thresholds
from bot.market_data.universe import seconds_to_close
from bot.signals.analyzer import Predictions

#: Seconds between two looks at what changed.
DECIDE_EVERY: Final = 0.25
#: Markets scored at once, about five milliseconds of work; the others wait for the next look.
AT_ONCE: Final = 100
_MINUTE: Final = 60.0


class ChangedBooks(Protocol):
    """The streamed books and their changes."""

    def proved_books(self, tickers: Sequence[str]) -> Books:
        """Those of these books that are proved, as they are now."""
        ...

    def read(self, books: Books) -> None:
        """Hear that a decision is made on these books, so that a recording holds them."""
        ...

    def take_scorable(self) -> set[str]:
        """The markets whose books changed since the last call."""
        ...


class ScoreZones(Protocol):
    """Scores books without remembering them."""

    def zones(self, books: Books, seconds_to_close: Floats) -> NDArray[np.int8]:
        """Between which thresholds their scores lie, −1 without one; shape (N,)."""
        ...


class EventDecisions:
    """Which markets are to be decided upon now."""

    def __init__(
        self, stream: ChangedBooks, scores: ScoreZones, thresholds: Thresholds, per_minute: int
    ) -> None:
        """So many decisions per market and minute at most, evenly spaced; more than 0."""
        self._stream = stream
        self._scores = scores
        self._thresholds = thresholds
        self._spacing = _MINUTE / per_minute
        self._decided: dict[str, tuple[float, int]] = {}
        self._waiting: dict[str, None] = {}

    def note(self, predictions: Predictions) -> None:
        """Note that these markets were decided on, in a cycle or between two."""
        books = predictions.seen.books
        zones = strategy.zones(predictions.scores, self._thresholds, books.tickers)
        columns = zip(books.tickers, books.seen_at.tolist(), zones.tolist(), strict=True)
        self._decided.update({ticker: (at, zone) for ticker, at, zone in columns})

    def due(self, at: datetime, markets: Mapping[str, Market]) -> Books:
        """The books whose score crossed a threshold since the last decision on their market."""
        self._waiting.update(dict.fromkeys(self._stream.take_scorable()))
        self._decided = {t: one for t, one in self._decided.items() if t in markets}
        ready = [t for t in self._waiting if self._may_decide(t, at, markets)][:AT_ONCE]
        self._waiting = {
            t: None for t in self._waiting if t in self._decided and t not in set(ready)
        }
        books = self._stream.proved_books(ready)
        if not len(books):
            return books
        zones = self._scores.zones(books, seconds_to_close(books, markets))
        before = np.array([self._decided[ticker][1] for ticker in books.tickers])
        crossed = books.take(np.flatnonzero((zones >= 0) & (before >= 0) & (zones != before)))
        self._stream.read(crossed)
        return crossed

    def _may_decide(self, ticker: str, at: datetime, markets: Mapping[str, Market]) -> bool:
        """Whether a cycle has decided on it before, long enough ago, and it still trades."""
        decided = self._decided.get(ticker)
        if decided is None or not markets[ticker].is_open(at):
            return False
        return at.timestamp() - decided[0] >= self._spacing
