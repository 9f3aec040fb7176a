"""Seeing and judging: books in, one opinion per market out.

Rules are pure and live in the core; what they remember of each market between cycles lives
here. A batch holds each ticker at most once, with its own time: a live cycle passes the books
of one moment, a replay the k-th book of every market.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.core import features, regime, strategy, whale_orders, whale_rules, whales
from bot.core.orderbook import Books, Floats
from bot.core.strategy import Gates, Thresholds
from bot.core.whale_rules import WhaleRules
from bot.core.whale_sides import Measures, measures
from bot.core.whales import Ending, Recent, Sighting, Traded, Whale
from bot.memory import Memory
from bot.ports import Scorer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Columns = TypeVar("Columns", bound=DataclassInstance)

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Observed:
    """N books with all that was measured of them; row i belongs to `books.tickers[i]`.

    `features` (N, F); `mids` (N,), NaN for none; `regimes` (N,) ids, and which of them are
    `warm`; `gated` why no opinion is possible (None where one is); `recent` counts whales of
    late; `whales[k]` was seen now in row `whale_rows[k]`, rows rising. `endings` are the large
    orders found gone now, each with its row, rows rising.
    """

    books: Books
    mids: Floats
    features: Floats
    measures: Measures
    regimes: regime.Codes
    warm: regime.Flags
    recent: Recent
    gated: tuple[str | None, ...]
    whale_rows: Rows
    whales: tuple[Whale, ...]
    endings: tuple[tuple[int, Ending], ...]

    def take(self, rows: Rows) -> "Observed":
        """The books of these rows, which rise."""
        where = _dense(rows)
        first, past = np.searchsorted(self.whale_rows, (rows[0], rows[-1] + 1)).tolist()
        found = [k for k in range(first, past) if self.whale_rows[k] in rows]
        return Observed(
            books=self.books.take(where),
            mids=self.mids[where],
            features=self.features[where],
            measures=self.measures.take(where),
            regimes=self.regimes[where],
            warm=self.warm[where],
            recent=self.recent.take(where),
            gated=tuple([self.gated[row] for row in rows.tolist()]),
            whale_rows=np.searchsorted(rows, self.whale_rows[found]),
            whales=tuple([self.whales[k] for k in found]),
            endings=_taken(self.endings, rows),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What is thought of N books: `scores` (N,), NaN for no opinion, with `reasons` why.

    `directions` (N,): +1 buy, −1 sell, 0 hold. `model_version` is that of the file that decided.
    """

    seen: Observed
    scores: Floats
    directions: NDArray[np.int8]
    reasons: tuple[str | None, ...]
    model_version: str

    def take(self, rows: Rows) -> "Judged":
        """What is thought of the books of these rows, which rise."""
        where = _dense(rows)
        return Judged(
            seen=self.seen.take(rows),
            scores=self.scores[where],
            directions=self.directions[where],
            reasons=tuple([self.reasons[row] for row in rows.tolist()]),
            model_version=self.model_version,
        )


