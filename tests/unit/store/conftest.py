"""Every promise of the store is kept on both databases: tests that ask for `url` run on each."""

import itertools
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, select

from bot.ports.persistence import CommitBatch, Term
from bot.store.account_store import AccountStore
from bot.store.database import Database, opened
from bot.store.tables import metadata
from tests.support import store_postgres
from tests.support.store_values import BOOK, CASH
from tests.support.strategies import NOON


@pytest.fixture(scope="session")
def server():
    """PostgreSQL for all tests of one process."""
    if store_postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not below pytest's own folder: that one is closed to the user whom the server runs as.
    with tempfile.TemporaryDirectory() as folder, store_postgres.running(Path(folder)) as started:
        yield started


@pytest.fixture(scope="session")
def numbers():
    return itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, numbers):
    """The address of a new, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'book.db'}"
    return request.getfixturevalue("server").create(f"book{next(numbers)}")


@pytest.fixture
async def database(url):
    """An open database with nothing in it."""
    async with opened(url) as database:
        yield database


@dataclass
class Leading:
    """A database, led by one who has opened a book."""

    url: str
    database: Database
    term: Term
    store: AccountStore

    async def checkpoint(self):
        return await self.database.checkpoint(BOOK)

    async def commit(self, *happened, **more):
        await self.store.commit(CommitBatch(happened, **more))

    def rows(self):
        """Every row of every table, but those of the lease."""
        return {name: found for name, found in all_rows(self.url).items() if name != "lease"}


@pytest.fixture
async def led(url, database):
    """A book, open, in the hands of its leader."""
    term = await begun(database)
    return Leading(url, database, term, database.store(term, BOOK))


async def begun(database: Database) -> Term:
    """A term in which a book is open."""
    term = await database.take("one", 30, BOOK)
    assert term is not None
    await database.open_book(term, BOOK, CASH, NOON)
    return term


@contextmanager
def engine(url: str):
    """A plain engine for a look at the tables without the store; its connections end with it."""
    parsed = make_url(url)
    driver = "sqlite" if parsed.drivername == "sqlite" else "postgresql+psycopg"
    plain = create_engine(parsed.set(drivername=driver))
    try:
        yield plain
    finally:
        plain.dispose()


def change(url, *statements):
    """Do this to the tables without the store."""
    with engine(url) as changing, changing.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def all_rows(url):
    """Every row of every table."""
    with engine(url) as reading, reading.connect() as connection:
        return {
            table.name: sorted(connection.execute(select(table)).all(), key=repr)
            for table in metadata.sorted_tables
        }
