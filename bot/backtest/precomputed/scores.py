"""Every book of a tape scored in batches: all that decisions need, without whales and regimes.

What a book shows by itself, and what an average takes in of it, is measured for all books at once;
a tape that comes in windows goes on from the `ScoreMemory` of the one before. The scores are those
of a replay, bit for bit; a test compares them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats
from bot.core.signals import features, regime, strategy
from bot.core.signals.feature_state import Rows as FeatureRows
from bot.core.signals.feature_state import bbo, blank, histories
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

    def followed_by(self, others: "Scores") -> "Scores":
        """These, and then those of the same model."""
        return Scores(
            books=Books.joined([self.books, others.books]),
            mids=np.concatenate([self.mids, others.mids]),
            features=np.concatenate([self.features, others.features]),
            scores=np.concatenate([self.scores, others.scores]),
            directions=np.concatenate([self.directions, others.directions]),
            reasons=self.reasons + others.reasons,
            model_version=self.model_version,
        )


@dataclass(slots=True)
class ScoreMemory:
    """What is remembered of each market between two windows of a tape.

    `rows` are those of `feature_state`; `seen` counts two-sided books, as far as that matters.
    """

    rows: dict[str, FeatureRows] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    def moved(self, books: Books, names: Sequence[str], markets: Rows) -> Floats:
        """The history features of these books, which are remembered."""
        never = blank()
        before = np.concatenate([self.rows.get(name, never) for name in names])
        found, after = histories(bbo(books), markets, before)
        self.rows |= {name: after[[number]] for number, name in enumerate(names)}
        return found

    def observations(self, books: Books, names: Sequence[str], markets: Rows) -> Floats:
        """How many two-sided books of its market were seen up to each, shape (N,).

        At most as many as a live cycle remembers.
        """
        earlier = np.array([self.seen.get(name, 0.0) for name in names])
        counted: Floats = np.minimum(_so_far(books, markets) + earlier[markets], regime.WINDOW + 1)
        latest = np.zeros(len(names))
        np.maximum.at(latest, markets, counted)
        self.seen |= dict(zip(names, latest.tolist(), strict=True))
        return counted


def scored(
    tape: Tape,
    scorer: Scorer,
    thresholds: Thresholds,
    gates: Gates,
    memory: ScoreMemory | None = None,
) -> Scores:
    """What the model says of every book of a tape, or of a window of one with its `memory`."""
    memory = memory or ScoreMemory()
    books = tape.books
    markets, names = market_numbers(books.tickers), tuple(dict.fromkeys(books.tickers))
    moved = memory.moved(books, names, markets)
    measured = features.completed(_static_features(tape), moved)
    predicted = scorer.predict(measured, books.tickers)
    observations = memory.observations(books, names, markets)
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


def _so_far(books: Books, markets: Rows) -> Floats:
    """How many two-sided books of its market are among those up to each, shape (N,)."""
    two_sided = np.isfinite(books.mid)
    order = np.argsort(markets, kind="stable")
    so_far = np.cumsum(two_sided[order])
    first = np.flatnonzero(np.diff(markets[order], prepend=-1))
    before = np.repeat(so_far[first] - two_sided[order][first], np.diff(first, append=len(order)))
    counted = np.empty(len(books))
    counted[order] = so_far - before
    return counted


def _pieces(size: int) -> Iterator[slice]:
    return (slice(start, start + _PIECE) for start in range(0, size, _PIECE))
