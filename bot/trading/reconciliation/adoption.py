"""Explains how our account and the exchange's came to differ, for an operator to take that over.

Leaves out what explains what (`core.account.adoption`) and when it is booked (`app`).
"""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.account.adoption import (
    AccountRecord,
    Adoption,
    adoption,
    adoption_of_ours,
    unbooked,
    unsettled,
)
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import Settlement
from bot.core.market.money import ZERO
from bot.ports.exchange import Clock, ExchangeError
from bot.trading.reconciliation.order_owners import OrderOwners
from bot.trading.trader import Trader

#: How long nothing may have traded: what the exchange tells of an account lags behind its fills.
QUIET: Final = timedelta(seconds=5)


class BookedFills(Protocol):
    """Tells which fills are booked."""

    def __call__(self, after: datetime | None = None) -> Awaitable[tuple[datetime, frozenset[str]]]:
        """Since when fills are known, not before `after`, and the ids of all booked since.

        May raise StoreError.
        """
        ...


class Records(Protocol):
    """Tells what explains an account."""

    async def record(self, since: datetime) -> AccountRecord:
        """What is held now, and all trades since then. Raises ExchangeError."""
        ...

    async def settlement(self, ticker: str) -> Settlement | None:
        """What a market paid the account; None if it has not settled. Raises ExchangeError."""
        ...


@dataclass(frozen=True, slots=True)
class Explained:
    """What makes a portfolio that of the exchange, as the exchange told it at `read_at`."""

    adoption: Adoption
    portfolio: Portfolio
    read_at: datetime


class AdoptionPlanner:
    """What an account at the exchange has that was not booked."""

    def __init__(
        self,
        exchange: Records,
        trader: Trader,
        booked: BookedFills,
        clock: Clock,
        owners: OrderOwners | None = None,
    ) -> None:
        """With `owners` other hands are respected: nothing but trades of ours is taken over."""
        self._owners = owners
        self._exchange = exchange
        self._trader = trader
        self._booked = booked
        self._clock = clock
        self._seen: tuple[Portfolio, datetime] | None = None

    def not_yet(self) -> str | None:
        """Why nobody can say now, None if one can: while orders are about, all of it moves."""
        trader, now = self._trader, self._clock.now()
        if trader.orders_in_doubt is not None:
            return f"{trader.orders_in_doubt}: `python -m bot resolve` ends it by your word"
        if trader.unresolved or trader.working:
            return "orders are on their way or rest: POST /bot/stop withdraws them"
        if self._seen is None or self._seen[0] is not trader.portfolio:
            self._seen = trader.portfolio, now
        left = QUIET - (now - self._seen[1])
        return f"it traded within the last {QUIET.seconds} s" if left > timedelta(0) else None

    async def explained(self) -> Explained:
        """What explains the difference. Raises ExchangeError, StoreError."""
        portfolio = self._trader.portfolio
        since, booked = await self._booked()
        record = await self._exchange.record(since)
        read_at = self._clock.now()
        if self._owners is not None:
            fresh = unbooked(record.fills, booked)
            owned = await self._owners.owned(frozenset(one.order_id for one in fresh), since)
            return Explained(adoption_of_ours(fresh, owned, record), portfolio, read_at)
        settled = await self._settled(record, unsettled(portfolio, record, booked))
        return Explained(adoption(portfolio, booked, settled), portfolio, read_at)

    async def _settled(self, record: AccountRecord, tickers: Iterable[str]) -> AccountRecord:
        """With what these markets paid; one of which that cannot be read is not known."""
        paid, odd = {}, {}
        for ticker in tickers:
            try:
                found = await self._exchange.settlement(ticker)
            except ExchangeError as error:
                odd[ticker] = str(error)
                continue
            if found is not None:
                paid[ticker] = found
        now = replace(record.now, unreadable=record.now.unreadable.also(odd))
        return replace(record, now=now, settlements=paid)

    def apply_adoption(self, explained: Explained, at: datetime) -> bool:
        """Book it all but the cash, unless something traded since; whether it was booked."""
        trader = self._trader
        has_traded = trader.portfolio is not explained.portfolio
        if has_traded or trader.unresolved or trader.working:
            return False
        trader.apply_adoption(at, replace(explained.adoption, cash=ZERO))
        return True
