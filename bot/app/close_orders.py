"""Closes the positions that operators want closed, soon and whatever the loop does.

A request stays in the database until nothing is left to do for it. Leaves out how an exit is
decided and sent (`trading`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.app.node_context import RoleStatus
from bot.app.term.bot import Bot
from bot.core.events import Noted, NoteKind
from bot.core.market.market import Market
from bot.core.risk.close_requests import CloseRequests
from bot.ports.exchange import Clock

#: Before a position is tried again that could not be closed; doubled each time.
SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=60)


class CloseOrders:
    """What is still to be closed in this term; polled on each beat."""

    def __init__(self, bot: Bot, role_status: RoleStatus, clock: Clock) -> None:
        self._bot = bot
        self._role_status = role_status
        self._clock = clock
        self._tried: object = None
        self._pause = SHORTEST
        self._due: datetime | None = None

    async def poll(self) -> None:
        """Close what can be closed now, and drop requests that are done."""
        requests = self._role_status.close_requests()
        if not requests:
            return
        self._let_go(requests)
        if self._bot.trader.to_close() and self._is_due(requests):
            await self._bot.control.between(self._bot.close_requested)
            self._let_go(requests)

    def _is_due(self, requests: CloseRequests) -> bool:
        """Whether it is time to try: at once for what is new, less and less often after that."""
        now, positions = self._clock.now(), self._bot.trader.portfolio.positions
        sizes = {ticker: positions[ticker].size for ticker in self._bot.trader.to_close()}
        if (requests, sizes) != self._tried:
            self._tried, self._pause, self._due = (requests, sizes), SHORTEST, now
        if self._due is not None and now < self._due:
            return False
        self._due, self._pause = now + self._pause, min(2 * self._pause, LONGEST)
        return True

    def _let_go(self, requests: CloseRequests) -> None:
        trader = self._bot.trader
        waits = {order.ticker for order in trader.unresolved}
        positions, markets = trader.portfolio.positions, self._bot.universe.watched()
        lost = {
            ticker: market
            for ticker in trader.to_close()
            if (market := markets.get(ticker)) is not None and market.is_over(self._clock.now())
        }
        done = {
            ticker: at
            for ticker, at in requests.markets.items()
            if ticker not in waits
            and (
                ticker in lost or ticker not in positions or not requests.covers(positions[ticker])
            )
        }
        is_flat = not (waits or positions.keys() - lost.keys())
        over = CloseRequests(done, requests.flatten if is_flat else None)
        if over:
            self._role_status.closed(over)
            self._notify_lost(lost if over.flatten else {t: lost[t] for t in done if t in lost})

    def _notify_lost(self, lost: Mapping[str, Market]) -> None:
        at = self._clock.now()
        for ticker, market in lost.items():
            message = (
                f"the position in {ticker} cannot be closed any more: its market closed at "
                f"{market.close_time:%Y-%m-%d %H:%M} UTC; it is paid when that is settled"
            )
            self._bot.notify(Noted(at, NoteKind.CLOSE_FAILED, message))