class Watch:
    """Looks at books with the memory of earlier ones, and asks the model."""

    def __init__(
        self,
        scorer: Scorer,
        thresholds: Thresholds,
        gates: Gates,
        rules: WhaleRules,
        capacity: int = 5_000,
    ) -> None:
        """`capacity` is how many markets are remembered at most."""
        self._scorer = scorer
        self._thresholds = thresholds
        self._gates = gates
        self._rules = rules
        self._features = Memory(features.blank(), capacity)
        self._whales = Memory(whale_rules.blank_rows(), capacity)
        self._regimes = Memory(regime.blank_rows(), capacity)

    def judge(self, books: Books, seconds_to_close: Floats, traded: Traded | None = None) -> Judged:
        """What these books say; `seconds_to_close` has shape (N,), NaN where unknown.

        `traded` is what traded since the book before of each market; None where nobody asked.
        """
        return self.opinions(self.observe(books, seconds_to_close, traded))

    def follows(self, tickers: Sequence[str]) -> list[tuple[str, float]]:
        """Those with a large order that is followed, and when their last book was seen."""
        rows = self._whales.recall(tickers)
        busy = np.flatnonzero(whale_orders.is_busy(rows))
        return [(tickers[row], float(rows["seen_at"][row])) for row in busy.tolist()]

    def observe(
        self, books: Books, seconds_to_close: Floats, traded: Traded | None = None
    ) -> Observed:
        """All measurements of these books; each ticker at most once."""
        matrix = self._measure(books, seconds_to_close)
        seen = self._whale(books, traded or Traded.unknown(len(books)))
        found = sorted(seen.whales, key=itemgetter(0))
        regimes, moods = self._regime(books)
        observations = np.isfinite(moods["mids"]).sum(axis=1)
        # These books are what just came: how old they are counts when they are kept for later.
        fresh = np.zeros(len(books))
        gated = strategy.gates(books, seconds_to_close, observations, fresh, self._gates)
        return Observed(
            books=books,
            mids=books.mid,
            features=matrix,
            measures=measures(books),
            regimes=regimes,
            warm=regime.is_warm(moods),
            recent=whales.recent(seen.rows, books.seen_at),
            gated=tuple(gated),
            whale_rows=np.array([row for row, _ in found], dtype=np.intp),
            whales=tuple([whale for _, whale in found]),
            endings=tuple(sorted(seen.endings, key=itemgetter(0))),
        )

    def opinions(self, seen: Observed) -> Judged:
        """What the model makes of the measurements."""
        opinions = self._scorer.judge(seen.features)
        reasons = _first_reasons(seen.gated, opinions.reasons)
        scores = np.where([reason is None for reason in reasons], opinions.score, np.nan)
        return Judged(
            seen=seen,
            scores=scores,
            directions=strategy.direction(scores, self._thresholds),
            reasons=reasons,
            model_version=self._scorer.version,
        )

    def _measure(self, books: Books, seconds_to_close: Floats) -> Floats:
        rows = self._features.recall(books.tickers)
        matrix, rows = features.measure(books, rows, seconds_to_close)
        self._features.keep(books.tickers, rows)
        return matrix

    def _whale(self, books: Books, traded: Traded) -> Sighting:
        rows = self._whales.recall(books.tickers)
        seen = whales.sight(books, rows, self._rules, traded)
        self._whales.keep(books.tickers, seen.rows)
        return seen

    def _regime(self, books: Books) -> tuple[regime.Codes, regime.Rows]:
        rows = self._regimes.recall(books.tickers)
        codes, rows = regime.classify(books, rows)
        self._regimes.keep(books.tickers, rows)
        return codes, rows


def joined(books: Books, parts: Sequence[Observed], places: Sequence[Rows]) -> Observed:
    """Parts as one, in the order of `books`: row i of part k is row `places[k][i]` of it."""
    order = np.argsort(np.concatenate(places))
    gated = np.concatenate([np.array(part.gated, dtype=object) for part in parts])[order]
    whale_rows = np.concatenate(
        [place[part.whale_rows] for part, place in zip(parts, places, strict=True)]
    )
    found = [whale for part in parts for whale in part.whales]
    by_row = np.argsort(whale_rows, kind="stable")
    return Observed(
        books=books,
        mids=books.mid,
        features=np.concatenate([part.features for part in parts])[order],
        measures=_stacked([part.measures for part in parts], order),
        regimes=np.concatenate([part.regimes for part in parts])[order],
        warm=np.concatenate([part.warm for part in parts])[order],
        recent=_stacked([part.recent for part in parts], order),
        gated=tuple(gated.tolist()),
        whale_rows=whale_rows[by_row],
        whales=tuple([found[k] for k in by_row.tolist()]),
        endings=_put(parts, places),
    )


def _taken(endings: Sequence[tuple[int, Ending]], rows: Rows) -> tuple[tuple[int, Ending], ...]:
    """Those of these rows, which rise, by their place among them."""
    return tuple([(int(np.searchsorted(rows, row)), end) for row, end in endings if row in rows])


def _put(parts: Sequence[Observed], places: Sequence[Rows]) -> tuple[tuple[int, Ending], ...]:
    put = [
        (int(place[row]), end)
        for part, place in zip(parts, places, strict=True)
        for row, end in part.endings
    ]
    return tuple(sorted(put, key=itemgetter(0)))


def _stacked(parts: Sequence["Columns"], order: Rows) -> "Columns":
    names = [field.name for field in fields(parts[0])]
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names},
    )


def _dense(rows: Rows) -> Rows | slice:
    """The same rows as a slice, which copies nothing, where they follow each other."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _first_reasons(
    gated: Sequence[str | None], unsure: Sequence[str | None]
) -> tuple[str | None, ...]:
    return tuple([gate or doubt for gate, doubt in zip(gated, unsure, strict=True)])
