"""Reconciles our cash with the exchange's: what moved it is booked, the rest stops entries.

Deposits and withdrawals are booked as what they are; one that cannot be read is named. What
nothing explains may be a missed fill, a wrong fee or a trade of other hands: nothing is entered
until it is gone, or an operator accepted it, which books it with all that moved the cash until
then. Leaves out differences of cents, and positions (`positions`).
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import (
    ACCEPTED,
    AccountNow,
    CashAcceptance,
    CashMovement,
    CashRecord,
    cash_differences,
)
from bot.core.market.money import ZERO, Dollars
from bot.ports.exchange import ExchangeError, answered
from bot.ports.persistence import MovementChangedError, StoreError
from bot.trading.trader import Trader

log = logging.getLogger("main")

#: Cash that may differ without a reason, in dollars and as a share of it, whichever is more.
LEAST: Final = Decimal(1)
SHARE: Final = Decimal("0.001")
#: Seconds that the exchange has to tell what moved it: switches are to be obeyed meanwhile.
MOVEMENTS_WITHIN: Final = 5.0


class CashLedger(Protocol):
    """Where what moved the cash is written down. All may raise StoreError, LeaseLostError."""

    async def move(self, movement: CashMovement) -> bool:
        """Book a movement; whether this term did, now or before.

        If not, an earlier one did, or it is part of what was accepted. Raises
        MovementChangedError if it was booked as something else.
        """
        ...

    async def accept(self, accepted: CashAcceptance) -> Dollars:
        """Book what was accepted; how much of it this term booked, now or before."""
        ...


class Movements(Protocol):
    """Tells what moved the cash of an account besides trading."""

    async def movements(self) -> CashRecord:
        """Deposits and withdrawals that are in the balance. Raises ExchangeError."""
        ...


@dataclass(frozen=True, slots=True)
class _Gap:
    """Cash that nothing explains, of an account that was read at `read_at`.

    `booked` is what we had; it has been shown since `since`.
    """

    amount: Dollars
    booked: Dollars
    since: datetime
    read_at: datetime


class CashReconciliation:
    """The cash of a trader against the exchange's; `block_reason` is why nothing may be entered."""

    def __init__(
        self,
        exchange: Movements,
        trader: Trader,
        ledger: CashLedger,
        expected: Callable[[], Portfolio] | None = None,
    ) -> None:
        """`expected` is what the exchange should have: the trader's portfolio, if None."""
        self.block_reason: str | None = None
        self._exchange = exchange
        self._trader = trader
        self._ledger = ledger
        self._expected = expected or (lambda: trader.portfolio)
        self._differs_since: datetime | None = None
        self._gap: _Gap | None = None
        self._known: set[str] = set()
        # What was sent to the ledger, and no answer came: it may be written down.
        self._booking: CashMovement | None = None
        self._accepting: CashAcceptance | None = None
        self._accepted_at: datetime | None = None

    async def reconcile(self, account: AccountNow, now: datetime) -> None:
        """Compare, where all positions agree; what differs twice has to be explained.

        The account was read at `now`, or a moment after. May raise StoreError, LeaseLostError.
        """
        if self._is_in_doubt:
            await self._retry()
        elif not self._differing(account):
            self._agrees()
        elif self._differs_since is None:
            # An order or a payment may be in one account and not yet in the other.
            self._differs_since = now
        else:
            await self._explain(account, now)

    async def resume(self, at: datetime) -> None:
        """An operator resumed at that moment: what was shown by then, and still is, is accepted.

        Safe to repeat. May raise StoreError, LeaseLostError.
        """
        gap = self._gap
        if self._is_in_doubt:
            await self._retry()
        # What was booked since may be what was missing.
        elif gap is not None and gap.since <= at and gap.booked == self._expected().cash:
            await self.accept(CashAcceptance(gap.amount, at, gap.read_at))

    async def accept(self, accepted: CashAcceptance) -> None:
        """An operator took over so much cash; once for each moment.

        May raise StoreError, LeaseLostError: it is tried again with the next look.
        """
        if self._is_in_doubt:
            # The ledger may have it already, under its own name: what is left then will be shown.
            await self._retry()
        elif accepted.at != self._accepted_at:
            self._accepting = accepted
            await self._accept(accepted)

    def forget(self) -> None:
        """The account was changed by hand: what was shown is nothing that could be accepted."""
        self._gap = None

    @property
    def _is_in_doubt(self) -> bool:
        return self._booking is not None or self._accepting is not None

    async def _retry(self) -> None:
        if self._booking is not None:
            await self._book_one(self._booking)
        if self._accepting is not None:
            await self._accept(self._accepting)

    async def _accept(self, accepted: CashAcceptance) -> None:
        self._gap = None
        booked = await self._ledger.accept(accepted)
        self._accepting, self._accepted_at = None, accepted.at
        self._move(ACCEPTED, booked)
        self._agrees()

    async def _explain(self, account: AccountNow, now: datetime) -> None:
        before, shown = self._expected(), self._gap
        self._gap = None
        try:
            found = await answered(self._exchange.movements(), MOVEMENTS_WITHIN)
            has_moved, changed = await self._book(found.movements)
        except ExchangeError as error:
            self._say(f"{_sentence(before.cash, account)}; why cannot be asked: {error}")
            return
        except StoreError as error:
            self._say(f"{_sentence(before.cash, account)}; it cannot be booked: {error}")
            return
        # What traded meanwhile is not in what the exchange told.
        if self._expected().positions != before.positions:
            return
        if not self._differing(account):
            self._agrees()
            return
        odd = (*found.unreadable, *changed)
        self._say("; ".join((_sentence(self._expected().cash, account), *odd, _REMEDY)))
        # Nor is it known whether the balance had what was booked only now, or what is reserved.
        if not (has_moved or self._trader.reserved):
            self._gap = self._as_shown(account, shown, now)

    def _as_shown(self, account: AccountNow, before: _Gap | None, now: datetime) -> _Gap:
        """The gap as it is, since it was first shown as that."""
        booked = self._expected().cash
        amount = account.cash - booked
        is_same = before is not None and before.amount == amount
        return _Gap(amount, booked, before.since if before and is_same else now, now)

    async def _book(self, movements: Iterable[CashMovement]) -> tuple[bool, list[str]]:
        """Book those that are new; whether any was, and which were booked as something else."""
        has_moved, changed = False, []
        for one in movements:
            if one.name in self._known:
                continue
            try:
                has_moved = await self._book_one(one) or has_moved
            except MovementChangedError as error:
                self._booking = None
                changed.append(str(error))
        return has_moved, changed

    async def _book_one(self, movement: CashMovement) -> bool:
        self._booking = movement
        is_new = await self._ledger.move(movement)
        self._booking = None
        self._known.add(movement.name)
        if is_new:
            self._move(movement.name, movement.amount)
        return is_new

    def _move(self, why: str, amount: Dollars) -> None:
        if amount != ZERO:
            self._trader.move_cash(amount)
            log.warning("Cash moved by $%s: %s", amount, why)

    def _differing(self, account: AccountNow) -> bool:
        """Whether the exchange has other cash than we booked, by more than little."""
        most = max(LEAST, SHARE * abs(account.cash))
        return bool(cash_differences(self._expected(), account, most))

    def _agrees(self) -> None:
        self._differs_since = self._gap = None
        self._say(None)

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
