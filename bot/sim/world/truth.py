"""The truth about large orders: who did what, when, and why. For the evaluation of detectors only.

The bot's own code must never import this module: a detector that has seen the answers has
detected nothing.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TextIO

from bot.core.market.market import Side
from bot.sim.engine.units import CONTRACT, DOLLAR_TICKS

#: More than any experiment has.
ACTIONS_STORED = 200_000


class ActionKind(StrEnum):
    """What somebody large was doing."""

    WHALE = "whale"
    ICEBERG = "iceberg"
    SPOOF = "spoof"
    SWEEP = "sweep"


class How(StrEnum):
    """How it ended. `LEFT` is still there; `CLOSED` means that the market ended first."""

    LEFT = "left"
    FILLED = "filled"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@dataclass(slots=True)
class TraderAction:
    """One large order's life. Sizes in contracts, prices in dollars.

    `size` is what was meant, `shown` what the book could show of it at once, `filled` what
    traded; `reference` the usual size of a level near the best price when it began; `ticks`
    how far from the best price of its own side it was placed.
    """

    ticker: str
    kind: ActionKind
    side: Side
    price: float
    size: float
    shown: float
    reference: float
    ticks: int
    t0: datetime
    t1: datetime | None = None
    how: How = How.LEFT
    filled: float = 0.0

    def end(self, at: datetime, how: How, filled: int) -> None:
        """Write down how it ended; `filled` in size units."""
        self.t1, self.how, self.filled = at, how, filled / CONTRACT


@dataclass(slots=True)
class Truth:
    """All actions, in the order in which they began, in bounded room."""

    actions: deque[TraderAction] = field(default_factory=lambda: deque(maxlen=ACTIONS_STORED))

    def __iter__(self) -> Iterator[TraderAction]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)

    def add(self, action: TraderAction) -> TraderAction:
        """Record that an action began."""
        self.actions.append(action)
        return action

    def write(self, stream: TextIO) -> None:
        """One JSON object a line, times in ISO 8601."""
        for action in self.actions:
            row = {name: getattr(action, name) for name in TraderAction.__slots__}
            stream.write(json.dumps(row, default=_text) + "\n")


def dollars(price: int) -> float:
    """A price in ticks of the simulator as dollars."""
    return price / DOLLAR_TICKS


def _text(value: datetime) -> str:
    return value.isoformat()
