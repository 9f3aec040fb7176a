"""What was measured of books and predicted from it, as values; and chunks joined as one."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats
from bot.core.signals import regime
from bot.core.whales.book_sides import Measures
from bot.core.whales.detector import Ending, RecentWhales, Whale

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Columns = TypeVar("Columns", bound=DataclassInstance)

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Observations:
    """N books with all that was measured of them; row i belongs to `books.tickers[i]`.

    `features` (N, F); `mids` (N,), NaN for none; `regimes` (N,) ids, and which of them are
    `warm`; `gated` why no prediction is possible (None where one is); `recent` counts whales of
    late; `whales[k]` was seen now in row `whale_rows[k]`, rows rising. `endings` are the large
    orders found gone now, each with its row, rows rising.
    """

    books: Books
    mids: Floats
    features: Floats
    measures: Measures
    regimes: regime.Codes
    warm: regime.Flags
    recent: RecentWhales
    gated: tuple[str | None, ...]
    whale_rows: Rows
    whales: tuple[Whale, ...]
    endings: tuple[tuple[int, Ending], ...]

    def take(self, rows: Rows) -> "Observations":
        """The books of these rows, which rise."""
        where = _dense(rows)
        first, past = np.searchsorted(self.whale_rows, (rows[0], rows[-1] + 1)).tolist()
        found = [k for k in range(first, past) if self.whale_rows[k] in rows]
        return Observations(
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
class Predictions:
    """Predictions for N books: `scores` (N,), NaN for none, with `reasons` why.

    `directions` (N,): +1 buy, −1 sell, 0 hold. `model_version` is that of the file that decided.
    """

    seen: Observations
    scores: Floats
    directions: NDArray[np.int8]
    reasons: tuple[str | None, ...]
    model_version: str

    @property
    def books(self) -> Books:
        """The books that were scored."""
        return self.seen.books

    @property
    def mids(self) -> Floats:
        """Shape (N,), dollars, NaN for none."""
        return self.seen.mids

    @property
    def features(self) -> Floats:
        """Shape (N, F)."""
        return self.seen.features

    def take(self, rows: Rows) -> "Predictions":
        """The predictions of these rows, which rise."""
        where = _dense(rows)
        return Predictions(
            seen=self.seen.take(rows),
            scores=self.scores[where],
            directions=self.directions[where],
            reasons=tuple([self.reasons[row] for row in rows.tolist()]),
            model_version=self.model_version,
        )


def joined(books: Books, parts: Sequence[Observations], places: Sequence[Rows]) -> Observations:
    """Parts as one, in the order of `books`: row i of part k is row `places[k][i]` of it."""
    order = np.argsort(np.concatenate(places))
    gated = np.concatenate([np.array(part.gated, dtype=object) for part in parts])[order]
    whale_rows = np.concatenate(
        [place[part.whale_rows] for part, place in zip(parts, places, strict=True)]
    )
    found = [whale for part in parts for whale in part.whales]
    by_row = np.argsort(whale_rows, kind="stable")
    return Observations(
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


def _put(parts: Sequence[Observations], places: Sequence[Rows]) -> tuple[tuple[int, Ending], ...]:
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
