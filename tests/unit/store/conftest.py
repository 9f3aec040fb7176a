"""Every promise of the store is kept on both databases: tests that ask for `url` run on each."""

import itertools
import tempfile
from pathlib import Path

import pytest

from bot.store.database import opened
from tests.support import store_postgres
from tests.support.store_tables import Leading, begun
from tests.support.store_values import BOOK


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


@pytest.fixture
async def led(url, database):
    """A book, open, in the hands of its leader."""
    term = await begun(database)
    return Leading(url, database, term, database.store(term, BOOK))
