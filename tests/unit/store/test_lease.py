"""Who may write: one at a time, and nobody after his time."""

from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.clock import SystemClock
from bot.core.account.reconcile import CashAcceptance
from bot.ports.persistence import CommitBatch, LeaseLostError, StateRecord, StoreError, Term
from bot.store.database import opened
from bot.store.tables import lease
from tests.support.store_tables import all_rows, change, engine
from tests.support.store_values import BOOK, CASH, failed, filled, order
from tests.support.strategies import NOON


async def test_only_one_leads_at_a_time(database):
    assert await database.take("one", 30, BOOK) == Term("one", 1)
    assert await database.take("two", 30, BOOK) is None


async def test_every_term_has_a_number_of_its_own(database):
    assert await database.take("one", 30, BOOK) == Term("one", 1)
    assert await database.take("one", 0, BOOK) == Term("one", 2)
    assert await database.take("two", 30, BOOK) == Term("two", 3)


async def test_a_lease_that_was_given_up_is_free_at_once(database):
    term = await database.take("one", 30, BOOK)

    await database.release(term)

    assert await database.take("two", 30, BOOK) == Term("two", 2)


async def test_giving_up_what_was_lost_takes_it_from_nobody(database):
    lost = await database.take("one", 0, BOOK)
    await database.take("two", 30, BOOK)

    await database.release(lost)

    assert (await database.leader()).holder == "two"


async def test_a_lease_that_is_renewed_lasts(database):
    term = await database.take("one", 0, BOOK)

    await database.renew(term, 30)

    assert await database.take("two", 30, BOOK) is None


async def test_what_was_lost_cannot_be_renewed(database):
    term = await database.take("one", 0, BOOK)
    await database.take("two", 0, BOOK)

    with pytest.raises(LeaseLostError, match="term 1 of one has ended"):
        await database.renew(term, 30)


async def test_everybody_sees_who_leads_which_book_since_when(url, database):
    nobody = await database.leader()
    await database.take("one", 30, "live:production")
    async with opened(url) as other:
        leader = await other.leader()

    assert (nobody.holder, nobody.epoch, nobody.book, nobody.started_at) == (None, 0, None, None)
    assert (leader.holder, leader.epoch, leader.book) == ("one", 1, "live:production")
    assert leader.started_at is not None
    assert leader.started_at.tzinfo is UTC
    assert abs(leader.started_at - SystemClock().now()) < timedelta(minutes=1)


async def test_a_lease_that_ran_out_has_no_holder(database):
    await database.take("one", 0, BOOK)

    leader = await database.leader()

    assert (leader.holder, leader.epoch, leader.book) == (None, 1, BOOK)


FENCED = {
    "intend": lambda led: led.store.intend(order(2)),
    "commit": lambda led: led.commit(
        failed(2), state_records=[StateRecord("k", "a", None)], published=b"2"
    ),
    "commit nothing": lambda led: led.store.commit(CommitBatch()),
    "open_book": lambda led: led.database.open_book(led.term, "paper:new", CASH, NOON),
    "open_book again": lambda led: led.database.open_book(led.term, BOOK, CASH, NOON),
    "move_cash": lambda led: led.database.move_cash(led.term, BOOK, Decimal(1), "more", NOON),
    "accept_cash": lambda led: led.database.accept_cash(
        led.term, BOOK, CashAcceptance(Decimal(1), NOON, NOON)
    ),
    "prune": lambda led: led.database.prune(led.term, BOOK, NOON + timedelta(days=1)),
    "renew": lambda led: led.database.renew(led.term, 30),
}


@pytest.mark.parametrize("name", FENCED)
async def test_a_leader_that_was_paused_writes_nothing_once_another_leads(led, name):
    await led.store.intend(order(1))
    await led.commit(filled(order(1)), state_records=[StateRecord("k", "a", b"1")], published=b"1")
    change(led.url, update(lease).values(expires_at=0))
    async with opened(led.url) as other:
        assert await other.take("two", 30, BOOK) == Term("two", 2)
        before = all_rows(led.url)

        with pytest.raises(LeaseLostError):
            await FENCED[name](led)

        assert all_rows(led.url) == before


async def test_a_leader_that_takes_it_again_has_ended_its_own_term(led):
    again = await led.database.take("one", 30, BOOK)

    with pytest.raises(LeaseLostError):
        await led.commit(failed())
    await led.database.store(again, BOOK).commit(CommitBatch((failed(),)))


async def test_a_lease_that_ran_out_is_still_good_while_nobody_took_it(led):
    change(led.url, update(lease).values(expires_at=0))

    await led.commit(failed())

    assert (await led.checkpoint()).events == (failed(),)


async def test_a_writer_that_does_not_end_keeps_nobody_waiting_for_long(led):
    with engine(led.url) as stuck, stuck.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(update(lease).values(id=1))

        with pytest.raises(StoreError, match="let that one finish"):
            await led.commit(failed())
        # Reading goes on.
        assert (await led.checkpoint()).commit == 0

        connection.rollback()
    await led.commit(failed())
