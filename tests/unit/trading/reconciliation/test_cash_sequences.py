"""Whatever happens to the cash of an account, in whatever order: each movement counts once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.adoption import Adoption
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import (
    ACCEPTED,
    AccountNow,
    CashAcceptance,
    CashMovement,
    CashRecord,
)
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.ports.persistence import Checkpoint, StoreError
from bot.trading.reconciliation.cash import CashReconciliation
from tests.support.cash_ledgers import FakeCashLedger
from tests.support.strategies import NOON
from tests.support.trading import CASH, Desk

SECOND = timedelta(seconds=1)
PRICE, PAYOUT, FEE = Decimal("0.40"), Decimal(1), Decimal("0.07")


@dataclass
class Happened:
    """Something moved the cash at the exchange; a movement that is odd cannot be read."""

    amount: Decimal
    at: datetime
    movement: CashMovement | None = None
    odd: bool = False


class Account:
    """The exchange's cash beside ours; `missing` is what of it was neither booked nor accepted."""

    def __init__(self) -> None:
        self.at, self.there = NOON, CASH
        self.happened: list[Happened] = []
        self.missing: list[Happened] = []
        self.traded: list[Adoption] = []
        self.ledger, self.desk = FakeCashLedger(), Desk()
        self.cash = CashReconciliation(self, self.desk.trader, self.ledger)

    @property
    def booked(self) -> Decimal:
        return self.desk.trader.portfolio.cash

    async def movements(self) -> CashRecord:
        listed = [one for one in self.happened if one.movement]
        readable = tuple([one.movement for one in listed if one.movement and not one.odd])
        return CashRecord(readable, tuple(["an odd entry" for one in listed if one.odd]))

    async def step(self, kind: str, amount: int) -> None:
        self.at += SECOND
        before = len(self.ledger.rows)
        try:
            await getattr(self, kind)(Decimal(amount))
        except StoreError:
            self.ledger.loses = 0
        self.check(before)

    async def moves(self, amount: Decimal, *, odd: bool = False) -> None:
        name = f"{'deposit' if amount > 0 else 'withdrawal'} {len(self.happened)}"
        self._happens(Happened(amount, self.at, CashMovement(name, amount, self.at), odd))

    async def moves_oddly(self, amount: Decimal) -> None:
        await self.moves(amount, odd=True)

    async def becomes_readable(self, _: Decimal) -> None:
        for one in self.happened:
            one.odd = False

    async def vanishes(self, amount: Decimal) -> None:
        self._happens(Happened(amount, self.at))

    async def fills(self, amount: Decimal) -> None:
        size = abs(amount)
        name = f"c-{len(self.traded)}"
        order = Order(name, "A", Side.BUY, size, PRICE, self.at)
        fill = Fill(f"f-{name}", name, "A", Side.BUY, size, PRICE, FEE, self.at)
        self._trades(Adoption((Execution(order, name, OrderStatus.FILLED, (fill,)),)))

    async def settles(self, _: Decimal) -> None:
        if self.desk.trader.portfolio.size("A"):
            self._trades(Adoption(payouts={"A": PAYOUT}))

    async def looks(self, _: Decimal = Decimal(0)) -> None:
        for _look in range(3):
            self.at += 10 * SECOND
            await self.cash.reconcile(AccountNow(self.there, {}), self.at)

    async def looks_once(self, _: Decimal) -> None:
        await self.cash.reconcile(AccountNow(self.there, {}), self.at)

    async def resumes(self, _: Decimal = Decimal(0)) -> None:
        await self.cash.resume(self.at)

    async def adopts(self, _: Decimal) -> None:
        left = self.there - self.booked
        await self.cash.accept(CashAcceptance(left, self.at, self.at))

    async def restarts(self, _: Decimal) -> None:
        self.ledger.epoch += 1
        portfolio = Portfolio.of_cash(CASH)
        for traded in self.traded:
            portfolio = _after(portfolio, traded)
        for row in self.ledger.booked:
            portfolio = portfolio.moved(row.amount)
        self.desk = Desk()
        self.desk.trader.restore(Checkpoint(1, portfolio))
        self.cash = CashReconciliation(self, self.desk.trader, self.ledger)

    async def loses(self, _: Decimal) -> None:
        """The next answer of the database gets lost, though it did what it was asked."""
        self.ledger.loses = 1

    def check(self, before: int) -> None:
        rows = [row for _, row in self.ledger.rows]
        if any(row.name == ACCEPTED for row in rows[before:]):
            self.missing = [one for one in self.missing if one.at > self.ledger.until]
        names = {row.name for row in rows}
        self.missing = [o for o in self.missing if not (o.movement and o.movement.name in names)]
        counted = sum(row.amount for row in rows)
        missing = sum(one.amount for one in self.missing)
        assert counted + missing == sum(one.amount for one in self.happened)

    def _happens(self, one: Happened) -> None:
        self.there += one.amount
        self.happened.append(one)
        self.missing.append(one)

    def _trades(self, traded: Adoption) -> None:
        before = self.booked
        self.desk.trader.apply_adoption(self.at, traded)
        self.traded.append(traded)
        self.there += self.booked - before


def _after(portfolio: Portfolio, traded: Adoption) -> Portfolio:
    for execution in traded.executions:
        for fill in execution.fills:
            portfolio = portfolio.after(fill)
    for ticker, payout in traded.payouts.items():
        portfolio = portfolio.settle(ticker, payout)
    return portfolio


KINDS = (
    *("moves", "moves_oddly", "becomes_readable", "vanishes", "fills", "settles"),
    *("looks", "looks_once", "resumes", "adopts", "restarts", "loses"),
)
# More than any difference that nobody asks about.
AMOUNTS = st.integers(50, 90) | st.integers(-90, -50)


@given(st.lists(st.tuples(st.sampled_from(KINDS), AMOUNTS), max_size=25))
async def test_each_movement_counts_once_in_whatever_order(steps):
    account = Account()

    for kind, amount in steps:
        await account.step(kind, amount)
    account.ledger.loses = 0
    for _ in range(2):
        await account.step("looks", 0)
    if account.cash.block_reason is None:
        assert abs(account.there - account.booked) <= 10
    await account.step("resumes", 0)
    await account.step("looks", 0)

    assert account.cash.block_reason is None
    assert abs(account.there - account.booked) <= 10
