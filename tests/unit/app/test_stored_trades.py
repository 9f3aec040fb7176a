"""Since when the trades of a book are known, and count beside its cash."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.app.stored_trades import StoredTrades
from bot.core.account.reconcile import CashAcceptance
from bot.store.database import opened
from tests.support.fakes import HandClock
from tests.support.store_tables import begun
from tests.support.store_values import BOOK
from tests.support.strategies import NOON

HOUR = timedelta(hours=1)


@pytest.fixture
async def room(tmp_path):
    """A book that was begun two hours ago, in its term."""
    async with opened(f"sqlite:///{tmp_path}/book.db") as database:
        term = await begun(database)
        clock = HandClock()
        clock.pass_by(7_200)
        yield StoredTrades(database, BOOK, clock, timedelta(days=30)), term


async def test_trades_are_known_since_the_book_was_begun_or_as_long_as_they_are_kept(room):
    stored, _ = room

    assert await stored.booked() == (NOON, frozenset())
    assert (await stored.booked(NOON + HOUR))[0] == NOON + HOUR
    stored.clock.pass_by(40 * 86_400)
    assert (await stored.booked())[0] == NOON + timedelta(days=10, hours=2)


async def test_what_was_traded_before_cash_was_accepted_does_not_move_it_again(room):
    stored, term = room
    assert (await stored.uncovered())[0] == NOON
    accepted = CashAcceptance(Decimal(-5), NOON + 2 * HOUR, until=NOON + HOUR)

    await stored.database.accept_cash(term, BOOK, accepted)

    assert (await stored.uncovered())[0] == NOON + HOUR
    assert (await stored.uncovered(NOON))[0] == NOON + HOUR
    assert (await stored.uncovered(NOON + 2 * HOUR))[0] == NOON + 2 * HOUR
    assert (await stored.booked())[0] == NOON
