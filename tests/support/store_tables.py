"""A database led by a test, and a look at its tables without the store."""

from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import create_engine, make_url, select

from bot.ports.persistence import CommitBatch, Term
from bot.store.account_store import AccountStore
from bot.store.database import Database
from bot.store.tables import metadata
from tests.support.store_values import BOOK, CASH
from tests.support.strategies import NOON


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

    async def next_term(self):
        """The term of one who took over."""
        await self.database.release(self.term)
        return await self.database.take("two", 30, BOOK)

    def rows(self):
        """Every row of every table, but those of the lease."""
        return {name: found for name, found in all_rows(self.url).items() if name != "lease"}


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
