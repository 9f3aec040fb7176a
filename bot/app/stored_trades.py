"""The orders and fills of an account as they are written down in the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.ports.exchange import Clock
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredTrades:
    """Trades of a book, which are kept for an `age`."""

    database: Database
    book: str
    clock: Clock
    age: timedelta

    async def booked(self, after: datetime | None = None) -> tuple[datetime, frozenset[str]]:
        """Since when fills are known, not before `after`, and the ids of all booked since."""
        known_since = await self.database.trades_since(self.book)
        # What is older may have been pruned, and would pass for a trade of other hands.
        since = max(known_since, self.clock.now() - self.age, after or known_since)
        return since, await self.database.fill_ids(self.book, since)

    async def uncovered(self, after: datetime | None = None) -> tuple[datetime, frozenset[str]]:
        """The same, and not before cash that was accepted: what it traded until then is in it."""
        until = await self.database.cash_until(self.book)
        return await self.booked(max(until, after or until))

    async def orders(self, names: frozenset[str]) -> frozenset[str]:
        """Those of these client order ids that are orders of the book."""
        return await self.database.orders_among(self.book, names)
