"""Predictions that wait for their horizon, and their state records: one for each pass.

Those of a pass are mostly graded together, so a pass writes down its own and strikes out those of
an earlier one, however many wait.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.market.orderbook import Books
from bot.core.model.outcomes import CAPACITY, Grades, PredictionBatch, graded, none_yet
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord

_COLUMNS: Final = ("made_at", "due_at", "score", "bid", "ask", "fee_rate")


class _Batch(Struct, frozen=True, array_like=True):
    """The predictions of a pass by one version of the model: `columns` are (6, N) floats."""

    version: str
    tickers: tuple[str, ...]
    columns: bytes


class _Lapsed(Struct, frozen=True, array_like=True):
    """How many predictions of a version of the model lapsed."""

    version: str
    count: int


class PendingPredictions:
    """The predictions of one version of the model that wait, and how many of it `lapsed`."""

    def __init__(self, version: str, capacity: int = CAPACITY) -> None:
        self.lapsed = 0
        self._capacity = capacity
        self._version = version
        self._batches = RecordCodec("waiting", _Batch)
        self._counts = RecordCodec("lapsed", _Lapsed)
        self._reported_lapsed = 0
        self._predictions = none_yet()
        self._next = 0
        self._changed: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._predictions)

    @property
    def batch(self) -> int:
        """The number of the next predictions."""
        return self._next

    def grade(self, books: Books, patience: float, now: float) -> Grades:
        """What these books decide; it waits no more."""
        before = self._predictions
        results, self._predictions, lapsed = graded(before, books, patience, now)
        self.lapsed += lapsed
        if len(before) != len(self):
            self._compare(before)
        return results

    def add(self, made: PredictionBatch) -> None:
        """Wait for these, too; the oldest lapse if there is no room."""
        if len(made):
            before = self._predictions
            self._predictions, dropped = before.and_then(made, self._capacity)
            self.lapsed += dropped
            self._changed[self._next] = None
            self._next += 1
            if dropped and len(before):
                self._compare(before)

    def state_records(self) -> list[StateRecord]:
        """The batches that changed since the last call, and how many lapsed."""
        changed, self._changed = self._changed, {}
        state_records = [
            self._batches.state_record(str(number), self._batch(number)) for number in changed
        ]
        if self.lapsed != self._reported_lapsed:
            state_records.append(self._counts.state_record("", _Lapsed(self._version, self.lapsed)))
        self._reported_lapsed = self.lapsed
        return state_records

    def restore(self, checkpoint: Checkpoint) -> None:
        """Begin with the stored state of this version of the model; the rest is struck out."""
        self._predictions = none_yet()
        self._next = self.lapsed = self._reported_lapsed = 0
        self._changed = self._take(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._take(news)

    def _take(self, source: Checkpoint | CommittedChanges) -> dict[int, None]:
        """Take these over; the batches that are of no use any more."""
        found = {int(key): one for key, one in self._batches.read(source).items()}
        ours = {n: one for n, one in found.items() if one and one.version == self._version}
        self._put(list(found), ours)
        self._next = max([self._next, *(number + 1 for number in found)])
        count = self._counts.read(source).get("")
        if count is not None and count.version == self._version:
            self.lapsed = self._reported_lapsed = count.count
        return {number: None for number in found if number not in ours}

    def _put(self, numbers: list[int], batches: Mapping[int, _Batch]) -> None:
        """Let these be the batches of these numbers, in the place of what they were."""
        left = np.flatnonzero(~np.isin(self._predictions.batch, numbers))
        whole = self._predictions.take(left)
        for number, batch in batches.items():
            whole, _ = whole.and_then(_predictions(number, batch))
        self._predictions = whole.take(np.argsort(whole.batch, kind="stable"))

    def _compare(self, before: PredictionBatch) -> None:
        """Note the batches of which fewer wait than before."""
        first = before.batch[0]
        then = np.bincount(before.batch - first)
        now = np.bincount(self._predictions.batch - first, minlength=len(then))
        fewer = np.flatnonzero(then > now[: len(then)]) + first
        self._changed |= dict.fromkeys(fewer.tolist())

    def _batch(self, number: int) -> _Batch | None:
        waiting = self._predictions
        # Batches are in order.
        first, past = np.searchsorted(waiting.batch, (number, number + 1)).tolist()
        if first == past:
            return None
        columns = [getattr(waiting, name)[first:past] for name in _COLUMNS]
        body = np.array(columns, dtype="<f8").tobytes()
        return _Batch(self._version, waiting.tickers[first:past], body)


def _predictions(number: int, batch: _Batch) -> PredictionBatch:
    count = len(batch.tickers)
    columns: NDArray[np.float64] = np.frombuffer(batch.columns, dtype="<f8").reshape(-1, count)
    named = dict(zip(_COLUMNS, columns, strict=True))
    return PredictionBatch(tickers=batch.tickers, batch=np.full(count, number), **named)
