"""Predictions are graded by the books that come, counted when none comes, and survive a restart."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from bot.core.drift import LEAST_ROWS, Spread
from bot.core.events import PredictionGraded
from bot.core.features import FEATURE_NAMES
from bot.core.orderbook import Books, OrderBook
from bot.core.strategy import Gates, Thresholds
from bot.core.whale_rules import WhaleRules
from bot.grade import ALL, Grader, GradeRules
from bot.journal_grades import earlier
from bot.model_watch import ModelWatch
from bot.watch import Watch
from logging_utils import CsvJournal
from tests.fakes import FakeScorer
from tests.strategies import NOON, ladder, open_market

RULES = GradeRules(10.0, size=1.0, patience=5.0, thresholds=Thresholds(), exchange="sim")


def book(bid, ask):
    return OrderBook(ladder((bid, 100)), ladder((ask, 100)))


class Room:
    """Judges one book a market at a time and grades."""

    def __init__(self, opinion=0.8, rules=RULES, before=()):
        self.scorer = FakeScorer(opinion)
        gates = Gates(fewest_observations=0)
        self.watch = Watch(self.scorer, Thresholds(), gates, WhaleRules())
        self.grader = Grader(rules, before)
        self.markets = {t: open_market(t, series_ticker="KXS") for t in "ABCDEF"}

    def see(self, seconds, **shown):
        at = NOON + timedelta(seconds=seconds)
        books = Books.of([(t, at.timestamp(), b) for t, b in shown.items()])
        judged = self.watch.judge(books, np.full(len(books), 3600.0))
        return self.grader.grade(at, [judged], self.markets)


def test_a_prediction_is_graded_by_the_first_book_after_its_horizon():
    room = Room()
    assert room.see(0, A=book("0.50", "0.52")) == []
    assert room.see(9, A=book("0.50", "0.52")) == []

    (grade,) = room.see(11, A=book("0.54", "0.56"))

    assert (grade.ticker, grade.group, grade.score, grade.horizon) == ("A", "KXS", 0.8, 10.0)
    assert grade.made_at == NOON
    assert grade.change == pytest.approx(4.0)
    fees = 7 * (0.52 * 0.48 + 0.54 * 0.46)
    assert grade.taker == pytest.approx(2.0 - fees)


def test_a_prediction_without_a_book_in_time_lapses_and_is_no_grade():
    room = Room()
    room.see(0, A=book("0.50", "0.52"))

    assert room.see(30, A=book("0.54", "0.56")) == []

    record = room.grader.record()
    assert record.lapsed == 1
    assert record.groups[ALL].graded == 0


def test_an_empty_book_grades_nothing():
    room = Room()
    room.see(0, A=book("0.50", "0.52"))

    assert room.see(11, A=OrderBook((), ())) == []


def test_no_opinion_is_no_prediction():
    room = Room(opinion=None)
    room.see(0, A=book("0.50", "0.52"))
    room.see(11, A=book("0.54", "0.56"))

    assert room.grader.record().waiting == 0


def test_nothing_judged_grades_nothing():
    room = Room()

    assert room.grader.grade(NOON, [], room.markets) == []


def test_unknown_fees_leave_the_cents_unknown():
    room = Room()
    room.markets["A"] = replace(room.markets["A"], fees=None, series_ticker=None)
    room.see(0, A=book("0.50", "0.52"))

    (grade,) = room.see(11, A=book("0.54", "0.56"))

    assert grade.taker is None
    assert grade.group == "A"


def test_the_record_sums_up_by_group_and_over_all():
    room = Room()
    up, down = book("0.54", "0.56"), book("0.44", "0.46")
    for number, ticker in enumerate("ABCDEF"):
        room.see(100 * number, **{ticker: book("0.50", "0.52")})
        room.see(100 * number + 11, **{ticker: up if number < 4 else down})

    record = room.grader.record()

    assert set(record.groups) == {ALL, "KXS"}
    hit_rate = record.groups[ALL].hit_rate
    assert hit_rate is not None
    assert hit_rate.value == pytest.approx(4 / 6)
    assert record.groups[ALL].markets == 6
    assert room.grader.record() is record


def test_grades_survive_a_restart_through_their_log(tmp_path):
    room = Room()
    room.see(0, A=book("0.50", "0.52"))
    grades = room.see(11, A=book("0.54", "0.56"))
    odd = replace(grades[0], taker=None, model_version="old")
    with CsvJournal(tmp_path) as journal:
        journal.record([*grades, odd])

    (again,) = earlier(tmp_path, "sim", "fake_v1")

    assert replace(again, change=0.0, taker=0.0) == replace(grades[0], change=0.0, taker=0.0)
    assert again.change == pytest.approx(grades[0].change, abs=1e-4)
    assert earlier(tmp_path, "sim", "old")[0].taker is None
    assert earlier(tmp_path, "production", "fake_v1") == []
    assert Room(before=[again]).grader.record().groups[ALL].graded == 1


def test_broken_rows_of_the_log_are_left_out_with_a_warning(tmp_path, caplog):
    room = Room()
    room.see(0, A=book("0.50", "0.52"))
    grades = room.see(11, A=book("0.54", "0.56"))
    with CsvJournal(tmp_path) as journal:
        journal.record(grades)
    with (tmp_path / "grades_log.csv").open("a") as file:
        file.write("yesterday,sim,fake_v1,A\r\n2026-01-01T00:00:00+00:00,sim,fake_v1,A,G,")
        file.write("2026-01-01T00:00:00+00:00,nan,10,1,1\r\n")

    assert len(earlier(tmp_path, "sim", "fake_v1")) == 1
    assert "2 rows of grades_log.csv cannot be read" in caplog.text


def test_without_a_log_there_are_no_grades(tmp_path):
    assert earlier(tmp_path / "none", "sim", "fake_v1") == []


def spread(*edges):
    """1,000 rows spread evenly over the bins of `imb1` and the score."""
    bins = len(edges) + 1
    return {name: Spread(edges, (1000 // bins,) * bins) for name in ("imb1", "score")}


def test_drift_is_unknown_until_enough_was_seen_and_starts_anew_each_day():
    room = Room(opinion=0.8)
    watch = ModelWatch({}, spread(-0.5, 0.0, 0.5), room.grader)
    judged = _judged(room, LEAST_ROWS)

    assert watch.drift()["score"].verdict == "unknown"
    watch.grade(NOON, [judged], room.markets)
    assert (watch.drift()["score"].index or 0) > 0.25
    assert watch.drift()["score"].verdict == "drifted"
    assert watch.drift()["imb1"].rows == LEAST_ROWS

    watch.grade(NOON + timedelta(days=1), [], room.markets)
    assert watch.drift()["score"].rows == 0


def test_books_without_an_opinion_are_not_what_the_model_was_asked_about():
    room = Room(opinion=None)
    watch = ModelWatch({}, spread(0.0), room.grader)

    watch.grade(NOON, [_judged(room, 5)], room.markets)

    assert watch.drift()["imb1"].rows == 0


def test_without_a_card_there_is_no_drift():
    room = Room()
    watch = ModelWatch(None, {}, room.grader)

    watch.grade(NOON, [_judged(room, 3)], room.markets)

    assert watch.drift() == {}
    assert watch.card is None
    assert watch.track_record().waiting == 3


def _judged(room, count):
    tickers = [f"M{number}" for number in range(count)]
    room.markets |= {ticker: open_market(ticker) for ticker in tickers}
    shown = book("0.50", "0.52")
    books = Books.of([(ticker, NOON.timestamp(), shown) for ticker in tickers])
    return room.watch.judge(books, np.full(count, 3600.0))


def test_a_grade_says_what_a_taker_would_have_made_in_the_predicted_direction():
    room = Room(opinion=0.2)
    room.see(0, A=book("0.50", "0.52"))

    (grade,) = room.see(11, A=book("0.44", "0.46"))

    assert isinstance(grade, PredictionGraded)
    fees = 7 * (0.50 * 0.50 + 0.46 * 0.54)
    assert grade.taker == pytest.approx(4.0 - fees)
    assert "imb1" in FEATURE_NAMES
    assert Decimal(str(grade.score)) == Decimal("0.2")
