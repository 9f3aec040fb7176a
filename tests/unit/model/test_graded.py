"""Grades in bounded room: the newest, as they were, at a tenth of what events take."""

import tracemalloc
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.core.events import PredictionGraded
from bot.core.model.outcomes import Grades
from bot.model.grade_history import Graded
from tests.support.strategies import NOON


def grade(number: int, group: str = "KX", taker: float | None = 1.0) -> PredictionGraded:
    at = NOON + timedelta(seconds=number)
    ticker = f"{group}-{number % 3}"
    return PredictionGraded(
        at, "sim", ticker, group, "v", at, number / 1_000, 10.0, float(number), taker
    )


def rows(grades: Grades) -> list[tuple[str, float, float, float | None]]:
    reported = grades.predictions
    takers = [None if np.isnan(taker) else taker for taker in grades.taker.tolist()]
    columns = (reported.tickers, reported.score.tolist(), grades.change.tolist(), takers)
    return list(zip(*columns, strict=True))


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from("ABC"), st.none() | st.floats(-9, 9)), max_size=40),
)
def test_the_newest_grades_are_there_by_group_and_oldest_first(room, story):
    graded = Graded(room)
    events = [grade(number, *one) for number, one in enumerate(story)]
    for event in events:
        graded.add(event)

    checkpoint = events[-room:]
    expected = [(one.ticker, one.score, one.change, one.taker) for one in checkpoint]
    assert len(graded) == len(checkpoint)
    assert rows(graded.all()) == expected
    by_group = graded.by_group()
    assert list(by_group) == sorted({one.group for one in checkpoint})
    for name, grades in by_group.items():
        assert rows(grades) == [row for row in expected if row[0].startswith(f"{name}-")]

    graded.clear()
    assert (len(graded), graded.by_group(), rows(graded.all())) == (0, {}, [])


def test_it_takes_its_room_at_once_and_no_more_later():
    tracemalloc.start()
    try:
        graded = Graded(10_000)
        taken, _ = tracemalloc.get_traced_memory()
        for number in range(12_000):
            graded.add(grade(number))
        filled, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < 500_000
    assert filled - taken < 20_000
