"""Reconciles our cash with the exchange's: what moved it is booked, the rest stops entries.

Deposits and withdrawals are booked as what they are; one that cannot be read is named. What
nothing explains may be a missed fill, a wrong fee or a trade of other hands: nothing is entered
until it is gone, or an operator resumed, which books it. Leaves out differences of cents, and
positions (`positions`).
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, CashMovement, CashRecord, cash_differences
from bot.core.market.money import Dollars
from bot.ports.exchange import ExchangeError
from bot.trading.trader import Trader

log = logging.getLogger("main")

#: Cash that may differ without a reason, in dollars and as a share of it, whichever is more.
LEAST: Final = Decimal(1)
SHARE: Final = Decimal("0.001")
ACCEPTED: Final = "accepted by an operator"

#: Books a movement; False if it was booked before. May raise StoreError, LeaseLostError.
Book = Callable[[CashMovement], Awaitable[bool]]


class Movements(Protocol):
    """Tells what moved the cash of an account besides trading."""

    async def movements(self) -> CashRecord:
        """Deposits and withdrawals that are in the balance. Raises ExchangeError."""
        ...


class CashReconciliation:
    """The cash of a trader against the exchange's; `block_reason` is why nothing may be entered."""

    def __init__(
        self,
        exchange: Movements,
        trader: Trader,
        book: Book,
        opened_at: datetime,
        expected: Callable[[], Portfolio] | None = None,
    ) -> None:
        """Movements up to `opened_at` are in what the account began with.

        `expected` is what the exchange should have: the trader's portfolio, if nothing is said.
        """
        self.block_reason: str | None = None
        self._exchange = exchange
        self._trader = trader
        self._book = book
        self._opened_at = opened_at
        self._expected = expected or (lambda: trader.portfolio)
        self._differs_since: datetime | None = None
        self._unexplained: Dollars | None = None

    async def reconcile(self, account: AccountNow, now: datetime) -> None:
        """Compare, where all positions agree; what differs twice has to be explained."""
        if not self._differing(account):
            self._differs_since = self._unexplained = None
            self._say(None)
        elif self._differs_since is None:
            # An order or a payment may be in one account and not yet in the other.
            self._differs_since = now
        else:
            await self._explained(account)

    async def resume(self, at: datetime) -> None:
        """An operator resumed at that moment: what is not explained by then is accepted."""
        left = self._unexplained
        if left is None or self._differs_since is None or at < self._differs_since:
            return
        await self._move(CashMovement(ACCEPTED, left, at))
        self._differs_since = self._unexplained = None
        self._say(None)

    async def _explained(self, account: AccountNow) -> None:
        before = self._expected()
        try:
            found = await self._exchange.movements()
        except ExchangeError as error:
            self._say(f"{_sentence(before.cash, account)}; why cannot be asked: {error}")
            return
        for movement in found.movements:
            if movement.at > self._opened_at:
                await self._move(movement)
        # What traded meanwhile is not in what the exchange told.
        if self._expected().positions == before.positions:
            self._assess(account, found.unreadable)

    def _assess(self, account: AccountNow, unreadable: Sequence[str]) -> None:
        left = self._differing(account)
        self._unexplained = left
        if not left:
            self._differs_since = None
        parts = (_sentence(self._expected().cash, account), *unreadable, _REMEDY)
        self._say("; ".join(parts) if left else None)

    async def _move(self, movement: CashMovement) -> None:
        if not await self._book(movement):
            return
        self._trader.move_cash(movement.amount)
        log.warning("Cash moved by $%s: %s", movement.amount, movement.name)

    def _differing(self, account: AccountNow) -> Dollars | None:
        """By how much the exchange has more than we booked; None if that is little."""
        most = max(LEAST, SHARE * abs(account.cash))
        more = account.cash - self._expected().cash
        return more if cash_differences(self._expected(), account, most) else None

    def _say(self, block_reason: str | None) -> None:
        if block_reason and block_reason != self.block_reason:
            log.error("No entries: %s", block_reason)
        self.block_reason = block_reason


_REMEDY: Final = (
    "no deposit or withdrawal explains it. Look at the account; POST /bot/resume books it as it is"
)


def _sentence(booked: Dollars, account: AccountNow) -> str:
    return (
        f"cash differs: ${booked.normalize():f} booked, ${account.cash.normalize():f} at the "
        f"exchange ({(account.cash - booked).normalize():+f})"
    )
