"""What is written of a book, and what is there afterwards."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import CashAcceptance
from bot.core.events import CycleStarted, OrderEnded, OrderFilled, PositionAdjusted
from bot.core.market.orders import Execution, OrderStatus
from bot.ports.persistence import CommitBatch, CommittedChanges, StateRecord, StoreError
from bot.store import reading, rows
from bot.store.database import opened
from bot.store.tables import books, events
from tests.support.store_tables import change
from tests.support.store_values import BOOK, CASH, failed, filled, order, settled
from tests.support.strategies import NOON

SECOND = timedelta(seconds=1)


async def test_what_was_committed_is_there_when_it_is_opened_again(led):
    ended = filled(order())

    await led.store.intend(order())
    await led.commit(ended, state_records=[StateRecord("kind", "key", b"body")], published=b"{}")
    async with opened(led.url) as again:
        checkpoint = await again.checkpoint(BOOK)

    assert checkpoint.portfolio == Portfolio.of_cash(CASH).after(ended.execution.fills[0])
    assert checkpoint.events == (ended,)
    assert checkpoint.state_records == {"kind": {"key": b"body"}}
    assert (checkpoint.commit, checkpoint.published, checkpoint.unresolved) == (1, b"{}", ())


async def test_an_order_that_was_written_down_waits_for_its_fate(led):
    for number in (2, 1, 3):
        await led.store.intend(order(number))
    await led.commit(filled(order(1)))

    checkpoint = await led.checkpoint()

    assert checkpoint.unresolved == (order(2), order(3))


async def test_what_is_booked_of_an_order_in_doubt_is_read_with_it(led):
    (fill,) = filled(order(1)).execution.fills
    for number in (1, 2):
        await led.store.intend(order(number))
    await led.commit(OrderFilled(NOON, order(1), "o-1", (fill,), Decimal(1)), filled(order(2)))

    checkpoint = await led.checkpoint()

    assert checkpoint.unresolved == (order(1),)
    assert checkpoint.booked == {"c-1": {fill.fill_id}}


async def test_an_order_may_be_written_down_again_but_not_another_of_its_name(led):
    await led.store.intend(order())
    await led.store.intend(order())

    with pytest.raises(StoreError, match="c-1 was written down before"):
        await led.store.intend(replace(order(), size=Decimal(11)))
    assert (await led.checkpoint()).unresolved == (order(),)


async def test_an_order_that_has_ended_is_not_written_down_again(led):
    await led.commit(filled(order()))

    with pytest.raises(StoreError, match="c-1 was written down before"):
        await led.store.intend(order())


async def test_an_order_without_a_fill_has_a_fate_and_moves_no_cash(led):
    nothing = Execution(order(), "o-1", OrderStatus.CANCELED, error="no more asks")
    await led.store.intend(order())

    await led.commit(OrderEnded(NOON, nothing))
    checkpoint = await led.checkpoint()

    assert checkpoint.unresolved == ()
    assert checkpoint.portfolio == Portfolio.of_cash(CASH)
    assert led.rows()["orders"][0].error == "no more asks"


async def test_the_portfolio_is_the_fold_of_all_that_was_booked_in_order(led):
    first, second = filled(order(1)), filled(order(2, "B"), price="0.30")

    await led.commit(first, second)
    await led.database.move_cash(led.term, BOOK, Decimal("-250.5"), "withdrawal", NOON + SECOND)
    await led.commit(settled("A"), filled(order(3)))

    expected = Portfolio.of_cash(CASH)
    for ended in (first, second):
        expected = expected.after(ended.execution.fills[0])
    moved = replace(
        expected,
        start=expected.start - Decimal("250.5"),
        cash=expected.cash - Decimal("250.5"),
    )
    last = moved.settle("A", Decimal(1)).after(filled(order(3)).execution.fills[0])
    assert (await led.checkpoint()).portfolio == last


async def test_what_an_operator_took_over_is_part_of_the_fold_in_its_place(led):
    taken = PositionAdjusted(NOON, "A", Decimal(10), Decimal(-4), Decimal("1.20"))
    again = filled(order(2))

    await led.commit(filled(order(1)), taken)
    await led.commit(again)

    expected = Portfolio.of_cash(CASH).after(filled(order(1)).execution.fills[0])
    expected = expected.adjusted("A", Decimal(-4), Decimal("1.20"), NOON)
    assert (await led.checkpoint()).portfolio == expected.after(again.execution.fills[0])


async def test_the_ids_of_fills_are_known_as_far_back_as_is_asked(led):
    await led.commit(filled(order(1)), filled(order(2, at=NOON + timedelta(days=1))))

    both = await led.database.fill_ids(BOOK, NOON)
    later = await led.database.fill_ids(BOOK, NOON + timedelta(seconds=1))

    assert (both, later) == ({"f-c-1", "f-c-2"}, {"f-c-2"})
    assert await led.database.fill_ids("another", NOON) == frozenset()


async def test_orders_of_a_book_are_known_by_name_whatever_became_of_them(led, monkeypatch):
    monkeypatch.setattr(reading, "NAMES", 2)
    await led.commit(filled(order(1)))
    await led.store.intend(order(3))
    asked = frozenset({"c-1", "c-2", "c-3", ""})

    assert await led.database.orders_among(BOOK, asked) == {"c-1", "c-3"}
    assert await led.database.orders_among("another", asked) == frozenset()
    assert await led.database.orders_among(BOOK, frozenset()) == frozenset()


async def test_a_fill_is_never_booked_twice(led):
    await led.commit(filled(order()))
    before = led.rows()
    again = filled(replace(order(), client_order_id="c-2"))
    twice = again.execution.fills[0]
    same = replace(again.execution, fills=(replace(twice, fill_id="f-c-1"),))

    with pytest.raises(StoreError, match="exists already"):
        await led.commit(failed(), OrderEnded(NOON, same))

    assert led.rows() == before


async def test_a_book_is_opened_once(led):
    await led.database.open_book(led.term, BOOK, Decimal(5), NOON)

    assert (await led.checkpoint()).portfolio == Portfolio.of_cash(CASH)


async def test_a_movement_of_cash_that_is_told_twice_is_booked_once(led):
    # What ended it may be told later: that is no other movement.
    for later in (1, 1, 7):
        at = NOON + later * SECOND
        assert await led.database.move_cash(led.term, BOOK, Decimal(50), "deposit", at)
    with pytest.raises(StoreError, match="by 50 and not 51"):
        await led.database.move_cash(led.term, BOOK, Decimal(51), "deposit", NOON + SECOND)

    assert (await led.checkpoint()).portfolio == Portfolio.of_cash(CASH + 50)


async def test_what_an_earlier_term_booked_is_not_booked_in_this_one(led):
    moved = (BOOK, Decimal(50), "deposit", NOON + SECOND)
    accepted = CashAcceptance(Decimal(-7), NOON + SECOND, NOON)
    assert await led.database.move_cash(led.term, *moved)
    assert await led.database.accept_cash(led.term, BOOK, accepted) == -7

    later = await led.next_term()

    assert not await led.database.move_cash(later, *moved)
    assert await led.database.accept_cash(later, BOOK, accepted) == 0
    assert (await led.checkpoint()).portfolio == Portfolio.of_cash(CASH + 43)


async def test_cash_that_was_accepted_has_all_in_it_that_moved_until_then(led):
    accepted = CashAcceptance(Decimal(30), NOON + 9 * SECOND, NOON + 5 * SECOND)
    for _ in range(2):
        assert await led.database.accept_cash(led.term, BOOK, accepted) == 30
    within, after = NOON + 5 * SECOND, NOON + 6 * SECOND

    assert not await led.database.move_cash(led.term, BOOK, Decimal(30), "deposit a", within)
    assert await led.database.move_cash(led.term, BOOK, Decimal(40), "deposit b", after)
    assert (await led.checkpoint()).portfolio == Portfolio.of_cash(CASH + 70)


async def test_no_earlier_moment_and_no_cash_take_an_acceptance_back(led):
    for until in (5, 3):
        accepted = CashAcceptance(Decimal(0), NOON + until * SECOND, NOON + until * SECOND)
        assert await led.database.accept_cash(led.term, BOOK, accepted) == 0

    at = NOON + 4 * SECOND
    assert not await led.database.move_cash(led.term, BOOK, Decimal(9), "deposit", at)
    assert (await led.checkpoint()).portfolio == Portfolio.of_cash(CASH)


async def test_what_the_book_was_opened_with_is_not_booked_as_a_movement(led):
    assert not await led.database.move_cash(led.term, BOOK, Decimal(9), "deposit", NOON)


async def test_a_book_that_was_never_opened_is_empty_and_cannot_be_written(led):
    other = led.database.store(led.term, "paper:other")

    with pytest.raises(StoreError, match="paper:other was never opened"):
        await other.commit(CommitBatch((failed(),)))
    with pytest.raises(StoreError, match="this is a bug"):
        await other.intend(order())
    checkpoint = await led.database.checkpoint("paper:other")
    assert (checkpoint.commit, checkpoint.portfolio) == (0, Portfolio.of_cash(Decimal(0)))
    assert await led.database.news("paper:other", 0) == CommittedChanges(0)


async def test_books_do_not_mix(led):
    await led.database.open_book(led.term, "live:x", Decimal(7), NOON)
    live = led.database.store(led.term, "live:x")

    await live.commit(CommitBatch((failed(),), (StateRecord("kind", "key", b"live"),), b"live"))
    await led.commit(filled(order()), state_records=[StateRecord("kind", "key", b"paper")])
    checkpoint, other = await led.checkpoint(), await led.database.checkpoint("live:x")

    assert other.portfolio == Portfolio.of_cash(Decimal(7))
    assert (checkpoint.events, other.events) == ((filled(order()),), (failed(),))
    assert (checkpoint.state_records["kind"]["key"], other.state_records["kind"]["key"]) == (
        b"paper",
        b"live",
    )
    assert (checkpoint.published, other.published) == (None, b"live")


async def test_events_that_are_not_worth_keeping_leave_no_row(led):
    await led.commit(CycleStarted(NOON, 1), failed())

    assert (await led.checkpoint()).events == (failed(),)


async def test_events_come_back_in_the_order_in_which_they_happened(led):
    happened = [failed(1), filled(order(1)), settled("A"), failed(2)]

    await led.commit(*happened[:3])
    await led.commit(happened[3])

    assert (await led.checkpoint()).events == tuple(happened)


async def test_only_the_newest_events_of_each_kind_are_told_again(led):
    most = rows.NEWEST["FetchFailed"]
    await led.commit(filled(order()), *map(failed, range(most)))
    await led.commit(failed(most))

    reported = tuple(map(failed, range(1, most + 1)))
    assert (await led.checkpoint()).events == (filled(order()), *reported)


async def test_the_last_memo_of_a_name_counts_and_none_is_forgotten(led):
    await led.commit(
        state_records=[
            StateRecord("k", "a", b"1"),
            StateRecord("k", "a", b"2"),
            StateRecord("k", "b", b"3"),
        ]
    )
    await led.commit(
        state_records=[StateRecord("k", "b", None), StateRecord("other", "a", b"\0\xff")]
    )

    assert (await led.checkpoint()).state_records == {"k": {"a": b"2"}, "other": {"a": b"\0\xff"}}


async def test_those_who_look_on_hear_what_came_after_a_commit(led):
    await led.commit(
        failed(1),
        state_records=[StateRecord("k", "a", b"1"), StateRecord("k", "b", b"2")],
        published=b"1",
    )
    await led.commit(failed(2), state_records=[StateRecord("k", "b", None)])
    await led.commit(failed(3), published=b"3")

    hear = led.database.news
    assert await hear(BOOK, 3) == CommittedChanges(3)
    assert await hear(BOOK, 2) == CommittedChanges(3, (failed(3),), (), b"3")
    late = await hear(BOOK, 1)
    assert late == CommittedChanges(3, (failed(2), failed(3)), (StateRecord("k", "b", None),), b"3")


async def test_what_lies_far_back_is_told_as_to_a_new_leader(led):
    most = rows.NEWEST["FetchFailed"]
    await led.commit(*map(failed, range(most + 1)))
    change(led.url, update(books).values(commit=reading.FAR + 1))

    news = await led.database.news(BOOK, 0)

    assert news == CommittedChanges(reading.FAR + 1, tuple(map(failed, range(1, most + 1))))


async def test_switches_are_anybodys(led):
    for value in ("on", "off"):
        await led.database.switch("paper:new", "running", value, NOON)
    await led.database.switch("paper:new", "killed", "a reason", NOON)

    assert await led.database.switches("paper:new") == {"running": "off", "killed": "a reason"}
    assert await led.database.switches(BOOK) == {}


async def test_an_event_that_cannot_be_read_is_left_out_and_said(led, caplog):
    await led.commit(failed(1), failed(2))
    change(led.url, update(events).where(events.c.place == 0).values(body="{}"))

    assert (await led.checkpoint()).events == (failed(2),)
    assert "FetchFailed, cannot be read" in caplog.text


async def test_a_ledger_that_does_not_add_up_is_said_with_its_entry(led):
    await led.commit(settled("NEVER HELD"))

    with pytest.raises(StoreError, match=r"entry 2 .* cannot be booked: nothing of NEVER HELD"):
        await led.checkpoint()


async def test_what_was_wanted_earlier_does_not_undo_what_was_wanted_later(led):
    later = NOON + timedelta(seconds=1)
    await led.database.switch(BOOK, "killed", "a second incident", later)

    await led.database.switch(BOOK, "killed", "", NOON)
    assert await led.database.switches(BOOK) == {"killed": "a second incident"}

    await led.database.switch(BOOK, "killed", "", later)
    assert await led.database.switches(BOOK) == {"killed": ""}


async def test_a_book_gets_another_name_with_all_that_was_kept_of_it(led):
    await led.store.intend(order(2))
    await led.commit(filled(order()), published=b"{}")
    await led.database.switch(BOOK, "killed", "by hand", NOON)
    before = await led.checkpoint()

    assert await led.database.rename_book(led.term, BOOK, "live:production")

    assert await led.database.checkpoint("live:production") == before
    assert await led.database.switches("live:production") == {"killed": "by hand"}
    assert (await led.database.checkpoint(BOOK)).commit == 0
    assert await led.database.switches(BOOK) == {}


async def test_a_name_that_is_taken_stays_with_its_book(led):
    await led.commit(filled(order()))
    await led.database.open_book(led.term, "live:production", CASH, NOON)

    assert not await led.database.rename_book(led.term, BOOK, "live:production")
    assert not await led.database.rename_book(led.term, "live:nothing", "live:new")

    assert (await led.checkpoint()).commit == 1
