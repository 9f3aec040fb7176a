"""Every book of a tape scored in batches: all that decisions need, without whales and regimes.

What a book shows by itself, and what an average takes in of it, is measured for the whole tape at
once. The scores are those of a replay, bit for bit; a test compares them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats
from bot.core.signals import features, regime, strategy
from bot.core.signals.feature_state import bbo, histories
from bot.core.signals.strategy import Gates, Thresholds
from bot.ports.exchange import Scorer
from bot.tape.reader import Rows, Tape, market_numbers

#: Books measured in one piece: enough to be fast, few enough to stay in the cache of a core.
_PIECE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Scores:
    """The books of a tape with their scores, row by row: see `Scored`."""

    books: Books
    mids: Floats
    features: Floats
    scores: Floats
    directions: NDArray[np.int8]
    reasons: tuple[str | None, ...]
    model_version: str

    def take(self, rows: Rows | slice) -> "Scores":
        """The scored books of these rows, in this order."""
        picked = range(len(self.books))[rows] if isinstance(rows, slice) else rows.tolist()
        return Scores(
            books=self.books.take(rows),
            mids=self.mids[rows],
            features=self.features[rows],
            scores=self.scores[rows],
            directions=self.directions[rows],
            reasons=tuple([self.reasons[row] for row in picked]),
            model_version=self.model_version,
        )


def scored(tape: Tape, scorer: Scorer, thresholds: Thresholds, gates: Gates) -> Scores:
    """What the model says of every book of a tape."""
    books = tape.books
    markets = market_numbers(books.tickers)
    measured = features.completed(_static_features(tape), histories(bbo(books), markets))
    predicted = scorer.predict(measured, books.tickers)
    observations = _observations(books, markets)
    fresh = np.zeros(len(books))
    shut = strategy.gates(books, tape.seconds_to_close, observations, fresh, gates)
    reasons = tuple([g or p for g, p in zip(shut, predicted.reasons, strict=True)])
    is_open = np.array([reason is None for reason in reasons])
    scores = np.where(is_open, predicted.score, np.nan)
    return Scores(
        books=books,
        mids=books.mid,
        features=measured,
        scores=scores,
        directions=strategy.direction(scores, thresholds, books.tickers),
        reasons=reasons,
        model_version=scorer.version,
    )


def _static_features(tape: Tape) -> Floats:
    parts = [
        features.book_features(tape.books.take(piece), tape.seconds_to_close[piece])
        for piece in _pieces(len(tape.books))
    ]
    return np.concatenate(parts)


def _observations(books: Books, markets: Rows) -> Floats:
    """How many two-sided books of its market were seen up to each, shape (N,).

    At most as many as a live cycle remembers.
    """
    two_sided = np.isfinite(books.mid)
    order = np.argsort(markets, kind="stable")
    so_far = np.cumsum(two_sided[order])
    first = np.flatnonzero(np.diff(markets[order], prepend=-1))
    before = np.repeat(so_far[first] - two_sided[order][first], np.diff(first, append=len(order)))
    counted = np.empty(len(books))
    counted[order] = np.minimum(so_far - before, regime.WINDOW + 1)
    return counted


def _pieces(size: int) -> Iterator[slice]:
    return (slice(start, start + _PIECE) for start in range(0, size, _PIECE))
