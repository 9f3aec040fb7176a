"""Keeps every prediction until its horizon has passed, and what became of those of late.

Grading and its figures are pure (`core.model.outcomes`, `core.model.performance`); this holds the
values. After a restart, grades come back from their events, pending predictions from state records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from bot.core.events import Event, PredictionGraded
from bot.core.market.market import Market
from bot.core.market.orderbook import Books, Floats
from bot.core.model.outcomes import Grades, predictions
from bot.core.model.performance import ModelPerformance, group_of, performance
from bot.core.signals.expected_value import taker_rate
from bot.core.signals.strategy import Thresholds
from bot.model.grade_history import Graded
from bot.model.pending_predictions import PendingPredictions
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.signals.observations import Predictions

#: Grades that the figures are over: the newest.
REMEMBERED: Final = 50_000
#: The group of all markets together.
ALL: Final = "ALL"


@dataclass(frozen=True, slots=True)
class GradeRules:
    """What a prediction is about: `horizon` seconds ahead, a move of `size` cents at least.

    `exchange` names where the books come from, `version` the model whose predictions these are.
    A book that comes more than `patience` seconds after the horizon grades nothing.
    """

    horizon: float
    size: float
    patience: float
    thresholds: Thresholds
    exchange: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How good predictions were, by group of markets, `ALL` first; how many wait or lapsed.

    Those of this version that lapsed saw no two-sided book in time: they are no grade.
    """

    horizon: float
    waiting: int
    lapsed: int
    groups: Mapping[str, ModelPerformance]


class PredictionGrader:
    """Waits for horizons and remembers the grades."""

    def __init__(self, rules: GradeRules) -> None:
        self._rules = rules
        self._waiting = PendingPredictions(rules.version)
        self._grades = Graded(REMEMBERED)
        self._made = 0
        self._known: tuple[int, Mapping[str, ModelPerformance]] | None = None

    def state_records(self) -> list[StateRecord]:
        """What changed of what waits since the last call."""
        return self._waiting.state_records()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the grades of this version on this exchange, and what is pending."""
        self._grades.clear()
        self._learn(checkpoint.events)
        self._waiting.restore(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._learn(news.events)
        self._waiting.catch_up(news)

    def grade(
        self, at: datetime, scored: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> list[Event]:
        """Grade what these books decide, then remember what was predicted of them."""
        if not scored:
            return []
        books = _touches([part.seen.books for part in scored])
        rules = self._rules
        results = self._waiting.grade(books, rules.patience, at.timestamp())
        self._remember(books, np.concatenate([part.scores for part in scored]), markets)
        events = _events(at, results, scored[0].model_version, rules, markets)
        for event in events:
            self._grades.add(event)
        self._made += len(events)
        return [*events]

    def record(self) -> TrackRecord:
        """The track record so far; cheap while nothing new was graded."""
        if self._known is None or self._known[0] != self._made:
            self._known = self._made, self._groups()
        return TrackRecord(
            horizon=self._rules.horizon,
            waiting=len(self._waiting),
            lapsed=self._waiting.lapsed,
            groups=self._known[1],
        )

    def _learn(self, events: Sequence[Event]) -> None:
        ours = (self._rules.exchange, self._rules.version)
        for event in events:
            match event:
                case PredictionGraded(exchange=exchange, model_version=version):
                    if (exchange, version) == ours:
                        self._grades.add(event)
        self._made += 1

    def _remember(self, books: Books, scores: Floats, markets: Mapping[str, Market]) -> None:
        if not np.isfinite(scores).any():
            return
        rates = np.array([taker_rate(markets[ticker].fees) for ticker in books.tickers])
        batch = self._waiting.batch
        self._waiting.add(predictions(books, scores, rates, self._rules.horizon, batch))

    def _groups(self) -> Mapping[str, ModelPerformance]:
        by_group = {**self._grades.by_group(), ALL: self._grades.all()}
        names = dict.fromkeys([ALL, *by_group])
        return {name: self._performance(by_group[name]) for name in names}

    def _performance(self, grades: Grades) -> ModelPerformance:
        above, below = self._rules.thresholds.entries(grades.predictions.tickers)
        return performance(grades, self._rules.size, above, below)


def _touches(parts: Sequence[Books]) -> Books:
    """The best levels of all these books: grading reads no others."""
    return Books(
        tickers=tuple([ticker for part in parts for ticker in part.tickers]),
        seen_at=np.concatenate([part.seen_at for part in parts]),
        bid_price=np.concatenate([part.bid_price[:, :1] for part in parts]),
        bid_size=np.concatenate([part.bid_size[:, :1] for part in parts]),
        ask_price=np.concatenate([part.ask_price[:, :1] for part in parts]),
        ask_size=np.concatenate([part.ask_size[:, :1] for part in parts]),
    )


def _events(
    at: datetime,
    results: Grades,
    version: str,
    rules: GradeRules,
    markets: Mapping[str, Market],
) -> list[PredictionGraded]:
    reported = results.predictions
    columns = (
        reported.tickers,
        reported.made_at.tolist(),
        reported.score.tolist(),
        results.change.tolist(),
        results.taker.tolist(),
    )
    return [
        PredictionGraded(
            at=at,
            exchange=rules.exchange,
            ticker=ticker,
            group=_group(ticker, markets.get(ticker)),
            model_version=version,
            made_at=datetime.fromtimestamp(made_at, UTC),
            score=score,
            horizon=rules.horizon,
            change=change,
            taker=None if np.isnan(taker) else taker,
        )
        for ticker, made_at, score, change, taker in zip(*columns, strict=True)
    ]


def _group(ticker: str, market: Market | None) -> str:
    known = market.series_ticker if market is not None else None
    return known or group_of(ticker)
