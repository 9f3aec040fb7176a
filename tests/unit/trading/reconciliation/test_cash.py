"""Cash against the exchange's: movements are booked once, what nothing explains stops entries."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.account.reconcile import AccountNow, CashAcceptance, CashMovement, CashRecord
from bot.core.market.money import whole_cents
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import StoreError
from bot.trading.reconciliation import cash as module
from bot.trading.reconciliation.cash import MOVEMENTS_WITHIN, CashReconciliation
from tests.support.cash_ledgers import FakeCashLedger
from tests.support.strategies import NOON
from tests.support.trading import CASH, Desk


@dataclass
class Exchange:
    """Tells these movements; `fails` is raised instead."""

    told: list[CashMovement] = field(default_factory=list)
    odd: tuple[str, ...] = ()
    fails: Exception | None = None
    asked: int = 0

    async def movements(self):
        self.asked += 1
        if self.fails:
            raise self.fails
        return CashRecord(tuple(self.told), self.odd)


class Room:
    """A trader, what was booked, and looks ten seconds apart."""

    def __init__(self):
        self.desk, self.exchange, self.at = Desk(), Exchange(), NOON
        self.ledger = FakeCashLedger()
        self.cash = CashReconciliation(self.exchange, self.desk.trader, self.ledger)

    def restart(self):
        """Another term, of what was stored; the trader stands for the fold of its ledger."""
        self.ledger.epoch += 1
        self.cash = CashReconciliation(self.exchange, self.desk.trader, self.ledger)

    @property
    def booked(self):
        return self.ledger.booked

    async def look(self, there):
        self.at += timedelta(seconds=10)
        await self.cash.reconcile(AccountNow(Decimal(there), {}), self.at)
        return self.cash.block_reason

    async def looks(self, there):
        await self.look(there)
        return await self.look(there)

    def moved(self, amount, name="deposit d", seconds=1):
        movement = CashMovement(name, Decimal(amount), NOON + timedelta(seconds=seconds))
        self.exchange.told.append(movement)
        return movement

    @property
    def portfolio(self):
        return self.desk.trader.portfolio


@pytest.mark.parametrize("there", ["10000", "10009.99", "9990.01"])
async def test_little_stops_nothing_and_nobody_is_asked(there):
    room = Room()

    assert await room.looks(there) is None
    assert room.exchange.asked == 0


async def test_a_movement_is_booked_once_and_is_no_profit():
    room = Room()
    deposit = room.moved(500)
    withdrawal = room.moved(-200, "withdrawal w")

    assert await room.looks("10300") is None
    assert await room.looks("10300") is None

    assert room.booked == [deposit, withdrawal]
    assert room.portfolio == room.desk.store.portfolio.moved(Decimal(300))
    assert room.portfolio.net == 0


async def test_a_deposit_hides_no_loss_and_is_no_gain():
    room = Room()
    trader = room.desk.trader
    await room.desk.run(0.9)
    before = trader.daily_pnl, trader.drawdown
    room.moved(500)

    await room.looks(trader.portfolio.cash + 500)
    room.desk.trader.mark(room.desk.at, room.desk.predictions({}).seen.books, room.desk.markets)

    assert (trader.daily_pnl, trader.drawdown) == before
    assert whole_cents(trader.equity) == whole_cents(CASH + 500 + before[0])


async def test_what_moved_before_the_account_was_begun_is_in_it():
    room = Room()
    room.moved(500, seconds=-1)

    assert "(+500)" in str(await room.looks("10500"))
    assert room.booked == []


async def test_what_nothing_explains_is_said_with_both_numbers_and_goes_by_itself():
    room = Room()

    assert await room.look("9970") is None
    stopped = await room.look("9970")
    assert stopped is not None
    assert "cash differs: $10000 booked, $9970 at the exchange (-30)" in stopped

    assert await room.look("10000") is None


async def test_movements_that_do_not_come_hold_up_no_operator_and_are_asked_for_again(monkeypatch):
    room = Room()
    room.moved(500)

    async def never():
        await asyncio.Event().wait()

    with monkeypatch.context() as silent:
        silent.setattr(module, "MOVEMENTS_WITHIN", 0.01)
        silent.setattr(room.exchange, "movements", never)
        assert "why cannot be asked: no answer within 0.01 s" in str(await room.looks("10500"))
    assert MOVEMENTS_WITHIN < 15, "operators wait so long for a leader that obeys"

    assert await room.look("10500") is None
    assert len(room.booked) == 1


async def test_what_a_deposit_explains_in_part_stops_for_the_rest():
    room = Room()
    room.moved(500)

    assert "$10500 booked, $10450 at the exchange (-50)" in str(await room.looks("10450"))
    await room.cash.resume(room.at)
    assert len(room.booked) == 1, "the balance may not have had it yet"

    await room.look("10450")
    await room.cash.resume(room.at)
    assert [one.amount for one in room.booked] == [500, -50]


async def test_only_a_resume_after_it_was_found_accepts_it():
    room = Room()
    early = room.at
    await room.looks("9970")

    await room.cash.resume(early)
    assert room.cash.block_reason is not None

    await room.cash.resume(room.at)
    await room.cash.resume(room.at)
    assert room.cash.block_reason is None
    assert room.booked == [CashMovement("accepted by an operator", Decimal(-30), room.at)]
    assert room.portfolio.cash == 9_970
    assert await room.looks("9970") is None


async def test_where_nobody_can_be_asked_entries_stop_and_nothing_is_accepted():
    room = Room()
    room.exchange.fails = ExchangeError("the line is cut")

    assert "why cannot be asked: the line is cut" in str(await room.looks("9970"))
    await room.cash.resume(room.at)

    assert room.booked == []
    assert room.cash.block_reason is not None


async def test_an_entry_that_cannot_be_read_is_named_and_hides_no_other():
    room = Room()
    room.moved("25")
    room.exchange.odd = ("GET /portfolio/deposits: entry 3: `$.amount_cents` is null",)

    said = await room.looks(CASH + 125)

    assert [one.amount for one in room.booked] == [25]
    assert "entry 3: `$.amount_cents`" in said
    assert "(+100)" in said


async def test_what_was_adopted_is_not_accepted_a_second_time():
    room = Room()
    await room.looks("9970")
    room.at += timedelta(seconds=1)

    await room.cash.accept(CashAcceptance(Decimal(-30), room.at, room.at))
    room.at += timedelta(seconds=1)
    await room.cash.resume(room.at)

    assert room.cash.block_reason is None
    assert room.portfolio.cash == 9_970
    assert [one.amount for one in room.booked] == [-30]


async def test_what_was_booked_since_it_was_shown_is_not_accepted():
    room = Room()
    await room.looks("9970")

    room.desk.trader.move_cash(Decimal(-30))
    await room.cash.resume(room.at)

    assert room.booked == []
    assert await room.look("9970") is None


async def test_what_an_operator_has_not_seen_yet_is_not_accepted():
    room = Room()
    await room.look("9970")
    early = room.at
    await room.look("9970")
    await room.cash.resume(early)
    assert room.booked == []

    seen = room.at
    await room.look("9870")
    await room.cash.resume(seen)
    assert room.booked == [], "it was 30, and is 130"

    await room.cash.resume(room.at)
    assert [one.amount for one in room.booked] == [-130]


@pytest.mark.parametrize("accepts", ["resume", "adopt"])
async def test_a_deposit_that_was_accepted_unread_is_not_booked_once_it_can_be_read(accepts):
    room = Room()
    room.exchange.odd = ("GET /portfolio/deposits: entry 0: `$.amount_cents` is null",)
    await room.looks("10100")
    if accepts == "resume":
        await room.cash.resume(room.at)
    else:
        await room.cash.accept(CashAcceptance(Decimal(100), room.at, room.at))
    assert room.portfolio.cash == 10_100

    room.exchange.odd = ()
    room.moved(100)
    later = room.moved(50, "deposit e", seconds=30)
    await room.looks("10150")

    assert room.cash.block_reason is None
    assert [one.amount for one in room.booked] == [100, 50]
    assert room.booked[1] == later


@pytest.mark.parametrize("way", ["movement", "resume", "adopt"])
async def test_an_answer_of_the_database_that_got_lost_books_nothing_twice(way):
    room = Room()
    if way == "movement":
        room.moved(100)
        await room.look("10100")
        room.ledger.loses = 1
        assert "it cannot be booked: it did not answer" in str(await room.look("10100"))
    else:
        await room.looks("10100")
        room.ledger.loses = 1
        accepted = CashAcceptance(Decimal(100), room.at, room.at)
        with pytest.raises(StoreError):
            await (room.cash.resume(room.at) if way == "resume" else room.cash.accept(accepted))
    # They both go on trying: only one of them may count.
    await room.cash.resume(room.at + timedelta(seconds=1))

    assert await room.looks("10100") is None
    assert [one.amount for one in room.booked] == [100]
    assert room.portfolio.cash == 10_100


async def test_a_movement_that_is_listed_with_another_amount_hides_no_other():
    room = Room()
    room.moved(100)
    await room.looks("10100")
    room.restart()
    room.exchange.told.clear()
    room.moved(120)
    room.moved(50, "deposit e")

    said = await room.looks("10170")

    assert "deposit d was 100" in said
    assert [one.amount for one in room.booked] == [100, 50]


async def test_what_is_reserved_may_be_what_is_missing_and_is_not_accepted(monkeypatch):
    room = Room()
    monkeypatch.setattr(type(room.desk.trader), "reserved", Decimal(20))
    assert await room.looks("9970") is not None

    await room.cash.resume(room.at)
    assert room.booked == []

    monkeypatch.setattr(type(room.desk.trader), "reserved", Decimal(0))
    await room.look("9970")
    await room.cash.resume(room.at)
    assert [one.amount for one in room.booked] == [-30]


async def test_an_adoption_while_a_deposit_is_in_doubt_does_not_count_it_again():
    room = Room()
    room.moved(100)
    await room.look("10100")
    room.ledger.loses = 1
    await room.look("10100")

    await room.cash.accept(CashAcceptance(Decimal(100), room.at, room.at))

    assert [one.name for one in room.booked] == ["deposit d"]
    assert room.portfolio.cash == 10_100
