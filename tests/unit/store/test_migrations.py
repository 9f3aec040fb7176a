"""The tables: as they were, brought up to date with all that was in them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from bot.core.account.portfolio import Portfolio
from bot.core.events import FetchFailed
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Fill, Life, Order
from bot.ports.persistence import StoreError, Term
from bot.store import schema
from bot.store.database import opened
from bot.store.tables import metadata
from tests.support.store_tables import change, engine
from tests.support.store_values import BOOK
from tests.support.strategies import NOON

SCRIPTS = ScriptDirectory.from_config(schema.config())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
AT = "'2026-11-22T12:00:00.000000+00:00'"
#: What each revision could hold, besides that of the ones before, as it was written then.
DATA = {
    "0001": [
        f"INSERT INTO books VALUES ('{BOOK}', {AT}, 7, 3, 1795348800.0)",
        f"UPDATE lease SET holder='old', epoch=41, book='{BOOK}', started_at=1, expires_at=2",
        f"""INSERT INTO orders VALUES ('c-1', '{BOOK}', 'A', 'buy', '10', '0.41', {AT}, 41,
            'filled', 'o-1', '', {AT})""",
        f"""INSERT INTO orders VALUES ('c-2', '{BOOK}', 'A', 'sell', '4.50', '0.60', {AT}, 41,
            NULL, NULL, NULL, NULL)""",
        f"INSERT INTO cash_movements VALUES ('{BOOK}', 1, '10000.00', 'opening', {AT})",
        f"""INSERT INTO fills VALUES ('{BOOK}', 2, 'f-1', 'c-1', 'A', 'buy', '10', '0.40', '0.17',
            {AT})""",
        f"INSERT INTO settlements VALUES ('{BOOK}', 3, 'A', '1', '10', '5.83', {AT})",
    ],
    "0002": [
        f"""INSERT INTO events VALUES ('{BOOK}', 7, 0, 'FetchFailed', NULL, {AT},
            '{{"at":"2026-11-22T12:00:00Z","what":"books","reason":"so"}}')""",
        f"INSERT INTO memos VALUES ('{BOOK}', 'k', 'a', 7, :bytes)",
        f"INSERT INTO published VALUES ('{BOOK}', 7, :bytes)",
        f"INSERT INTO switches VALUES ('{BOOK}', 'running', 'off', {AT})",
    ],
    "0003": [
        f"DELETE FROM {table} WHERE entry = {entry}"
        for table, entry in (("cash_movements", 1), ("fills", 2))
    ]
    + [
        f"""INSERT INTO openings VALUES ('{BOOK}', 2, '10000.00', '9995.83', '0', '0.17',
            '[{{"ticker":"A","size":"10","cost":"4.00","realised":"0","fees":"0.17",
            "opened_at":"2026-11-22T12:00:00Z"}}]')"""
    ],
    "0004": ["UPDATE orders SET aim='leave' WHERE client_order_id='c-2'"],
    "0005": [
        f"""INSERT INTO round_trips VALUES ('{BOOK}', 7, 0, 'A', NULL, NULL, NULL, 'buy', '10',
            '0.40', '1', '6', '0.17', {AT}, {AT}, 'settlement')""",
        f"""INSERT INTO equity VALUES ('{BOOK}', 1795348800, '10005.83', '10005.83', '5.83', '0.17',
            '0')""",
    ],
    "0006": ["UPDATE orders SET life='rest' WHERE client_order_id='c-2'"],
    "0007": [
        "UPDATE books SET entry=4",
        f"INSERT INTO adjustments VALUES ('{BOOK}', 4, 'B', '-5', '2.50', {AT})",
    ],
    "0008": [f"UPDATE books SET cash_until={AT}"],
    "0009": [f"UPDATE books SET trades_since={AT}"],
}


