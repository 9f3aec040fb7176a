"""Holds our accounts against those of the exchange: what we believe must be what is there.

While positions differ, nothing is entered: somebody else trades on the account, or we are wrong.
Cash alone may differ (a deposit, a fee that is rounded later): that is said, and trading goes on.
Leaves out what the differences are (`core.reconcile`).
"""

import logging
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.reconcile import AccountNow, cash_differences, position_differences
from bot.ports import Clock, ExchangeError
from bot.trade import Trader

log = logging.getLogger("main")

#: Between two looks.
EVERY: Final = timedelta(seconds=60)
_NOT_YET: Final = "the accounts have not been held against those of the exchange yet"


class Accounts(Protocol):
    """Tells what is there."""

    async def account(self) -> AccountNow:
        """Cash and all positions as the exchange tells them now. Raises ExchangeError."""
        ...


class Audit:
    """The accounts of a trader, held against the exchange's now and then.

    `objection` is why nothing may be entered, None if all agrees.
    """

    def __init__(self, accounts: Accounts, trader: Trader, clock: Clock) -> None:
        self.objection: str | None = _NOT_YET
        self._accounts = accounts
        self._trader = trader
        self._clock = clock
        self._due: datetime | None = None
        self._doubt: list[str] = []
        self._cash_said = ""

    async def look(self) -> None:
        """Hold them against each other, if that is due; what cannot be asked changes nothing."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return
        before = self._trader.portfolio
        try:
            account = await self._accounts.account()
        except ExchangeError as error:
            log.warning("The exchange does not tell its accounts: %s", error)
            return
        # What trades right now is in one account and not yet in the other.
        if self._trader.unresolved or self._trader.portfolio is not before:
            return
        self._due = now + EVERY
        self._judge(account)

    def _judge(self, account: AccountNow) -> None:
        portfolio = self._trader.portfolio
        wrong = position_differences(portfolio, account)
        found = f"positions differ from those of the exchange: {'; '.join(wrong)}"
        # The exchange settles a market before it says so: once is no difference, if all agreed.
        if not wrong or self.objection or wrong == self._doubt:
            self._say(found if wrong else None)
        self._doubt = wrong
        cash = "" if wrong else "; ".join(cash_differences(portfolio, account))
        if cash and cash != self._cash_said:
            log.warning("The positions agree with those of the exchange, %s", cash)
        self._cash_said = cash

    def _say(self, objection: str | None) -> None:
        if objection and objection != self.objection:
            log.error("Nothing is entered: %s", objection)
        self.objection = objection
