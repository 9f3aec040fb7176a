"""The cash of a book in memory, which does as the database does."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bot.core.account.reconcile import ACCEPTED, CashAcceptance, CashMovement
from bot.ports.persistence import MovementChangedError, StoreError
from tests.support.strategies import NOON

ZERO = Decimal(0)


@dataclass
class FakeCashLedger:
    """Rows with the term that wrote each; `loses` is how many answers get lost after the write."""

    until: datetime = NOON
    epoch: int = 1
    rows: list[tuple[int, CashMovement]] = field(default_factory=list)
    loses: int = 0

    @property
    def booked(self) -> list[CashMovement]:
        return [row for _, row in self.rows]

    async def move(self, movement: CashMovement) -> bool:
        there = [(by, row) for by, row in self.rows if row.name == movement.name]
        if not there and movement.at <= self.until:
            return False
        if there and there[0][1].amount != movement.amount:
            raise MovementChangedError(f"{movement.name} was {there[0][1].amount}")
        if not there:
            self.rows.append((self.epoch, movement))
        self._answer()
        return not there or there[0][0] == self.epoch

    async def accept(self, accepted: CashAcceptance) -> Decimal:
        row = CashMovement(ACCEPTED, accepted.amount, accepted.at)
        there = [(by, one) for by, one in self.rows if (one.name, one.at) == (ACCEPTED, row.at)]
        if not there:
            self.until = max(self.until, accepted.until)
            self.rows.append((self.epoch, row))
        self._answer()
        by, kept = there[0] if there else (self.epoch, row)
        return kept.amount if by == self.epoch else ZERO

    def _answer(self) -> None:
        if self.loses:
            self.loses -= 1
            raise StoreError("it did not answer in time")
