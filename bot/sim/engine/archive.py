"""Moves settled markets from the live listing to the archive.

Without this an exchange that lists a market every few minutes would grow without bound. A market
that a member has ever held or ordered stays where it is, so that the member's own records can be
read; so does an event as long as one of its markets is live.
"""

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.sim.engine.events import Traded
from bot.sim.engine.history import History
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.timers import Due

#: Archived markets remembered; the oldest go first.
ARCHIVED_MARKETS: Final = 1_000
#: Trades of a market retained once it has paid.
ARCHIVED_TRADES: Final = 20
_NO_HISTORY: Final = History()
_NO_TRADES: Final[deque[Traded]] = deque(maxlen=0)


class Archive:
    """Archives markets some time after they have paid."""

    def __init__(self, state: ExchangeState, after: timedelta) -> None:
        self._state = state
        self.after = after

    def settled(self, market: MarketState) -> None:
        """Shed the history of a settled market, and schedule its archiving."""
        while len(market.trades) > ARCHIVED_TRADES:
            market.trades.popleft()
        self._state.agenda.add(self._state.now + self.after, Due.ARCHIVE, market.spec.ticker)

    def put_away(self, market: MarketState) -> None:
        """Archive a market, unless a member's records refer to it."""
        state, ticker = self._state, market.spec.ticker
        if self._is_of_a_member(ticker):
            return
        event = market.spec.event_ticker
        del state.markets[ticker]
        state.event_markets[event].remove(ticker)
        if not state.event_markets[event]:
            del state.event_markets[event], state.events[event], state.event_updated[event]
        # A copy: whatever was remembered about the live one goes with it. Nothing happens to an
        # archived market any more, so all of them share what they no longer have.
        state.archive[ticker] = replace(market, history=_NO_HISTORY, trades=_NO_TRADES)
        if len(state.archive) > ARCHIVED_MARKETS:
            del state.archive[next(iter(state.archive))]
        state.listed += 1

    def _is_of_a_member(self, ticker: str) -> bool:
        return any(
            ticker in account.positions
            or any(order.ticker == ticker for order in account.orders.values())
            for account in self._state.accounts.values()
        )
