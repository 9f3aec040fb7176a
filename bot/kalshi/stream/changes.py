"""Which markets changed on the stream, for scans and decisions between two cycles.

A set lookup and a comparison a change: what has changed is looked at later, all at once.
"""

from collections.abc import Sequence
from typing import Final

from bot.core.market.book_store import SIZE_UNITS
from bot.core.whales.thresholds import WhaleRules
from bot.kalshi.wire.frames import Delta
from bot.kalshi.wire.markets import PublicTrade

_LARGE: Final = WhaleRules().large
#: Contracts, in units, from which a change of one level alone can make or end a large order.
MATTERS: Final = int(_LARGE.growth * _LARGE.least_contracts * SIZE_UNITS)


class StreamChanges:
    """A listener of the stream. What is taken is told once.

    `changed` are markets whose book is another one, `urgent` those with a change that large
    orders are made of, or with a trade.
    """

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._urgent: set[str] = set()
        self._scorable: set[str] = set()

    def take_changed(self) -> set[str]:
        """The markets whose books changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def take_scorable(self) -> set[str]:
        """The same, for decisions between two cycles."""
        scorable, self._scorable = self._scorable, set()
        return scorable

    def take_urgent(self) -> set[str]:
        """Those with a change that can matter, since the last call."""
        urgent, self._urgent = self._urgent, set()
        return urgent

    def on_change(self, change: Delta, at: float) -> None:  # noqa: ARG002  # the listener's
        """A level of a sound book has changed."""
        self._changed.add(change.ticker)
        self._scorable.add(change.ticker)
        if abs(change.by) >= MATTERS:
            self._urgent.add(change.ticker)

    def on_snapshot(self, ticker: str, at: float) -> None:  # noqa: ARG002
        """A whole sound book has come."""
        self._changed.add(ticker)
        self._scorable.add(ticker)
        self._urgent.add(ticker)

    def on_break(self, tickers: Sequence[str], reason: str, at: float) -> None:
        """Nothing: an invalid book is not scanned."""

    def on_trade(self, trade: PublicTrade, at: float) -> None:  # noqa: ARG002
        """Contracts changed hands."""
        self._urgent.add(trade.ticker)
