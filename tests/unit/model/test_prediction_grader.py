"""Predictions are graded by the books that come, counted when none comes, and survive a restart."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.events import Event, PredictionGraded
from bot.core.market.orderbook import Books, OrderBook
from bot.core.model.drift import LEAST_ROWS
from bot.core.model.outcomes import none_yet, predictions
from bot.core.signals.features import FEATURE_NAMES
from bot.model.monitor import ModelMonitor
from bot.model.pending_predictions import PendingPredictions
from bot.model.prediction_grader import ALL, PredictionGrader
from bot.ports.persistence import Checkpoint, CommittedChanges
from tests.support.grading import RULES, GraderRoom, book, spread
from tests.support.strategies import NOON, open_market


def test_a_prediction_is_graded_by_the_first_book_after_its_horizon():
    room = GraderRoom()
    assert room.see(0, A=book("0.50", "0.52")) == []
    assert room.see(9, A=book("0.50", "0.52")) == []

    (grade,) = room.see(11, A=book("0.54", "0.56"))

    assert (grade.ticker, grade.group, grade.score, grade.horizon) == ("A", "KXS", 0.8, 10.0)
    assert grade.made_at == NOON
    assert grade.change == pytest.approx(4.0)
    fees = 7 * (0.52 * 0.48 + 0.54 * 0.46)
    assert grade.taker == pytest.approx(2.0 - fees)


def test_a_prediction_without_a_book_in_time_lapses_and_is_no_grade():
    room = GraderRoom()
    room.see(0, A=book("0.50", "0.52"))

    assert room.see(30, A=book("0.54", "0.56")) == []

    record = room.grader.record()
    assert record.lapsed == 1
    assert record.groups[ALL].graded == 0


def test_an_empty_book_grades_nothing():
    room = GraderRoom()
    room.see(0, A=book("0.50", "0.52"))

    assert room.see(11, A=OrderBook((), ())) == []


def test_no_opinion_is_no_prediction():
    room = GraderRoom(opinion=None)
    room.see(0, A=book("0.50", "0.52"))
    room.see(11, A=book("0.54", "0.56"))

    assert room.grader.record().waiting == 0


def test_nothing_judged_grades_nothing():
    room = GraderRoom()

    assert room.grader.grade(NOON, [], room.markets) == []


def test_unknown_fees_leave_the_cents_unknown():
    room = GraderRoom()
    room.markets["A"] = replace(room.markets["A"], fees=None, series_ticker=None)
    room.see(0, A=book("0.50", "0.52"))

    (grade,) = room.see(11, A=book("0.54", "0.56"))

    assert grade.taker is None
    assert grade.group == "A"


def test_the_record_sums_up_by_group_and_over_all():
    room = GraderRoom()
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
    assert room.grader.record().groups is record.groups


class Disk:
    """What was told so far, as a database would give it back."""

    def __init__(self):
        self.events: list[Event] = []
        self.state_records: dict[str, dict[str, bytes]] = {}
        self.news = CommittedChanges(0)

    def take(self, source, events=()):
        state_records = source.state_records()
        self.news = CommittedChanges(1, tuple(events), tuple(state_records))
        self.events += events
        for state_record in state_records:
            of_kind = self.state_records.setdefault(state_record.kind, {})
            of_kind.pop(state_record.key, None)
            if state_record.body is not None:
                of_kind[state_record.key] = state_record.body

    @property
    def checkpoint(self):
        # A database has no order of its own.
        state_records = {
            kind: dict(sorted(of_kind.items())) for kind, of_kind in self.state_records.items()
        }
        return Checkpoint(
            1, Portfolio.of_cash(Decimal(1)), events=tuple(self.events), state_records=state_records
        )

    def restored(self, rules=RULES):
        again = PredictionGrader(rules)
        again.restore(self.checkpoint)
        return again


CALM, UP = book("0.50", "0.52"), book("0.54", "0.56")
moments = st.tuples(
    st.sampled_from([1, 4, 9, 11, 30]),
    st.dictionaries(
        st.sampled_from("ABCD"), st.sampled_from([CALM, UP, OrderBook((), ())]), min_size=1
    ),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(moments, min_size=2, max_size=25), st.data())
def test_a_restored_grader_goes_on_as_if_nothing_had_happened(story, data):
    stop = data.draw(st.integers(0, len(story)))
    room, disk, standby, now = GraderRoom(), Disk(), PredictionGrader(RULES), 0
    room.markets["D"] = replace(room.markets["D"], fees=None)
    for gap, shown in story[:stop]:
        now += gap
        disk.take(room.grader, room.see(now, **shown))
        standby.catch_up(disk.news)
        assert standby.record() == room.grader.record()
    room_again = GraderRoom()
    room_again.markets, room_again.watch = room.markets, room.watch
    room_again.grader = disk.restored()

    assert room_again.grader.record() == room.grader.record()
    assert room_again.grader.state_records() == []
    for gap, shown in story[stop:]:
        now += gap
        scored = room.predict(now, **shown)
        one, other = room.grade(now, scored), room_again.grade(now, scored)
        assert one == other
        disk.take(room_again.grader, other)
    assert room_again.grader.record() == room.grader.record() == disk.restored().record()


def test_a_pass_writes_down_its_own_predictions_and_strikes_out_those_it_graded():
    room, disk = GraderRoom(), Disk()
    room.see(0, A=CALM, B=CALM)
    disk.take(room.grader)
    room.see(5, A=CALM, B=CALM)
    disk.take(room.grader)
    assert set(disk.state_records["waiting"]) == {"0", "1"}

    room.see(11, A=CALM)
    disk.take(room.grader)

    assert {state_record.key for state_record in disk.news.state_records} == {"0", "2"}
    assert disk.restored().record().waiting == room.grader.record().waiting == 4
    room.see(100, A=CALM)
    disk.take(room.grader)
    assert set(disk.state_records["waiting"]) == {"3"}
    assert disk.restored().record().lapsed == room.grader.record().lapsed == 4


def test_what_waits_keeps_its_order_over_restarts_and_for_whoever_looks_on():
    room, disk, standby = (
        GraderRoom(rules=replace(RULES, horizon=20.0)),
        Disk(),
        PendingPredictions("fake_v1"),
    )
    for second in range(12):
        room.see(second, A=CALM, B=CALM)
        disk.take(room.grader)
        standby.catch_up(disk.news)
    room.see(20, A=CALM)
    disk.take(room.grader)
    standby.catch_up(disk.news)
    restored = disk.restored(replace(RULES, horizon=20.0))

    scored = room.predict(32, A=UP, B=UP)
    expected = room.grade(32, scored)

    assert restored.grade(NOON + timedelta(seconds=32), [scored], room.markets) == expected
    results = standby.grade(scored.seen.books, RULES.patience, NOON.timestamp() + 32)
    assert results.predictions.made_at.tolist() == [one.made_at.timestamp() for one in expected]
    assert len(expected) > 5


def test_what_there_is_no_room_for_is_struck_out():
    waiting, disk = PendingPredictions("v1", capacity=12), Disk()
    books = Books.of([(f"M{n}", NOON.timestamp(), CALM) for n in range(5)])
    for _ in range(5):
        waiting.add(predictions(books, np.full(5, 0.7), np.full(5, np.nan), 10.0, waiting.batch))
        disk.take(waiting)

    again = PendingPredictions("v1")
    again.restore(disk.checkpoint)

    assert (len(waiting), waiting.lapsed) == (len(again), again.lapsed) == (12, 13)
    assert set(disk.state_records["waiting"]) == {"2", "3", "4"}
    assert again.batch == waiting.batch == 5


def test_more_at_once_than_there_is_room_for_waits_as_far_as_there_is():
    waiting, disk = PendingPredictions("v1", capacity=3), Disk()
    books = Books.of([(f"M{n}", NOON.timestamp(), CALM) for n in range(5)])

    waiting.add(predictions(books, np.full(5, 0.7), np.full(5, np.nan), 10.0))

    disk.take(waiting)
    again = PendingPredictions("v1")
    again.restore(disk.checkpoint)
    assert (len(again), again.lapsed) == (3, 2)


def test_nothing_predicted_takes_no_room():
    waiting = PendingPredictions("v1")

    waiting.add(none_yet())

    assert (waiting.batch, waiting.state_records()) == (0, [])


@pytest.mark.parametrize("other", [{"version": "v2"}, {"exchange": "production"}])
def test_what_another_version_or_exchange_graded_does_not_count(other):
    room, disk = GraderRoom(), Disk()
    disk.take(room.grader, room.see(0, A=CALM))
    disk.take(room.grader, room.see(11, A=UP, B=UP))
    disk.take(room.grader, room.see(50, A=UP))
    assert room.grader.record().lapsed == 2
    ours, record = disk.restored(), disk.restored(replace(RULES, **other)).record()

    assert ours.record().groups[ALL].graded == 1
    assert record.groups[ALL].graded == 0
    if "version" in other:
        assert (record.waiting, record.lapsed) == (0, 0)


def test_what_another_version_predicted_is_struck_out():
    room, disk = GraderRoom(), Disk()
    disk.take(room.grader, room.see(0, A=CALM))
    new = disk.restored(replace(RULES, version="v2"))

    disk.take(new)

    assert disk.state_records["waiting"] == {}


def test_drift_is_unknown_until_enough_was_seen_and_starts_anew_each_day():
    room = GraderRoom(opinion=0.8)
    watch = ModelMonitor({}, spread(-0.5, 0.0, 0.5), room.grader)
    scored = _predictions(room, LEAST_ROWS)

    assert watch.drift()["score"].verdict == "unknown"
    watch.grade(NOON, [scored], room.markets)
    assert (watch.drift()["score"].index or 0) > 0.25
    assert watch.drift()["score"].verdict == "drifted"
    assert watch.drift()["imb1"].rows == LEAST_ROWS

    watch.grade(NOON + timedelta(days=1), [], room.markets)
    assert watch.drift()["score"].rows == 0


def test_what_came_in_today_survives_a_restart():
    room, disk = GraderRoom(opinion=0.8), Disk()
    watch = ModelMonitor({}, spread(-0.5, 0.0, 0.5), room.grader)
    standby = ModelMonitor({}, spread(-0.5, 0.0, 0.5), PredictionGrader(RULES))
    disk.take(watch, watch.grade(NOON, [_predictions(room, LEAST_ROWS)], room.markets))
    standby.catch_up(disk.news)
    again = ModelMonitor({}, spread(-0.5, 0.0, 0.5), PredictionGrader(RULES))
    again.restore(disk.checkpoint)

    assert again.drift() == standby.drift() == watch.drift()
    assert again.track_record() == standby.track_record() == watch.track_record()
    assert again.state_records() == watch.state_records() == []
    scored = _predictions(room, 3)
    for one in (watch, again):
        one.grade(NOON, [scored], room.markets)
    assert again.drift() == watch.drift()
    assert again.state_records() == watch.state_records() != []
    again.grade(NOON + timedelta(days=1), [], room.markets)
    assert again.drift()["score"].rows == 0


def test_counts_in_the_bins_of_another_card_are_forgotten():
    room, disk = GraderRoom(opinion=0.8), Disk()
    watch = ModelMonitor({}, spread(-0.5, 0.0, 0.5), room.grader)
    disk.take(watch, watch.grade(NOON, [_predictions(room, 7)], room.markets))
    again = ModelMonitor({}, spread(-0.4, 0.0, 0.5), PredictionGrader(RULES))

    again.restore(disk.checkpoint)

    assert again.drift()["score"].rows == 0


def test_books_without_an_opinion_are_not_what_the_model_was_asked_about():
    room = GraderRoom(opinion=None)
    watch = ModelMonitor({}, spread(0.0), room.grader)

    watch.grade(NOON, [_predictions(room, 5)], room.markets)

    assert watch.drift()["imb1"].rows == 0


def test_without_a_card_there_is_no_drift():
    room = GraderRoom()
    watch = ModelMonitor(None, {}, room.grader)

    watch.grade(NOON, [_predictions(room, 3)], room.markets)

    assert watch.drift() == {}
    assert watch.card is None
    assert watch.track_record().waiting == 3


def _predictions(room, count):
    tickers = [f"M{number}" for number in range(count)]
    room.markets |= {ticker: open_market(ticker) for ticker in tickers}
    shown = book("0.50", "0.52")
    books = Books.of([(ticker, NOON.timestamp(), shown) for ticker in tickers])
    return room.watch.predict(books, np.full(count, 3600.0))


def test_a_grade_says_what_a_taker_would_have_made_in_the_predicted_direction():
    room = GraderRoom(opinion=0.2)
    room.see(0, A=book("0.50", "0.52"))

    (grade,) = room.see(11, A=book("0.44", "0.46"))

    assert isinstance(grade, PredictionGraded)
    fees = 7 * (0.50 * 0.50 + 0.46 * 0.54)
    assert grade.taker == pytest.approx(4.0 - fees)
    assert "imb1" in FEATURE_NAMES
    assert Decimal(str(grade.score)) == Decimal("0.2")
