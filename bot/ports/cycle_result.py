"""What a pass came to, for all who show, follow or record it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.market.market import Market
from bot.core.signals.regime import RegimeName


@dataclass(frozen=True, slots=True)
class CycleResult:
    """The end of a pass: the markets it was about, and why no sound book of some of them came.

    A market that was neither scored nor is `missing` was not asked about: it stays as it was.
    """

    at: datetime
    regime: RegimeName
    markets: Mapping[str, Market]
    missing: Mapping[str, str]
