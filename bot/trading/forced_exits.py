"""Exits that no score asks for: by hand, before the close, at a loss; and what keeps one out then.

A market that was left like that is not entered again on the same opinion: its score has to leave
the zone that opened the position first. Leaves out how orders are sent (`trader`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan
from typing import Final

import msgspec

from bot.core.account.portfolio import Position
from bot.core.account.round_trips import ExitCause, in_words
from bot.core.events import Action
from bot.core.market.market import Side
from bot.core.market.money import ZERO
from bot.core.risk.checks import Shown
from bot.core.risk.close_requests import CloseRequests
from bot.core.risk.exit_rules import DueExit, ExitRules
from bot.core.risk.limits import Stop
from bot.core.signals.strategy import Thresholds, action
from bot.ports.persistence import Checkpoint
from bot.trading.account import decoded

LEFT: Final = "left"
#: After which nobody remembers why a market was left.
REMEMBERED: Final = timedelta(days=1)
_ENTRY_SIDES: Final = {Action.ENTER_LONG: Side.BUY, Action.ENTER_SHORT: Side.SELL}


@dataclass(frozen=True, slots=True)
class _Left:
    """A position of this side was left without its score asking for it."""

    side: Side
    cause: ExitCause
    at: datetime


class ForcedExits:
    """Which positions are to end, how they did, and which markets are not entered again yet."""

    def __init__(
        self, thresholds: Thresholds, rules: ExitRules, requests: Callable[[], CloseRequests]
    ) -> None:
        """`requests` is what operators want closed, asked each time."""
        self._thresholds = thresholds
        self._rules = rules
        self._requests = requests
        self._left: dict[str, _Left] = {}
        self._unclosed: dict[str, str] = {}

    def by_hand(self, position: Position) -> bool:
        """Whether an operator wants this position closed."""
        return self._requests().covers(position)

    def due(
        self, at: datetime, position: Position, shown: Shown, max_book_age: float
    ) -> DueExit | None:
        """Why the position is to be exited now; None if it is not."""
        if self.by_hand(position):
            return DueExit(ExitCause.BY_HAND, f"exit: {in_words(ExitCause.BY_HAND)}")
        return self._rules.due(at, position, shown, max_book_age)

    def left(self, at: datetime, position: Position, cause: ExitCause) -> None:
        """Some of this position, or all of it, was closed for that."""
        self._left[position.ticker] = _Left(position.side, cause, at)

    def scored(self, ticker: str, score: float) -> None:
        """What the model thinks of a market now; NaN is no opinion, and changes nothing."""
        left = self._left.get(ticker)
        if left is None or isnan(score):
            return
        if _ENTRY_SIDES.get(action(score, ZERO, self._thresholds.of(ticker))) is not left.side:
            del self._left[ticker]

    def barred(self, ticker: str) -> Stop | None:
        """Why a market is not entered yet; None if it may be."""
        left = self._left.get(ticker)
        if left is None:
            return None
        held = "long" if left.side is Side.BUY else "short"
        until = "until its score has left the entry zone"
        return Stop("reentry", f"{in_words(left.cause)}: no new {held} position {until}")

    def missed(self, ticker: str, why: str) -> None:
        """Why a position is still open that an operator wants closed."""
        self._unclosed[ticker] = why

    def unclosed(self, positions: Mapping[str, Position]) -> dict[str, str]:
        """Why each position is still open that an operator wants closed, by ticker."""
        asked = self._requests()
        self._unclosed = {
            ticker: self._unclosed.get(ticker, "an exit is about to be sent")
            for ticker, position in positions.items()
            if asked.covers(position)
        }
        return dict(self._unclosed)

    def forget(self, at: datetime) -> None:
        """Markets that were left long ago may be entered."""
        self._left = {t: left for t, left in self._left.items() if at - left.at < REMEMBERED}

    def bodies(self) -> dict[tuple[str, str], bytes]:
        """What has to be remembered, by kind and ticker."""
        return {(LEFT, ticker): msgspec.json.encode(left) for ticker, left in self._left.items()}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Everything as it was when this was kept."""
        self._left = decoded(checkpoint.state_records.get(LEFT, {}), _Left)
        self._unclosed = {}