def at_revision(url, revision):
    """Tables as they were at a revision, with all that they could hold."""
    with engine(url) as old, old.begin() as connection:
        for earlier in REVISIONS[: REVISIONS.index(revision) + 1]:
            schema.upgrade(connection, earlier)
            for statement in DATA[earlier]:
                values = {"bytes": b"\x00\xff"} if ":bytes" in statement else {}
                connection.execute(text(statement), values)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_nothing_is_lost_on_the_way_from_any_revision(url, revision):
    at_revision(url, revision)

    async with opened(url) as database:
        checkpoint = await database.checkpoint(BOOK)
        leader = await database.leader()
        switches = await database.switches(BOOK)
        term = await database.take("new", 30, BOOK)

    fill = Fill("f-1", "c-1", "A", Side.BUY, Decimal(10), Decimal("0.40"), Decimal("0.17"), NOON)
    booked = Portfolio.of_cash(Decimal("10000.00")).after(fill).settle("A", Decimal(1))
    if revision >= "0007":
        booked = booked.adjusted("B", Decimal(-5), Decimal("2.50"), NOON)
    has_memory = revision >= "0002"
    aim = Aim.LEAVE if revision >= "0004" else Aim.ENTER
    life = Life.REST if revision >= "0006" else Life.TAKE
    assert checkpoint.portfolio == booked
    assert checkpoint.commit == 7
    assert checkpoint.unresolved == (
        Order("c-2", "A", Side.SELL, Decimal("4.50"), Decimal("0.60"), NOON, aim, life),
    )
    assert checkpoint.events == ((FetchFailed(NOON, "books", "so"),) if has_memory else ())
    assert checkpoint.state_records == ({"k": {"a": b"\x00\xff"}} if has_memory else {})
    assert checkpoint.published == (b"\x00\xff" if has_memory else None)
    assert switches == ({"running": "off"} if has_memory else {})
    assert (leader.epoch, leader.book, term) == (41, BOOK, Term("new", 42))


LATER = "'2026-11-25T12:00:00.000000+00:00'"
ACCEPTANCE = f"""INSERT INTO cash_movements (book, entry, amount, why, at)
    VALUES ('{BOOK}', 9, '-5.00', 'accepted by an operator', {LATER})"""
NO_ENTRY_LEFT = ["DELETE FROM settlements", "DELETE FROM adjustments"]


@pytest.mark.parametrize(
    ("revision", "statements", "is_within", "is_after"),
    [
        ("0002", [], None, NOON),
        ("0002", [ACCEPTANCE], NOON + timedelta(days=3), NOON + timedelta(days=3, seconds=1)),
        ("0007", [], NOON, NOON + timedelta(seconds=1)),
        ("0007", [ACCEPTANCE], NOON + timedelta(days=3), NOON + timedelta(days=3, seconds=1)),
        ("0007", NO_ENTRY_LEFT, NOON, NOON + timedelta(seconds=1)),
    ],
    ids=["whole", "accepted", "pruned", "pruned and accepted", "all pruned"],
)
async def test_cash_of_an_earlier_version_is_not_booked_a_second_time(
    url, revision, statements, is_within, is_after
):
    at_revision(url, revision)
    opened_at = "'2026-11-21T12:00:00.000000+00:00'"
    change(url, *map(text, [f"UPDATE books SET opened_at={opened_at}", *statements]))

    async with opened(url) as database:
        term = await database.take("new", 30, BOOK)
        assert term is not None
        if is_within is not None:
            assert not await database.move_cash(term, BOOK, Decimal(1), "deposit a", is_within)
        assert await database.move_cash(term, BOOK, Decimal(1), "deposit b", is_after)


@pytest.mark.parametrize(
    ("revision", "since"),
    [("0002", NOON - timedelta(days=1)), ("0008", NOON)],
    ids=["whole", "pruned"],
)
async def test_trades_that_an_earlier_version_pruned_are_not_looked_for(url, revision, since):
    at_revision(url, revision)
    change(url, text("UPDATE books SET opened_at='2026-11-21T12:00:00.000000+00:00'"))

    async with opened(url) as database:
        assert await database.trades_since(BOOK) == since


def test_every_revision_has_data_to_bring_along():
    assert list(DATA) == REVISIONS


async def test_the_revisions_lead_to_the_tables_that_the_code_knows(url):
    async with opened(url):
        pass

    with engine(url) as there, there.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)
    assert differences == []


async def test_a_database_of_a_newer_version_is_left_alone(url):
    async with opened(url):
        pass
    change(url, text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match=f"of revision 9999.*up to {REVISIONS[-1]}"):
        async with opened(url):
            pass


async def test_a_database_that_is_up_to_date_is_not_changed(url):
    async with opened(url) as database:
        term = await database.take("one", 30, BOOK)

    async with opened(url) as database:
        leader = await database.leader()

    assert term is not None
    assert (leader.holder, leader.epoch) == ("one", 1)
