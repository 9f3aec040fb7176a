"""Predictions and the books they are graded by."""

from datetime import timedelta

import numpy as np

from bot.core.market.orderbook import Books, OrderBook
from bot.core.model.drift import Spread
from bot.core.signals.strategy import Gates, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.model.prediction_grader import GradeRules, PredictionGrader
from bot.signals.analyzer import Analyzer
from tests.support.fakes import FakeScorer
from tests.support.strategies import NOON, ladder, open_market

RULES = GradeRules(
    10.0, size=1.0, patience=5.0, thresholds=Thresholds(), exchange="sim", version="fake_v1"
)


def book(bid, ask):
    return OrderBook(ladder((bid, 100)), ladder((ask, 100)))


class GraderRoom:
    """Judges one book a market at a time and grades."""

    def __init__(self, opinion=0.8, rules=RULES):
        self.scorer = FakeScorer(opinion)
        gates = Gates(fewest_observations=0)
        self.watch = Analyzer(self.scorer, Thresholds(), gates, WhaleRules())
        self.grader = PredictionGrader(rules)
        self.markets = {t: open_market(t, series_ticker="KXS") for t in "ABCDEF"}

    def see(self, seconds, **shown):
        return self.grade(seconds, self.predict(seconds, **shown))

    def predict(self, seconds, **shown):
        at = NOON + timedelta(seconds=seconds)
        books = Books.of([(t, at.timestamp(), b) for t, b in shown.items()])
        return self.watch.predict(books, np.full(len(books), 3600.0))

    def grade(self, seconds, scored):
        return self.grader.grade(NOON + timedelta(seconds=seconds), [scored], self.markets)


def spread(*edges):
    """1,000 rows spread evenly over the bins of `imb1` and the score."""
    bins = len(edges) + 1
    return {name: Spread(edges, (1000 // bins,) * bins) for name in ("imb1", "score")}
