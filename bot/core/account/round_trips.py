"""Round trips: a position from its opening to its end, what it earned and why it ended.

`gross` is before fees; the `net` of all round trips and of all that is still open is the net of
the account, to the last digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.core.account.portfolio import Portfolio, Position, earned, own_price
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars


class ExitCause(StrEnum):
    """What ended a position. ORDER is an order of which it is not known why it was sent."""

    SIGNAL = "signal"
    STOP_LOSS = "stop_loss"
    BEFORE_CLOSE = "before_close"
    BY_HAND = "by_hand"
    SETTLEMENT = "settlement"
    ORDER = "order"


#: Those that no score of the model asked for.
FORCED: Final = frozenset({ExitCause.STOP_LOSS, ExitCause.BEFORE_CLOSE, ExitCause.BY_HAND})
_WORDS: Final[Mapping[str, str]] = {
    ExitCause.BY_HAND: "closed by hand",
    ExitCause.STOP_LOSS: "stop loss",
    ExitCause.BEFORE_CLOSE: "closed before the close",
}


def in_words(cause: str) -> str:
    """A cause as people say it."""
    return _WORDS.get(cause, cause)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What became of a position that has ended.

    `side` is the one of the orders that made it; `size` all contracts that were ever opened of
    it, prices their averages in dollars per YES contract: None where an older version of this
    program did not count them.
    """

    opened_at: datetime
    side: Side
    size: Contracts | None
    entry_price: Dollars | None
    exit_price: Dollars | None
    gross: Dollars
    fees: Dollars

    @property
    def net(self) -> Dollars:
        """What it earned after fees."""
        return self.gross - self.fees


def round_trip(before: Portfolio, after: Portfolio, ticker: str) -> RoundTrip | None:
    """The position of a market that ended between the two accounts; None if it did not end.

    As for `earned`, nothing else may lie between the two.
    """
    net = earned(before, after, ticker)
    if net is None:
        return None
    old, new = before.positions[ticker], after.positions.get(ticker)
    fees = old.fees + (after.fees - before.fees) - (new.fees if new else ZERO)
    gross = net + fees
    return RoundTrip(
        opened_at=old.opened_at,
        side=old.side,
        size=old.entered,
        entry_price=_average(old, ZERO),
        exit_price=_average(old, gross),
        gross=gross,
        fees=fees,
    )


def _average(position: Position, gained: Dollars) -> Dollars | None:
    """The YES price at which all its contracts cost what was paid and this more."""
    if position.entered is None or position.paid is None:
        return None
    return own_price((position.paid + gained) / position.entered, position.side)
