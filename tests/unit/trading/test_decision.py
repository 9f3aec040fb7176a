"""What an opinion, or none, leads to before risk is asked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.events import Action
from bot.core.signals.strategy import Thresholds
from bot.trading.decision import decided

NONE = float("nan")


@pytest.mark.parametrize(
    ("held", "reason", "told"),
    [
        (0, "the book is empty", "the book is empty"),
        (100, "the book is empty", "held without a prediction: the book is empty"),
        (-100, "the book is empty", "held without a prediction: the book is empty"),
    ],
)
def test_what_is_held_without_an_opinion_says_so(held, reason, told):
    decision = decided(NONE, Decimal(held), Thresholds(), reason)

    assert (decision.score, decision.action, decision.reason) == (None, Action.HOLD, told)


@given(st.floats(0, 1), st.integers(-500, 500))
def test_an_opinion_is_never_told_as_none(score, held):
    decision = decided(score, Decimal(held), Thresholds(), None)

    assert (decision.score, decision.before, decision.reason) == (score, held, "")
