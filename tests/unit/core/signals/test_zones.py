"""Between which thresholds a score lies: while it stays there, every position gets one answer."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.core.signals.strategy import Thresholds, action, zones

SCORES = st.floats(0.0, 1.0)
HELD = (Decimal(0), Decimal(5), Decimal(-5))


def zone(score: float) -> int:
    return int(zones(np.array([score]), Thresholds(), ("A",))[0])


def test_zones_rise_with_the_score_and_none_is_for_no_prediction() -> None:
    found = [zone(score) for score in (float("nan"), 0.4, 0.42, 0.45, 0.55, 0.56, 0.6)]

    assert found == [-1, 0, 1, 2, 2, 3, 4]


@given(SCORES, SCORES)
def test_two_scores_of_one_zone_lead_to_the_same_action(one: float, other: float) -> None:
    if zone(one) == zone(other):
        for held in HELD:
            assert action(one, held, Thresholds()) is action(other, held, Thresholds())
