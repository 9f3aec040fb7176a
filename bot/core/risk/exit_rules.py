"""Exits that need no prediction: before the close, and at a loss.

They decide only that a position is to end: the order goes through `review` like any other. Leaves
out exits by score (`signals.strategy`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from bot.core.account.portfolio import Position
from bot.core.account.round_trips import ExitCause
from bot.core.account.valuation import mark, unrealised
from bot.core.market.money import cents
from bot.core.market.orderbook import OrderBook
from bot.core.risk.checks import Shown
from bot.core.risk.limits import Stop


class DueExit(NamedTuple):
    """An exit that a rule wants: the rule, and why in a sentence."""

    cause: ExitCause
    reason: str


@dataclass(frozen=True, slots=True)
class ExitRules:
    """When a position ends whatever its score; a rule that is None is off.

    `before_close` is seconds before the close of the market. `stop_loss` is cents a contract by
    which closing all of it now would fetch less than it cost, before fees.
    """

    before_close: float | None = None
    stop_loss: Decimal | None = None

    def due(
        self, at: datetime, position: Position, shown: Shown, max_book_age: float
    ) -> DueExit | None:
        """Why the position is to be exited now; None if it is not.

        Nothing can be exited while its market is not open. `max_book_age` is in seconds.
        """
        if not shown.market.is_open(at):
            return None
        if self._is_closing(at, shown):
            reason = f"exit: the market closes in {_seconds_left(at, shown):.0f} s"
            return DueExit(ExitCause.BEFORE_CLOSE, reason)
        # Written as "not within": a book of unknown age shows no loss, either.
        if not at.timestamp() - shown.seen_at <= max_book_age:
            return None
        return self._stopped_out(position, shown)

    def too_short(self, at: datetime, shown: Shown) -> Stop | None:
        """Why an entry would be exited again at once; None if it would not."""
        if self._is_closing(at, shown):
            left, limit = _seconds_left(at, shown), self.before_close
            setting = f"BOT_EXIT_BEFORE_CLOSE ({limit:g} s)"
            reason = f"closes in {left:.0f} s, {setting} would exit it at once"
            return Stop("exit_before_close", reason, left, limit)
        return self._too_wide(shown.book)

    def _is_closing(self, at: datetime, shown: Shown) -> bool:
        return self.before_close is not None and _seconds_left(at, shown) <= self.before_close

    def _too_wide(self, book: OrderBook) -> Stop | None:
        bid, ask, limit = book.best_bid, book.best_ask, self.stop_loss
        if limit is None or bid is None or ask is None:
            return None
        spread = (ask - bid) * 100
        if spread < limit:
            return None
        setting = f"BOT_STOP_LOSS ({float(limit):g} c)"
        reason = f"the spread is {float(spread):g} c, {setting} would exit it at once"
        return Stop("stop_loss", reason, spread, limit)

    def _stopped_out(self, position: Position, shown: Shown) -> DueExit | None:
        if self.stop_loss is None or shown.book.mid is None:
            return None
        size = abs(position.size)
        lost = -unrealised(position, mark(position, shown.book.against(position.side.opposite)))
        # Multiplied, not divided: the loss of a contract has no end of digits.
        if lost * 100 < self.stop_loss * size:
            return None
        reason = f"exit: stop loss, {cents(lost / size):.1f} c below entry"
        return DueExit(ExitCause.STOP_LOSS, reason)


def _seconds_left(at: datetime, shown: Shown) -> float:
    return (shown.market.close_time - at).total_seconds()
