"""Holds our accounts against those of the exchange: what we believe must be what is there.

While positions differ, nothing is entered: somebody else trades on the account, or we are wrong.
Cash alone may differ (a deposit, a fee that is rounded later): that is said, and trading goes on.
Leaves out what the differences are (`core.reconcile`).
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, cash_differences, position_differences
from bot.core.market.money import ZERO
from bot.ports.exchange import Clock, ExchangeError
from bot.trading.trader import Trader

log = logging.getLogger("main")

#: Between two looks.
EVERY: Final = timedelta(seconds=60)
#: Seconds the exchange has to answer: operator flags wait meanwhile.
ANSWER: Final = 5.0
_NOT_YET: Final = "positions have not been reconciled with the exchange yet"


class Accounts(Protocol):
    """The account as the exchange reports it."""

    async def account(self) -> AccountNow:
        """Cash and all positions as the exchange reports them. Raises ExchangeError."""
        ...


class ComparisonView(Protocol):
    """Shows what was found."""

    def compared(
        self, at: datetime, portfolio: Portfolio, account: AccountNow, block_reason: str | None
    ) -> None:
        """They were held against each other; `block_reason` is why nothing is entered now."""
        ...


class Reconciliation:
    """Reconciles the trader's account with the exchange, once a minute.

    `objection` is why nothing may be entered, None if all agrees.
    """

    def __init__(
        self, accounts: Accounts, trader: Trader, clock: Clock, patience: timedelta = EVERY
    ) -> None:
        """`patience` is how long a market that agreed may differ: what was settled is booked later.

        It must be longer than the time between two passes.
        """
        self.block_reason: str | None = _NOT_YET
        self._accounts = accounts
        self._trader = trader
        self._clock = clock
        self._patience = patience
        self._due: datetime | None = None
        self._mismatches: dict[str, datetime] = {}
        self._is_silent = False
        self._cash_said = ""
        self._view: ComparisonView | None = None

    def show_on(self, view: ComparisonView) -> None:
        """Let each comparison be seen there."""
        self._view = view

    async def poll(self) -> None:
        """Hold them against each other, if that is due; what cannot be asked changes nothing."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return
        before = self._trader.portfolio
        account = await self._ask()
        # What trades right now is in one account and not yet in the other.
        if account is None or self._trader.unresolved or self._trader.portfolio is not before:
            return
        self._due = now + EVERY
        self._compare(account, now)

    async def _ask(self) -> AccountNow | None:
        try:
            async with asyncio.timeout(ANSWER):
                account = await self._accounts.account()
        except TimeoutError:
            self._unheard(f"no answer within {ANSWER:g} s")
        except ExchangeError as error:
            self._unheard(str(error))
        else:
            self._is_silent = False
            return account
        return None

    def _unheard(self, why: str) -> None:
        # It is asked again within seconds: once is enough.
        if not self._is_silent:
            log.warning("The exchange does not report the account: %s", why)
        self._is_silent = True

    def _compare(self, account: AccountNow, now: datetime) -> None:
        portfolio = self._trader.portfolio
        wrong = position_differences(portfolio, account)
        found = f"positions differ from the exchange: {'; '.join(wrong)}"
        self._mismatches = {t: self._mismatches.get(t, now) for t in _differing(portfolio, account)}
        lasts = any(now - since >= self._patience for since in self._mismatches.values())
        # The exchange settles a market before it says so: that alone is no difference.
        if not wrong or self.block_reason or lasts:
            self._say(found if wrong else None)
        cash = "" if wrong else "; ".join(cash_differences(portfolio, account))
        if cash and cash != self._cash_said:
            log.warning("Positions reconciled with the exchange, %s", cash)
        self._cash_said = cash
        if self._view is not None:
            self._view.compared(now, portfolio, account, self.block_reason)

    def _say(self, block_reason: str | None) -> None:
        if block_reason and block_reason != self.block_reason:
            log.error("No entries: %s", block_reason)
        self.block_reason = block_reason


def _differing(portfolio: Portfolio, account: AccountNow) -> Iterator[str]:
    """The markets of which not the same is held."""
    for ticker in {*portfolio.positions, *account.positions}:
        if portfolio.size(ticker) != account.positions.get(ticker, ZERO):
            yield ticker
