"""Whose account a live book is about: a new one on a used account begins killed."""

from dataclasses import dataclass

import pytest

from bot import config
from bot.app.account_identity import OWNER, Owner, book_of, kill_if_traded, refuse_another
from bot.cluster.operator_flags import KILLED
from bot.ports.persistence import StoreError
from bot.store.database import opened
from tests.support.fakes import HandClock
from tests.support.store_tables import Leading, begun
from tests.support.store_values import BOOK


@dataclass
class Account:
    """An account at an exchange, as far as it tells of itself."""

    who: Owner | None = None
    traded: str | None = None

    async def owner(self):
        return self.who

    async def history(self):
        return self.traded


@pytest.fixture
async def led(tmp_path):
    url = f"sqlite:///{tmp_path / 'book.db'}"
    async with opened(url) as database:
        term = await begun(database)
        yield Leading(url, database, term, database.store(term, BOOK))


async def refuse(led, who):
    await refuse_another(Account(who), led.store, await led.checkpoint(), BOOK)


async def test_a_new_book_on_an_account_that_was_traded_begins_killed(led):
    account = Account(traded="orders and 2 positions")

    await kill_if_traded(account, led.database, BOOK, HandClock())

    reason = (await led.database.switches(BOOK))[KILLED]
    assert reason == "a new book on an account with orders and 2 positions: look at it, then resume"


async def test_a_new_book_on_a_new_account_trades(led):
    await kill_if_traded(Account(), led.database, BOOK, HandClock())

    assert await led.database.switches(BOOK) == {}


async def test_a_key_of_another_member_ends_the_term(led):
    await refuse(led, Owner("ann", "key-1"))
    await refuse(led, Owner("ann", "key-2"))

    with pytest.raises(StoreError, match="another account") as refused:
        await refuse(led, Owner("bob", "key-2"))

    assert "KALSHI_API_KEY" in str(refused.value)


async def test_without_orders_the_key_says_whose_account_it_is(led):
    await refuse(led, Owner("ann", "key-1"))
    await refuse(led, Owner("", "key-1"))

    with pytest.raises(StoreError, match="another account"):
        await refuse(led, Owner("", "key-9"))


async def test_on_paper_and_before_the_first_order_nobody_is_remembered(led):
    await refuse(led, None)
    await refuse(led, Owner("", "key-1"))

    assert OWNER not in (await led.checkpoint()).state_records


def test_each_subaccount_has_a_book_of_its_own():
    live = {"bot_mode": "live", "api_token": "t" * 20, "kalshi_api_key": "k", "kalshi_secret": "s"}
    here = {**live, "kalshi_base_url": "http://127.0.0.1:9000/trade-api/v2"}

    books = [
        book_of(config.load(None, kalshi_subaccount=number, **here), HandClock())
        for number in (0, 1, 63)
    ]

    primary = "live:http://127.0.0.1:9000/trade-api/v2"
    assert books == [primary, f"{primary}#1", f"{primary}#63"]


@pytest.mark.parametrize("number", [-1, 64, "three"])
def test_what_is_no_number_of_a_subaccount_is_refused(number):
    with pytest.raises(config.SettingsError, match="KALSHI_SUBACCOUNT"):
        config.load(None, kalshi_subaccount=number)
