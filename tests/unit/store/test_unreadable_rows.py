"""Rows with values that are none: named, never guessed, and never the end of the process."""

import asyncio
import re
import shutil
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bot.core.events import PositionAdjusted
from bot.ports.persistence import StateRecord, StoreError
from bot.store.database import opened
from bot.store.tables import metadata
from tests.support.store_tables import begun, change
from tests.support.store_values import BOOK, done, filled, order, settled
from tests.support.strategies import NOON

#: As they would be written into a statement.
NO_NUMBER = ["'abc'", "9223372036854775807"]
COLUMNS = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if column.name not in {"book", "holder"} and (table.name, column.name) != ("lease", "id")
]


async def written(url):
    """One of everything."""
    async with opened(url) as database:
        term = await begun(database)
        store = database.store(term, BOOK)
        await store.intend(order(2))
        state_records = [StateRecord("kind", "key", b"body")]
        await store.commit(
            done(filled(order()), settled(), state_records=state_records, published=b"{}")
        )
        await database.switch(BOOK, "running", "on", NOON)
        await database.prune(term, BOOK, NOON + timedelta(days=-1))
        taken = PositionAdjusted(NOON, "C", Decimal(0), Decimal(7), Decimal("2.80"))
        await store.commit(done(filled(order(3, "B")), taken))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A file with one of everything in it."""
    place = tmp_path_factory.mktemp("template") / "book.db"
    asyncio.run(written(f"sqlite:///{place}"))
    return place


@pytest.fixture
def url(template, tmp_path):
    return f"sqlite:///{shutil.copy(template, tmp_path)}"


def put(url, table, column, value):
    change(url, text(f'UPDATE "{table}" SET "{column}" = {value}'))


async def tried(url):
    """Everything a process reads; what failed, in words."""
    failed = []
    async with opened(url) as database:
        calls = (
            lambda: database.checkpoint(BOOK),
            lambda: database.seen(BOOK),
            lambda: database.news(BOOK, 0),
            lambda: database.switches(BOOK),
            database.leader,
            lambda: database.take("two", 10, BOOK),
        )
        for call in calls:
            try:
                await call()
            except StoreError as error:
                failed.append(str(error))
    return failed


@pytest.mark.parametrize(("table", "column"), COLUMNS)
@pytest.mark.parametrize("value", NO_NUMBER)
async def test_no_value_in_any_column_is_more_than_an_error_with_its_name(
    url, table, column, value
):
    try:
        put(url, table, column, value)
    except Exception:  # noqa: BLE001  # the table itself refuses it
        return

    try:
        failed = await tried(url)
    except StoreError as error:
        failed = [str(error)]

    for words in failed:
        assert re.search(r"table \w+", words), words
        assert "\n" not in words


@pytest.mark.parametrize("value", ["'abc'", "'NaN'", "1e400", "'2026-13-45'", "x'00ff'"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("fills", "price"),
        ("fills", "size"),
        ("fills", "fee"),
        ("fills", "at"),
        ("fills", "side"),
        ("settlements", "payout"),
        ("settlements", "at"),
        ("cash_movements", "amount"),
        ("adjustments", "size"),
        ("adjustments", "cost"),
        ("adjustments", "at"),
        ("orders", "at"),
        ("orders", "side"),
        ("orders", "limit"),
    ],
)
async def test_an_account_that_cannot_be_read_is_refused_and_the_rest_is_still_shown(
    url, table, column, value
):
    put(url, table, column, value)

    async with opened(url) as database:
        named = rf"row .*=.* of table {table} cannot be read: .*([Rr]estore a backup|fix)"
        with pytest.raises(StoreError, match=named):
            await database.checkpoint(BOOK)
        seen = await database.seen(BOOK)

    assert seen.published == b"{}"
    assert len(seen.events) == 4


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("events", "body", "'{'"),
        ("events", "body", "'{\"at\": 1e400}'"),
        ("events", "body", "x'00'"),
        ("events", "kind", "'NoSuchKind'"),
        ("memos", "body", "'text'"),
        ("published", "body", "'text'"),
    ],
)
async def test_history_that_cannot_be_read_is_named_and_left_out(url, caplog, table, column, value):
    put(url, table, column, value)

    async with opened(url) as database:
        checkpoint = await database.checkpoint(BOOK)

    assert checkpoint.portfolio.positions
    if value != "'NoSuchKind'":
        assert re.search(rf"row .*=.* of table {table}\b.*cannot be read.*skipped", caplog.text)


@pytest.mark.parametrize("epoch", ["9223372036854775807", "'abc'", "-9223372036854775808"])
async def test_a_term_that_cannot_be_counted_on_is_not_followed_by_another(url, epoch):
    put(url, "lease", "epoch", epoch)
    change(url, text("UPDATE lease SET holder = NULL"))

    with pytest.raises(StoreError, match="row id=1 of table lease cannot be read: epoch is"):
        async with opened(url) as database:
            await database.take("two", 10, BOOK)


async def test_a_number_that_is_none_is_named_by_the_server_s_own_types(server, numbers):
    url = server.create(f"book{next(numbers)}")
    await written(url)
    put(url, "fills", "price", "'NaN'")

    async with opened(url) as database:
        with pytest.raises(StoreError, match=r"row .*entry=.* of table fills cannot be read"):
            await database.checkpoint(BOOK)


async def test_a_time_that_is_none_is_an_error_in_words_on_the_server(server, numbers):
    url = server.create(f"book{next(numbers)}")
    await written(url)
    put(url, "fills", "at", "'infinity'")

    async with opened(url) as database:
        with pytest.raises(StoreError, match="a row holds an invalid time"):
            await database.checkpoint(BOOK)


odd = st.one_of(st.text(max_size=12), st.floats(), st.integers(-(2**63), 2**63 - 1), st.binary())


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.sampled_from(COLUMNS), value=odd)
async def test_whatever_lies_in_a_column_only_an_error_in_words_comes_of_it(
    template, tmp_path_factory, where, value
):
    url = f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('odd'))}"
    table, column = where
    try:
        change(url, text(f'UPDATE "{table}" SET "{column}" = :value').bindparams(value=value))
    except Exception:  # noqa: BLE001  # the table, or the driver, refuses it
        return

    try:
        failed = await tried(url)
    except StoreError as error:
        failed = [str(error)]

    assert all("\n" not in words for words in failed)
