"""How the trial of quotes counts: from the sending of a price to when it or a later one is seen."""

import pytest

from trials.processes import TrialFailed
from trials.quotes import Prices

FIRST, SECOND, THIRD = (40.0, 60.0), (41.0, 60.0), (42.0, 60.0)


def prices(sent, seen):
    found = Prices()
    for at, best in sent:
        found.note_sent("A", at, best)
    for at, best in seen:
        found.note_seen("A", at, best)
    return found


@pytest.mark.parametrize(
    ("sent", "seen", "expected"),
    [
        ([(1.0, FIRST), (2.0, SECOND)], [(1.1, FIRST), (2.3, SECOND)], [100, 300]),
        ([(1.0, FIRST), (2.0, SECOND)], [(2.5, SECOND)], [1_500, 500]),
        ([(1.0, FIRST), (1.01, SECOND)], [(1.2, SECOND)], [190]),
        ([(1.0, FIRST), (2.0, SECOND), (2.5, FIRST)], [(1.1, FIRST)], [100]),
        ([(1.0, FIRST), (9.0, SECOND)], [(1.1, FIRST)], [100]),
    ],
    ids=["each", "overtaken", "one event", "back before it was seen", "after the end"],
)
def test_a_price_is_shown_once_it_or_a_later_one_is_seen(sent, seen, expected):
    assert prices(sent, seen).latencies(0.0, 5.0) == pytest.approx(expected)


def test_one_that_is_never_seen_fails_the_trial():
    with pytest.raises(TrialFailed, match="never seen"):
        prices([(1.0, FIRST), (2.0, THIRD)], [(1.1, FIRST)]).latencies(0.0, 5.0)
