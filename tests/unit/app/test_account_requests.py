"""Adoption between two passes: only trades of other hands, and nobody waits for it for long."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.app import account_requests
from bot.app.account_requests import AccountRequestsTask
from bot.app.node_context import RoleStatus
from bot.core.account.adoption import AccountRecord, Adoption, ListedFill
from bot.core.account.operator_requests import AccountRequests
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow
from bot.core.market.orders import Fill, Order
from bot.dashboard.audit_panel import AuditPanel
from bot.trading.reconciliation.adoption import QUIET, AdoptionPlanner
from bot.trading.reconciliation.cash import CashReconciliation
from tests.support.cash_ledgers import FakeCashLedger
from tests.support.fakes import HandClock
from tests.support.store_values import CASH, filled, order

(OURS,) = filled(order(1)).execution.fills
(THEIRS,) = filled(order(2)).execution.fills
HELD = Portfolio.of_cash(CASH).after(OURS)


@dataclass
class Account:
    """A trader that booked its own fill; stands in for the exchange, which knows both."""

    portfolio: Portfolio = HELD
    unresolved: tuple[Order, ...] = ()
    working: tuple[()] = ()
    orders_in_doubt: None = None
    booked: list[Fill] = field(default_factory=list)
    hangs: bool = False

    def apply_adoption(self, at: datetime, found: Adoption) -> None:
        self.booked += [fill for one in found.executions for fill in one.fills]

    async def record(self, since: datetime) -> AccountRecord:
        if self.hangs:
            await asyncio.Event().wait()
        fills = [ListedFill(f"order of {fill.fill_id}", fill) for fill in (OURS, THEIRS)]
        both = self.portfolio.after(THEIRS)
        sizes = {ticker: held.size for ticker, held in both.positions.items()}
        costs = {ticker: held.cost for ticker, held in both.positions.items()}
        return AccountRecord(AccountNow(both.cash, sizes), costs, fills)


class Room:
    """A task that was asked to adopt, on a database that can be away while a fill is booked."""

    def __init__(self) -> None:
        self.clock, self.account = HandClock(), Account()
        self.audit = AuditPanel(is_live=True)
        self.commits = SimpleNamespace(fault="it is away")
        self.stored: set[str] = set()
        self.is_busy = False
        self.meanwhile: Callable[[], object] = lambda: None
        bot: Any = SimpleNamespace(
            trader=self.account,
            audit=self.audit,
            commits=self.commits,
            change=self._change,
            notify=lambda _: None,
        )
        trader: Any = self.account
        planner = AdoptionPlanner(self.account, trader, self._ids, self.clock)  # type: ignore[arg-type]
        self.asked = AccountRequests(adoption=self.clock.now())
        status = replace(RoleStatus(), account_requests=lambda: self.asked)
        self.ledger = FakeCashLedger()
        self.cash = CashReconciliation(self.account, trader, self.ledger)  # type: ignore[arg-type]
        self.task = AccountRequestsTask(bot, planner, self.cash, status, self.clock)

    async def poll(self) -> None:
        """Twice: nothing is adopted before it is quiet for a while."""
        await self.task.poll(differs=True)
        self.clock.pass_by((QUIET + timedelta(seconds=1)).total_seconds())
        await self.task.poll(differs=True)

    async def _change(self, change: Callable[[datetime], object]) -> bool:
        if self.is_busy:
            return False
        self.meanwhile()
        change(self.clock.now())
        if self.commits.fault is None:
            self.stored.add(OURS.fill_id)
        return True

    async def _ids(self) -> tuple[datetime, frozenset[str]]:
        return OURS.at - timedelta(days=1), frozenset(self.stored)


@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_fill_of_ours_that_is_not_in_the_database_yet_is_not_adopted(is_busy):
    room = Room()
    room.is_busy, room.commits.fault = is_busy, None if is_busy else "it is away"
    await room.poll()
    assert room.account.booked == []
    assert "written down" in (room.audit.view.adoption_waits or "")

    room.is_busy, room.commits.fault = False, None
    await room.poll()

    assert room.account.booked == [THEIRS]


async def test_an_exchange_that_hangs_does_not_keep_operators_waiting(monkeypatch):
    monkeypatch.setattr(account_requests, "READ_WITHIN", 0.01)
    room = Room()
    room.commits.fault, room.account.hangs = None, True

    await room.poll()

    assert room.account.booked == []
    assert "not read within" in (room.audit.view.adoption_waits or "")


async def test_an_order_that_ended_while_a_pass_ran_is_not_said_to_be_ended_by_hand():
    room, lost = Room(), order(3, at=HandClock().now() - timedelta(hours=1))
    room.account.unresolved = (lost,)
    room.asked = AccountRequests(never={lost.client_order_id: room.clock.now()})
    room.meanwhile = lambda: setattr(room.account, "unresolved", ())

    await room.task.poll(differs=False)

    (entry,) = room.audit.view.operator
    assert entry.is_refusal
    assert "is not in doubt" in entry.message


async def test_what_moved_the_cash_before_it_was_adopted_is_part_of_that():
    room = Room()
    room.commits.fault = None

    await room.poll()

    assert room.ledger.until == room.clock.now()
