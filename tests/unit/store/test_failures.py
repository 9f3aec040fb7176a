"""A database that is not there, not usable, or gone for a while: said in words, and in time."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from bot.clock import stopwatch
from bot.ports.persistence import CommitBatch, StoreError
from bot.store import schema
from bot.store.account_store import AccountStore
from bot.store.connections import address
from bot.store.connections.session import said
from bot.store.database import Database, opened
from bot.store.writing import Chapter
from tests.support.store_tables import begun
from tests.support.store_values import BOOK, done, failed, filled, order

SECRET = "s3cret"
#: No port that anybody listens on.
NOBODY = "postgres://me:s3cret@127.0.0.1:1/money"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        (SECRET, "cannot be read"),
        (f"postgres://me:{SECRET}@host:po{SECRET}rt/x", "cannot be read"),
        (f"mysql://me:{SECRET}@host/x", "kind 'mysql' is not supported"),
        (f"https://me:{SECRET}@host/x", "kind 'https' is not supported"),
        ("sqlite://", "needs the path of a file"),
        ("sqlite:///:memory:", "needs the path of a file"),
        (f"sqlite:///x.db?password={SECRET}", "needs the path of a file"),
        (f"sqlite://me:{SECRET}@host/x.db", "needs the path of a file"),
        (NOBODY, "the PostgreSQL database money at 127.0.0.1 failed .*refused"),
        (f"{NOBODY}?password={SECRET}", "the PostgreSQL database money at 127.0.0.1 failed"),
        ("postgresql+psycopg://127.0.0.1:1", "the PostgreSQL database  at 127.0.0.1 failed"),
        ("sqlite:////dev/null/folder/x.db", "the folder of the database, folder, cannot be made"),
        ("sqlite:////proc/x.db", "the SQLite file x.db failed .*unable to open.*allow reading"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_without_showing_its_password(url, words):
    with pytest.raises(StoreError, match=words) as caught:
        async with opened(url):
            pass

    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (os.strerror(errno.EROFS), "allow writing there"),
        (os.strerror(errno.ENOSPC), "free some space on its disk"),
        ("disk I/O error", "look at the disk"),
    ],
    ids=["read-only", "full", "refused"],
)
def test_a_disk_that_cannot_be_written_has_its_own_remedy(words, remedy):
    assert remedy in said("the SQLite file x.db", OSError(errno.EIO, words))


async def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes, and they are longer than a hundred bytes. " * 10)
    before = path.read_bytes()

    with pytest.raises(StoreError, match=r"notes.txt failed .*move that file away"):
        async with opened(f"sqlite:///{path}"):
            pass

    assert path.read_bytes() == before


async def test_the_folder_of_a_file_is_made(tmp_path):
    async with opened(f"sqlite:///{tmp_path / 'a' / 'b' / 'book.db'}") as database:
        assert database.where == "the SQLite file book.db"


@pytest.mark.parametrize("odd", ["", "book.db", "book.db-wal", "book.db-kept"])
async def test_what_cannot_be_looked_at_is_refused_in_words(tmp_path, odd):
    folder = tmp_path / "folder"
    if odd:
        folder.mkdir()
        (folder / "book.db").touch()
    place = folder / odd
    place.unlink(missing_ok=True)
    # A loop, which nobody may follow, whoever asks.
    place.symlink_to(place)

    with pytest.raises(StoreError, match="symbolic links") as refused:
        async with opened(f"sqlite:///{folder / 'book.db'}"):
            pass

    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("name", ["book.db", "book.db-kept", "book.db-wal"])
@pytest.mark.parametrize(("make", "what"), [(Path.mkdir, "a folder"), (os.mkfifo, "a pipe")])
async def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, name, make, what):
    if name != "book.db":
        (tmp_path / "book.db").touch()
    make(tmp_path / name)

    with pytest.raises(StoreError, match=rf"the SQLite file {name} is {what}.*DATABASE_URL"):
        async with opened(f"sqlite:///{tmp_path / 'book.db'}"):
            pass


async def test_a_disk_without_room_is_said_and_nothing_is_lost_once_there_is_room(tmp_path):
    resource = pytest.importorskip("resource")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with opened(f"sqlite:///{tmp_path / 'book.db'}") as database:
        store = database.store(await begun(database), BOOK)
        large = done(*(failed(number) for number in range(5_000)))

        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
        try:
            with pytest.raises(StoreError, match=r"the SQLite file book\.db failed"):
                await store.commit(large)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert (await database.checkpoint(BOOK)).events == ()
        await store.commit(large)

        assert len((await database.checkpoint(BOOK)).events) > 0
        assert (await database.checkpoint(BOOK)).commit == 1


async def test_where_it_is_tells_no_password_and_no_folder(url, database):
    assert "postgres:" not in database.where
    assert "/" not in database.where


async def test_a_file_that_was_killed_while_it_was_written_opens_again(tmp_path):
    place = tmp_path / "book.db"
    async with opened(f"sqlite:///{place}") as database:
        term = await begun(database)
        await database.store(term, BOOK).commit(done(filled(order())))
        # What the disk holds at this moment, with nothing closed.
        copy = tmp_path / "copy.db"
        for suffix in ("", "-wal"):
            (tmp_path / f"copy.db{suffix}").write_bytes(
                (tmp_path / f"book.db{suffix}").read_bytes()
            )

    async with opened(f"sqlite:///{copy}") as again:
        assert (await again.checkpoint(BOOK)).events == (filled(order()),)


async def test_many_may_open_a_new_database_at_once(url):
    async def first_look():
        async with opened(url) as database:
            return await database.take("whoever", 0, BOOK)

    terms = await asyncio.gather(*(first_look() for _ in range(6)))

    assert sorted(term.epoch for term in terms if term) == [1, 2, 3, 4, 5, 6]


class Deaf:
    """A session whose answers get lost when told so: `before` the work, or `after` it."""

    def __init__(self, session):
        self._session = session
        self.where = session.where
        self.lose = ""

    async def traced(self):
        return await self._session.traced()

    async def trace(self, trace):
        await self._session.trace(trace)

    async def read(self, work):
        return await self._session.read(work)

    async def write(self, work, seconds=4.0):
        lose, self.lose = self.lose, ""
        if lose == "before":
            raise StoreError("lost")
        result = await self._session.write(work, seconds)
        if lose == "after":
            raise StoreError("lost")
        return result


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_commit_whose_answer_was_lost_is_written_once(url, lost):
    async with address.session(url) as session:
        await schema.bring_up(session)
        deaf = Deaf(session)
        database = Database(session)
        store = AccountStore(deaf, Chapter(await begun(database), BOOK))
        first, second = done(failed(1), filled(order())), done(failed(2))
        await store.commit(done(failed(0)))

        deaf.lose = lost
        with pytest.raises(StoreError, match="lost"):
            await store.commit(first)
        await store.commit(first)
        await store.commit(second)

        checkpoint = await database.checkpoint(BOOK)
        assert checkpoint.events == (failed(0), failed(1), filled(order()), failed(2))
        assert checkpoint.commit == 3


async def test_the_same_things_may_happen_again(led):
    twice = CommitBatch((failed(),))

    await led.store.commit(twice)
    await led.store.commit(twice)

    assert (await led.checkpoint()).events == (failed(), failed())


async def test_a_server_that_dropped_all_connections_is_found_again(server, numbers):
    url = server.create(f"book{next(numbers)}")
    async with opened(url) as database:
        await database.check()
        server.drop_connections()

        await database.check()


async def test_a_server_that_hangs_is_said_in_time_and_found_again(server, numbers):
    async with opened(server.create(f"book{next(numbers)}")) as database:
        term = await begun(database)
        store = database.store(term, BOOK)
        started = stopwatch()
        server.pause()
        try:
            with pytest.raises(StoreError, match="did not answer in time"):
                await store.commit(done(filled(order())))
        finally:
            server.wake()

        assert stopwatch() - started < 7
        await database.check()
        await store.commit(done(filled(order())))
        assert (await database.checkpoint(BOOK)).unresolved == ()


async def test_a_leader_that_hangs_in_a_transaction_is_let_go_of_by_the_server(server, numbers):
    async with address.session(server.create(f"book{next(numbers)}")) as session:
        shown = await session.read(
            lambda connection: connection.exec_driver_sql(
                "SHOW idle_in_transaction_session_timeout"
            ).scalar()
        )

    assert shown == "3500ms"
