"""Scores that know nothing: what the same rules earn on the same tape without a model.

Two nulls. `permuted` deals the scores of each market out anew among its books: as many opinions
of each strength, at other moments. `flipped` turns each opinion round or leaves it, by a coin: at
the same moments, in directions that mean nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from bot.backtest.precomputed.scores import Scores
from bot.core.market.orderbook import Floats
from bot.core.signals import strategy
from bot.core.signals.strategy import Thresholds

Null = Callable[[Scores, np.random.Generator], Floats]


def permuted(scores: Scores, rng: np.random.Generator) -> Floats:
    """Within each market, among the books with an opinion; shape (N,)."""
    dealt = scores.scores.copy()
    rows = np.flatnonzero(np.isfinite(dealt))
    names = np.array([scores.books.tickers[row] for row in rows.tolist()])
    by_market = rows[np.argsort(names, kind="stable")]
    # Sorting by a random key within the market is a permutation of each market's rows.
    at_random = rows[np.lexsort((rng.random(len(rows)), names))]
    dealt[by_market] = scores.scores[at_random]
    return dealt


def flipped(scores: Scores, rng: np.random.Generator) -> Floats:
    """Each opinion or its opposite; shape (N,)."""
    turned = rng.random(len(scores.scores)) < 0.5
    return np.where(turned, 1.0 - scores.scores, scores.scores)


NULLS: Final[Mapping[str, Null]] = {"permuted": permuted, "flipped": flipped}


def with_scores(scores: Scores, other: Floats, thresholds: Thresholds) -> Scores:
    """The same books under other scores (N,), NaN for no opinion."""
    return replace(
        scores, scores=other, directions=strategy.direction(other, thresholds, scores.books.tickers)
    )


def lagged(scores: Scores) -> Floats:
    """Each book with the score of the one before in its market, if both have one; shape (N,).

    Scores that look ahead lose nothing by this; honest ones do.
    """
    older = np.full(len(scores.scores), np.nan)
    last: dict[str, float] = {}
    for row, ticker in enumerate(scores.books.tickers):
        older[row] = last.get(ticker, np.nan)
        last[ticker] = scores.scores[row]
    return np.where(np.isfinite(scores.scores), older, np.nan)
