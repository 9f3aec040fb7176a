"""Every prediction is graded: what the market did by the time the prediction was about.

Pure: what waits for its horizon is a value the caller keeps. A grade is given by the first book
that comes at or after the horizon and not much later; without one the prediction lapses, and that
is counted too. Leaves out where grades are kept and shown.
"""

from dataclasses import dataclass, fields, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats

Rows = NDArray[np.intp]

#: Predictions that wait at most; the oldest lapse first.
CAPACITY: Final = 20_000


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """N predictions that wait: each of a market, made at and due at a time (seconds UTC).

    `score` is P(up), never NaN. `bid` and `ask` are the best prices then, in dollars. `fee_rate` is
    what a taker pays, in cents, over p(1 − p); NaN where the fees were not known. Those made
    together are of one `batch`; batches rise.
    """

    tickers: tuple[str, ...]
    made_at: Floats
    due_at: Floats
    score: Floats
    bid: Floats
    ask: Floats
    fee_rate: Floats
    batch: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tickers)

    def take(self, rows: Rows) -> Self:
        """Some of them, in that order."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, tickers=tuple([self.tickers[row] for row in rows]), **columns)

    def and_then(self, later: Self, capacity: int = CAPACITY) -> tuple[Self, int]:
        """These and later ones, and how many of the oldest had to go to stay in bounds."""
        columns = {
            name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in _COLUMNS
        }
        whole = replace(self, tickers=self.tickers + later.tickers, **columns)
        excess = max(len(whole) - capacity, 0)
        return whole.take(np.arange(excess, len(whole))), excess


_COLUMNS: Final = tuple(field.name for field in fields(PredictionBatch) if field.name != "tickers")


@dataclass(frozen=True, slots=True)
class Grades:
    """N predictions with their outcome: the mid moved by `change` cents.

    `taker` is what crossing the spread both ways in the predicted direction would have left, in
    cents a contract after fees.
    """

    predictions: PredictionBatch
    change: Floats
    taker: Floats

    def __len__(self) -> int:
        return len(self.change)


def predictions(
    books: Books, score: Floats, fee_rate: Floats, horizon: float, batch: int = 0
) -> PredictionBatch:
    """The predictions of a cycle: those of N books that have a score, with their prices."""
    rows = np.flatnonzero(np.isfinite(score) & np.isfinite(books.mid))
    seen_at = books.seen_at[rows]
    return PredictionBatch(
        tickers=tuple([books.tickers[row] for row in rows]),
        made_at=seen_at,
        due_at=seen_at + horizon,
        score=score[rows],
        bid=books.best_bid[rows],
        ask=books.best_ask[rows],
        fee_rate=fee_rate[rows],
        batch=np.full(len(rows), batch),
    )


def none_yet() -> PredictionBatch:
    """No predictions."""
    nothing = np.empty(0)
    number = np.empty(0, dtype=np.int64)
    return PredictionBatch((), nothing, nothing, nothing, nothing, nothing, nothing, number)


def graded(
    waiting: PredictionBatch, books: Books, patience: float, now: float
) -> tuple[Grades, PredictionBatch, int]:
    """What these books decide, what still waits, and how many lapsed.

    A prediction lapses when no two-sided book of its market came within `patience` seconds after
    the horizon, as of `now` (seconds UTC).
    """
    row_of = {ticker: row for row, ticker in enumerate(books.tickers)}
    row = np.array([row_of.get(ticker, -1) for ticker in waiting.tickers], dtype=np.intp)
    seen_at, mid = _looked_up(books.seen_at, row), _looked_up(books.mid, row)
    in_time = (seen_at >= waiting.due_at) & (seen_at <= waiting.due_at + patience)
    decided = in_time & np.isfinite(mid)
    lapsed = ~decided & (waiting.due_at + patience < now)
    fit = np.flatnonzero(decided)
    grades = _ended(waiting.take(fit), books.take(row[fit]))
    return grades, waiting.take(np.flatnonzero(~decided & ~lapsed)), int(lapsed.sum())


def _looked_up(values: Floats, row: Rows) -> Floats:
    # One NaN at the end, where the -1 of a market without a book points.
    found: Floats = np.append(values, np.nan)[row]
    return found


def _ended(reported: PredictionBatch, books: Books) -> Grades:
    rises = reported.score > 0.5
    enters = np.where(rises, reported.ask, reported.bid)
    leaves = np.where(rises, books.best_bid, books.best_ask)
    gross = np.where(rises, leaves - enters, enters - leaves) * 100
    fees = reported.fee_rate * (enters * (1 - enters) + leaves * (1 - leaves))
    change = np.round((books.mid - (reported.bid + reported.ask) / 2) * 100, 4)
    return Grades(reported, change, gross - fees)
