"""The cash of an account as a term writes it down in the database."""

from dataclasses import dataclass

from bot.core.account.reconcile import CashAcceptance, CashMovement
from bot.core.market.money import Dollars
from bot.ports.persistence import Term
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredCash:
    """Movements of a book, and what operators accepted of its cash."""

    database: Database
    term: Term
    book: str

    async def move(self, movement: CashMovement) -> bool:
        amount, why = movement.amount, movement.name
        return await self.database.move_cash(self.term, self.book, amount, why, movement.at)

    async def accept(self, accepted: CashAcceptance) -> Dollars:
        return await self.database.accept_cash(self.term, self.book, accepted)
