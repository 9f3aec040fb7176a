"""How the model is doing: the track record of its predictions and the drift of its features.

One object beside the cycle: the cycle feeds it predictions, the API reads its metrics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.events import Event
from bot.core.market.market import Market
from bot.core.market.orderbook import Floats
from bot.core.model.drift import Counts, Drift, Spread, counted, psi, verdict
from bot.core.signals.features import FEATURE_NAMES
from bot.model.fill_markouts import FillMarkouts
from bot.model.prediction_grader import PredictionGrader, TrackRecord
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.signals.observations import Predictions

_SCORE: Final = "score"


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """The population stability index of one feature over the UTC day, None below enough rows."""

    index: float | None
    verdict: Drift
    rows: int


class _Today(Struct, frozen=True, array_like=True):
    """What came in on a UTC day, counted in the bins of a card, identified by `bins`."""

    day: date
    bins: str
    counts: list[list[int]]


class ModelMonitor:
    """Fed with predictions; reports how the model is doing. `fills` follow what was traded."""

    def __init__(
        self,
        card: Mapping[str, Any] | None,
        spreads: Mapping[str, Spread],
        grader: PredictionGrader,
    ) -> None:
        """`card` is that of the model, as written, None without one; `spreads` are its drift."""
        self.card = card
        self.fills = FillMarkouts()
        self._grader = grader
        self._names = tuple(spreads)
        self._edges = np.array([one.edges for one in spreads.values()], dtype=np.float64)
        self._trained = np.array([one.counts for one in spreads.values()], dtype=np.int64)
        self._live = np.zeros_like(self._trained)
        self._bins = blake2b(repr(spreads).encode(), digest_size=8).hexdigest()
        self._day: date | None = None
        self._codec = RecordCodec("drift", _Today)
        self._is_known = True

    def state_records(self) -> list[StateRecord]:
        """What changed since the last call."""
        state_records = self._grader.state_records()
        if not self._is_known and self._day is not None:
            today = _Today(self._day, self._bins, self._live.tolist())
            state_records.append(self._codec.state_record("", today))
        self._is_known = True
        return state_records

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the grades and the day's counts."""
        self._begin(None)
        self._is_known = True
        self._grader.restore(checkpoint)
        self.fills.restore(checkpoint)
        self._take(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._grader.catch_up(news)
        self.fills.catch_up(news)
        self._take(news)

    def grade(
        self, at: datetime, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> list[Event]:
        """Grade earlier predictions and fills; count what these books look like."""
        self._begin(at.date())
        for part in predictions:
            self._count(part)
        graded = self._grader.grade(at, predictions, markets)
        return [*graded, *self.fills.measured(at, predictions, markets)]

    def track_record(self) -> TrackRecord:
        """How good the predictions were."""
        return self._grader.record()

    def drift(self) -> dict[str, FeatureDrift]:
        """Whether what came in today looks like what the model was trained on, by feature."""
        if not self._names:
            return {}
        columns = zip(self._names, psi(self._trained, self._live), self._live, strict=True)
        return {name: _feature_drift(index, counts) for name, index, counts in columns}

    def _begin(self, day: date | None) -> None:
        if day != self._day:
            self._day = day
            self._live = np.zeros_like(self._trained)

    def _take(self, source: Checkpoint | CommittedChanges) -> None:
        found = self._codec.read(source).get("")
        if found is not None and found.bins == self._bins:
            self._day = found.day
            self._live = np.array(found.counts, dtype=np.int64)

    def _count(self, part: Predictions) -> None:
        # Only what the model was asked about: books it never sees say nothing of its world.
        asked = np.isfinite(part.scores)
        if self._names and asked.any():
            self._live += counted(self._columns(part, asked), self._edges)
            self._is_known = False

    def _columns(self, part: Predictions, rows: NDArray[np.bool_]) -> Floats:
        columns = [
            part.scores[rows]
            if name == _SCORE
            else part.seen.features[rows, FEATURE_NAMES.index(name)]
            for name in self._names
        ]
        return np.column_stack(columns)


def _feature_drift(index: float, counts: Counts) -> FeatureDrift:
    return FeatureDrift(
        None if np.isnan(index) else float(index), verdict(index), int(counts.sum())
    )
