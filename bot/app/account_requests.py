"""Carries out what operators want done to the account: adopt it, end an order that was lost.

Whoever leads does it between two passes, loop or no loop, and writes down in the audit what was
done and what was not. While the accounts differ it also says what explains that.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bot.app.node_context import RoleStatus
from bot.app.term.bot import Bot
from bot.core.account.adoption import Adoption, in_words
from bot.core.account.operator_requests import AccountRequests
from bot.core.account.reconcile import CashAcceptance
from bot.core.events import Noted, NoteKind
from bot.core.market.orders import Order
from bot.ports.account_views import OperatorEntry
from bot.ports.exchange import Clock, ExchangeError
from bot.ports.persistence import StoreError
from bot.trading.reconciliation.adoption import AdoptionPlanner, Explained
from bot.trading.reconciliation.cash import CashReconciliation

log = logging.getLogger("main")

#: Between two looks at what explains a difference.
EXPLAIN_EVERY: Final = timedelta(seconds=60)
#: Between two tries to adopt.
TRY_EVERY: Final = timedelta(seconds=2)
#: Seconds to read what explains the account: the switches of operators wait for that.
READ_WITHIN: Final = 5.0
#: What an adoption is called in the audit, where a lost order goes by its id.
ADOPTION: Final = "adopt"
#: Before that an order is still looked up, and the exchange itself will tell.
LOST_AFTER: Final = timedelta(minutes=2)
_WORD: Final = "an operator said that it never traded"
_FILLS: Final = (
    "an operator said that it traded: its fills are booked by `python -m bot reconcile --apply`"
)


class AccountRequestsTask:
    """What is still to be done in this term; polled on each beat."""

    def __init__(
        self,
        bot: Bot,
        planner: AdoptionPlanner,
        cash: CashReconciliation,
        role_status: RoleStatus,
        clock: Clock,
    ) -> None:
        self._bot = bot
        self._planner = planner
        self._cash = cash
        self._role_status = role_status
        self._clock = clock
        self._due: datetime | None = None
        self._asked: datetime | None = None

    async def poll(self, *, differs: bool) -> None:
        """Do what can be done now. May raise StoreError, LeaseLostError."""
        asked = self._role_status.account_requests()
        await self._end_lost(asked)
        waits = self._planner.not_yet()
        self._bot.audit.adoption_waits(waits if asked.adoption else None)
        if asked.adoption is None and not differs:
            self._bot.audit.explained(())
        elif waits is None and self._is_due(asked.adoption):
            await self._explain(asked.adoption)

    async def _end_lost(self, asked: AccountRequests) -> None:
        for name, at in asked.never.items():
            await self._end(name, at, _WORD, AccountRequests(never={name: at}))
        for name, at in asked.traded.items():
            await self._end(name, at, _FILLS, AccountRequests(traded={name: at}))

    def _is_due(self, asked: datetime | None) -> bool:
        now = self._clock.now()
        if self._due is not None and now < self._due and asked == self._asked:
            return False
        self._asked = asked
        self._due = now + (EXPLAIN_EVERY if asked is None else TRY_EVERY)
        return True

    async def _end(self, name: str, asked: datetime, why: str, done: AccountRequests) -> None:
        trader, said = self._bot.trader, ""

        def end(now: datetime) -> None:
            nonlocal said
            # Only now: the exchange may have told its end while a pass was waited for.
            fault = _not_lost(trader.unresolved, name, now)
            if fault is None:
                trader.end_by_hand(now, name, why)
            said = f"order {name}{fault or f': {why}'}"
            self._bot.audit.operator_did(_entry(now, asked, name, said, fault is not None))

        if await self._bot.change(end):
            self._done(Noted(self._clock.now(), NoteKind.ORDER_RESOLVED, said), done)

    async def _explain(self, asked: datetime | None) -> None:
        try:
            explained = await self._read()
        except (ExchangeError, StoreError) as error:
            log.warning("What explains the account cannot be read: %s", error)
            self._bot.audit.adoption_waits(str(error) if asked else None)
            return
        self._bot.audit.explained(in_words(explained.adoption))
        if asked is not None:
            await self._apply_adoption(asked, explained)

    async def _read(self) -> Explained:
        """What explains the account. Raises ExchangeError, StoreError."""
        # Fills of ours that are not in the database yet would pass for those of other hands.
        is_idle = await self._bot.change(lambda _: None)
        if not is_idle or self._bot.commits.fault is not None or self._planner.not_yet():
            raise StoreError("what was traded is being written down: read again")
        try:
            async with asyncio.timeout(READ_WITHIN):
                return await self._planner.explained()
        except TimeoutError:
            raise ExchangeError(f"not read within {READ_WITHIN:g} s") from None

    async def _apply_adoption(self, asked: datetime, explained: Explained) -> None:
        booked, said = False, _adopted(explained.adoption)

        def book(now: datetime) -> None:
            nonlocal booked
            booked = self._planner.apply_adoption(explained, now)
            if booked:
                self._bot.audit.explained(())
                self._bot.audit.operator_did(_entry(now, asked, ADOPTION, said))

        if await self._bot.change(book) and booked:
            await self._accept(explained, asked)
            note = Noted(self._clock.now(), NoteKind.ADOPTED, said)
            self._done(note, AccountRequests(adoption=asked))

    async def _accept(self, explained: Explained, asked: datetime) -> None:
        """What nothing explains of the cash; should this not be reached, it differs again."""
        found = explained.adoption
        self._cash.forget()
        if found.is_cash_whole:
            await self._cash.accept(CashAcceptance(found.cash, asked, explained.read_at))

    def _done(self, note: Noted, done: AccountRequests) -> None:
        self._bot.notify(note)
        self._role_status.account_done(done)


def _not_lost(unresolved: Iterable[Order], name: str, now: datetime) -> str | None:
    """Why an operator's word on an order does not count; None if it does."""
    order = next((order for order in unresolved if order.client_order_id == name), None)
    if order is None:
        return " is not in doubt: nothing was done"
    if now - order.at < LOST_AFTER:
        return " is still being looked up: nothing was done, say it again in two minutes"
    return None


def _entry(
    at: datetime, asked: datetime, about: str, message: str, is_refusal: bool = False
) -> OperatorEntry:
    return OperatorEntry(
        at=at.isoformat(),
        asked_at=asked.isoformat(),
        about=about,
        message=message,
        is_refusal=is_refusal,
    )


def _adopted(found: Adoption) -> str:
    nothing = [] if found else ["there was nothing to adopt"]
    return f"an operator adopted the account: {'; '.join([*nothing, *in_words(found)])}"
