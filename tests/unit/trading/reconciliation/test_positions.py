"""Our accounts held against the exchange's: what differs stops entries."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.core.account.reconcile import AccountNow, Unreadable
from bot.core.market.money import ZERO
from bot.ports.exchange import ExchangeError
from bot.trading.reconciliation import positions as module
from bot.trading.reconciliation.positions import ANSWER, EVERY, Beside, Reconciliation
from tests.support.fakes import HandClock
from tests.support.trading import Desk

TEN, MINUTE = Decimal(100), EVERY.total_seconds()


@dataclass
class Told:
    """Tells what it is told to; `fails` is raised instead, `meanwhile` happens in between."""

    account_now: AccountNow
    fails: Exception | None = None
    meanwhile: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    asked: int = 0

    async def account(self):
        self.asked += 1
        if self.fails:
            raise self.fails
        for happens in self.meanwhile:
            await happens()
        return self.account_now


@dataclass
class Room:
    """A trader with a position of a hundred in A, an exchange that says so, and the audit."""

    backend: Desk
    reported: Told
    clock: HandClock
    audit: Reconciliation

    def say(self, **positions):
        sizes = {ticker: Decimal(size) for ticker, size in positions.items()}
        self.reported.account_now = AccountNow(self.backend.trader.portfolio.cash, sizes)

    def say_cash(self, more):
        now = self.reported.account_now
        cash = self.backend.trader.portfolio.cash + Decimal(more)
        self.reported.account_now = AccountNow(cash, now.positions)

    async def poll(self, *, after=MINUTE):
        self.clock.pass_by(after)
        await self.audit.poll()
        return self.audit.block_reason


async def roomed(**options):
    backend = Desk("A", "B")
    await backend.act({"A": 0.9})
    reported, clock = Told(AccountNow(backend.trader.portfolio.cash, {"A": TEN})), HandClock()
    return Room(
        backend, reported, clock, Reconciliation(reported, backend.trader, clock, **options)
    )


@pytest.fixture
async def room():
    made = await roomed()
    assert await made.poll() is None
    return made


async def test_before_the_first_look_nothing_is_entered():
    room = await roomed()

    assert "have not been reconciled" in room.audit.block_reason
    assert await room.poll() is None


async def test_a_difference_at_the_first_look_stops_entries_at_once_with_both_numbers():
    room = await roomed()
    room.say(A="60")

    assert "A: 100 contracts booked, 60 at the exchange" in await room.poll()


async def test_a_difference_that_is_seen_once_after_all_agreed_stops_nothing(room):
    room.say(A="100", B="5")
    assert await room.poll() is None

    room.say()

    assert await room.poll() is None, "this one is another market"
    room.say(A="100", B="5")
    assert await room.poll() is None, "it agreed meanwhile"


async def test_a_difference_that_lasts_stops_entries_until_all_agrees(room, caplog):
    room.say(A="100", B="5")
    await room.poll()

    assert "B: 0 contracts booked, 5 at the exchange" in await room.poll()
    await room.poll()
    assert [line.levelno for line in caplog.records] == [logging.ERROR], "it is said once"
    room.say(A="100")
    assert await room.poll() is None


async def test_somebody_who_goes_on_trading_is_noticed_though_no_number_stays(room):
    room.say(A="100", B="5")
    await room.poll()
    room.say(A="100", B="6")

    assert "B: 0 contracts booked, 6 at the exchange" in await room.poll()


async def test_a_market_may_differ_until_a_pass_can_have_booked_its_end():
    room = await roomed(patience=timedelta(seconds=3.5 * MINUTE))
    await room.poll()
    room.say()

    assert [bool(await room.poll()) for _ in range(5)] == [False] * 4 + [True]


async def test_between_two_looks_nobody_is_asked(room):
    await room.poll(after=MINUTE - 1)
    assert room.reported.asked == 1

    await room.poll(after=1)

    assert room.reported.asked == 2


async def test_a_hint_brings_the_next_look_forward_and_many_hints_are_one(room):
    room.audit.hint()
    await room.poll(after=1)
    assert room.reported.asked == 1

    await room.poll(after=1)
    room.audit.hint()
    room.audit.hint()
    await room.poll(after=1)

    assert room.reported.asked == 2


async def test_while_the_exchange_does_not_tell_all_stays_as_it_was(room, caplog):
    room.reported.fails = ExchangeError("GET /portfolio/positions: 503")

    assert [await room.poll(after=after) for after in (MINUTE, 1, 1)] == [None] * 3

    assert room.reported.asked == 4, "it is asked again at once"
    assert [line.getMessage() for line in caplog.records] == [
        "The exchange does not report the account: GET /portfolio/positions: 503"
    ]
    room.reported.fails = None
    assert await room.poll(after=1) is None
    room.reported.fails = ExchangeError("down again")
    await room.poll()
    assert len(caplog.records) == 2


async def test_an_exchange_that_never_told_lets_nothing_be_entered():
    room = await roomed()
    room.reported.fails = ExchangeError("503")

    assert await room.poll()


async def test_an_exchange_that_hangs_keeps_nobody_waiting(room, monkeypatch, caplog):
    monkeypatch.setattr(module, "ANSWER", 0.01)
    room.reported.meanwhile.append(asyncio.Event().wait)

    async with asyncio.timeout(1):
        assert await room.poll() is None

    assert "no answer within 0.01 s" in caplog.text
    assert ANSWER < 15, "operators wait so long for a leader that obeys"


async def test_what_trades_during_a_look_is_no_difference(room):
    room.reported.meanwhile.append(lambda: room.backend.act({"B": 0.9}))
    assert await room.poll() is None

    room.reported.meanwhile.clear()
    room.say(A="100", B="100")

    assert await room.poll(after=1) is None, "it looks again at once"
    assert room.reported.asked == 3


async def test_while_the_fate_of_an_order_is_open_nothing_is_judged(room):
    room.backend.venue.silent["B"] = 1
    await room.backend.act({"B": 0.9})
    assert room.backend.trader.unresolved
    room.say(A="100", B="100")

    assert [await room.poll() for _ in range(3)] == [None] * 3
    await room.backend.trader.resolve_in_doubt(room.clock.now())
    assert await room.poll() is None


async def test_cash_that_differs_is_said_once_and_trading_goes_on(room, caplog):
    room.say_cash("25.5")

    assert [await room.poll(), await room.poll()] == [None, None]

    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert "Positions reconciled" in line.getMessage()
    assert "(+25.5)" in line.getMessage()
    room.say_cash("0")
    await room.poll()
    room.say_cash("25.5")
    await room.poll()
    assert len(caplog.records) == 2, "it came again"


async def test_a_difference_the_exchange_rounds_away_is_not_said(room, caplog):
    room.say_cash("0.009")

    assert await room.poll() is None
    assert caplog.records == []


async def test_an_objection_stops_the_entries_of_the_trader_and_not_its_exits():
    room = await roomed()
    room.say()
    room.backend.killed = await room.poll()

    await room.backend.act({"A": 0.5, "B": 0.9})

    assert (room.backend.position("A"), room.backend.position("B")) == (0, 0)
    assert "A: 100 contracts booked, 0 at the exchange" in room.backend.trader.entries_stopped


async def test_a_market_that_cannot_be_read_alone_is_not_known(room, caplog):
    cash = room.backend.trader.portfolio.cash
    odd = Unreadable({"A": "entry 3: `$.position_fp`"}, (), frozenset({"A", "B"}))
    room.reported.account_now = AccountNow(cash + 500, {}, unreadable=odd)

    assert [await room.poll() for _ in range(4)] == [None] * 4, "no difference: it is not known"

    assert "entry 3" in room.audit.unknown("A")
    assert room.audit.unknown("B") is None
    assert "A is not known: entry 3" in room.audit.note
    assert len(caplog.records) == 1, "it is said once"
    room.reported.account_now = AccountNow(cash, {"A": TEN})
    assert await room.poll() is None
    assert (room.audit.unknown("A"), room.audit.note) == (None, None)


async def test_others_are_compared_as_ever_while_one_cannot_be_read(room):
    odd = Unreadable({"A": "odd"}, (), frozenset({"A", "B"}))
    now = AccountNow(room.backend.trader.portfolio.cash, {"B": TEN}, unreadable=odd)
    room.reported.account_now = now
    await room.poll()

    assert "B: 0 contracts booked, 100 at the exchange" in await room.poll()


async def test_a_position_of_no_market_leaves_those_unknown_that_are_not_listed(room):
    cash = room.backend.trader.portfolio.cash
    odd = Unreadable({}, ("entry 0: odd",), frozenset({"B"}))
    room.reported.account_now = AccountNow(cash, {}, unreadable=odd)

    assert [await room.poll() for _ in range(4)] == [None] * 4

    assert room.audit.unknown("A") == room.audit.unknown("C") == "entry 0: odd"
    assert room.audit.unknown("B") is None


async def test_where_something_cannot_be_read_nothing_is_settled_and_cash_is_not_compared():
    asked: Any = Asked()
    room = await roomed(beside=Beside(cash=asked, settlements=asked))
    odd = Unreadable({"A": "odd"})
    room.reported.account_now = AccountNow(ZERO, {}, unreadable=odd)

    for _ in range(4):
        await room.poll()

    assert asked.calls == []


class Asked:
    """Notes what it is asked for: settlements, cash."""

    def __init__(self):
        self.calls = []

    async def settlement(self, ticker):
        self.calls.append(ticker)

    async def archived_payout(self, held):
        self.calls.append(held)

    async def reconcile(self, account, now):
        self.calls.append("cash")


class Shows:
    """Keeps what is shown of a comparison."""

    def compared(self, _at, _portfolio, account, _block_reason, _foreign=None):
        self.cash = account.cash


async def test_cash_set_aside_for_an_entry_at_rest_is_no_difference_and_not_spent_twice():
    backend = Desk("A", entries_rest=True)
    await backend.run(0.9, seconds=1)
    cash, aside = backend.trader.portfolio.cash, backend.trader.reserved
    there = AccountNow(cash - aside, {}, shards={0: cash - aside})
    reported, clock, view = Told(there), HandClock(), Shows()
    audit = Reconciliation(reported, backend.trader, clock, beside=Beside(view=view))

    await audit.poll()

    assert aside > 0
    assert audit.block_reason is None
    assert view.cash == cash
    assert audit.purse(0) == cash - 2 * aside, "what the exchange took off may be off already"

    reported.account_now = replace(there, cash=there.cash - 5)
    clock.pass_by(MINUTE)
    await audit.poll()

    assert view.cash == cash - 5
