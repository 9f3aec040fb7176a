"""A scorer that looks ahead is found by what changes once the books after a score are gone."""

from decimal import Decimal

import numpy as np
import pytest

from bot.backtest.examination import Plan, examined
from bot.backtest.foreknowledge import leak_check
from bot.backtest.pieces import Scoring
from bot.backtest.run import ScoredTape
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.ports.exchange import ModelOutput
from bot.trading.decision import TradeRules
from tests.support.tapes import SizeScorer, made_up, uneven


class Leaky(SizeScorer):
    """Scores by the touch of what `seen` makes of the rows of the tape and of their markets."""

    def __init__(self, seen):
        self._seen = seen

    def predict(self, features, tickers):
        touch = np.nan_to_num(features[:, 0])
        score = np.clip(0.5 + self._seen(touch, np.array(tickers)) / 2, 0.01, 0.99)
        return ModelOutput(score, (None,) * len(score))


def ahead(books):
    """The touch of the same market so many books later."""

    def seen(touch, tickers):
        later = touch.copy()
        for ticker in set(tickers.tolist()):
            mine = np.flatnonzero(tickers == ticker)
            later[mine[:-books]] = touch[mine[books:]]
        return later

    return seen


def of_another_market(touch, tickers):
    """The touch of the next book of another market."""
    later = touch.copy()
    for row in range(len(touch)):
        others = np.flatnonzero(tickers[row + 1 : row + 30] != tickers[row])
        later[row] = touch[row + 1 + others[0]] if len(others) else touch[row]
    return later


LEAKS = {
    "the next book": ahead(1),
    "twenty books later": ahead(20),
    "another market's next book": of_another_market,
    "the spread of the whole tape": lambda touch, _: touch / touch.std() / 4,
    "rank among all books": lambda touch, _: touch.argsort().argsort() / len(touch) - 0.5,
    "how it ends": lambda touch, _: touch / 2 + touch[-1] / 4,
}
HONEST = {
    "its own book": lambda touch, _: touch,
    "the mean of all books so far": lambda touch, _: touch.cumsum() / np.arange(1, len(touch) + 1),
    "the book before": lambda touch, _: np.concatenate([[0.0], touch[:-1]]),
}


def scoring(seen):
    return Scoring(Leaky(seen), Thresholds(), Gates())


@pytest.mark.parametrize("leak", LEAKS)
def test_a_scorer_that_looks_ahead_is_found(leak):
    found = leak_check(made_up(4, 200), scoring(LEAKS[leak]).scores)

    assert found.changed.startswith("the score of M")


@pytest.mark.parametrize("honest", HONEST)
def test_a_scorer_that_looks_back_is_not(honest):
    found = leak_check(uneven(), scoring(HONEST[honest]).scores)

    assert found.changed == ""
    assert found.compared > 1_000


def test_without_a_score_there_is_nothing_to_compare():
    tape = made_up(1, 5)
    nothing = np.full(5, np.nan)

    assert leak_check(tape, lambda part: nothing[: len(part.books)]).compared == 0


def test_what_leaks_is_not_trusted_whatever_it_earns():
    tape, leaky = made_up(4, 200), scoring(ahead(20))
    whole = ScoredTape.of(tape, leaky.scorer, leaky.thresholds, leaky.gates, 1.0)
    rules = TradeRules(leaky.thresholds, Sizing(Decimal(1), Decimal("0.01")), RiskLimits())

    _, told = examined([whole], rules, Decimal(10_000), Plan(nulls=0, rescored=leaky.scores))

    assert told["verdict"].startswith("do not trust this: the score of M")
    assert not told["look_ahead"]["is_suspect"]
