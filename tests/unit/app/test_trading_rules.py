from types import SimpleNamespace
from typing import Any

import pytest

from bot.app.trading_rules import thresholds
from bot.config import Settings
from bot.core.signals.strategy import Thresholds

PAPER = Thresholds(0.7, 0.3, 0.5, 0.5)
LIVE = Thresholds(1.0, 0.0, 0.5, 0.5)
MODEL: Any = SimpleNamespace(card=SimpleNamespace(thresholds=PAPER, live_thresholds=LIVE))


@pytest.mark.parametrize(("mode", "expected"), [("paper", PAPER), ("live", LIVE)])
def test_the_mode_says_which_thresholds_of_the_card_count(mode: str, expected: Thresholds) -> None:
    settings = Settings.model_construct(bot_mode=mode)

    assert thresholds(settings, MODEL) == expected


def test_what_is_set_beats_the_card() -> None:
    settings = Settings.model_construct(bot_mode="live", bot_enter_above=0.8)

    assert thresholds(settings, MODEL).enter_above == 0.8
