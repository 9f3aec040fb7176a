"""A file of SQLite that is deleted, replaced or cut off: noticed, and never a new account."""

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bot.core.market.orders import Order
from bot.ports.persistence import StoreError, StoreLostError
from bot.store.connections import trace
from bot.store.connections.trace import SUFFIX, Trace
from bot.store.database import opened
from tests.support.store_tables import begun
from tests.support.store_values import BOOK, done, filled, order


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    return place / "book.db"


def address(path):
    return f"sqlite:///{path}"


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def backed_up(path):
    copy = path.with_name("backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def delete(path):
    path.unlink()


def delete_everything(path):
    for file in path.parent.iterdir():
        file.unlink()


def delete_folder(path):
    shutil.rmtree(path.parent)


def replace_by_a_copy(path):
    backed_up(path).replace(path)


def empty(path):
    os.truncate(path, 0)


def cut_off(path):
    os.truncate(path, path.stat().st_size // 2)


def delete_wal(path):
    beside(path, "-wal").unlink()


def delete_shm(path):
    beside(path, "-shm").unlink()


def replace_wal(path):
    beside(path, "-wal").unlink()
    beside(path, "-wal").touch()


HARM = [
    delete,
    delete_everything,
    delete_folder,
    replace_by_a_copy,
    empty,
    cut_off,
    delete_wal,
    delete_shm,
    replace_wal,
]


@pytest.mark.parametrize("harm", HARM)
async def test_a_file_that_is_lost_while_in_use_is_noticed_by_all_who_use_it(path, harm):
    async with opened(address(path)) as database, opened(address(path)) as standby:
        term = await begun(database)
        store = database.store(term, BOOK)
        await store.commit(done(filled(order())))
        # What is not in the file itself yet cannot be cut off.
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await database.leader()
        await standby.leader()

        harm(path)

        with pytest.raises(StoreLostError, match=r"book\.db.* while it was in use.*Put it back"):
            await database.renew(term, 10)
        with pytest.raises(StoreLostError):
            await store.intend(order(2))
        with pytest.raises(StoreLostError):
            await store.commit(done(filled(order(2))))
        with pytest.raises(StoreLostError):
            await standby.take("another", 10, BOOK)
        with pytest.raises(StoreLostError):
            await standby.leader()


@pytest.mark.parametrize("harm", [delete, replace_by_a_copy, delete_folder, delete_everything])
async def test_what_was_lost_is_not_begun_anew_by_the_process_that_had_it(path, harm):
    async with opened(address(path)) as database:
        store = database.store(await begun(database), BOOK)
        await store.commit(done(filled(order())))
        if harm is replace_by_a_copy:
            copy = backed_up(path)
            await store.commit(done(filled(order(2))))
            copy.replace(path)
        else:
            harm(path)

    with pytest.raises(StoreError, match=r"book\.db"):
        async with opened(address(path), may_begin=False):
            pass
    assert not path.parent.exists() or harm is replace_by_a_copy or not path.exists()


async def test_a_file_that_is_put_back_is_in_use_again(path):
    async with opened(address(path)) as database:
        term = await begun(database)
        away = path.with_name("elsewhere")
        path.rename(away)
        with pytest.raises(StoreLostError):
            await database.renew(term, 10)
        away.rename(path)

        await database.renew(term, 10)


async def test_the_file_may_grow_and_what_waits_beside_it_may_shrink(path):
    async with opened(address(path)) as database:
        store = database.store(await begun(database), BOOK)
        for number in range(20):
            await store.commit(done(filled(order(number))))
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        assert (await database.checkpoint(BOOK)).commit == 20


async def closed(path, *orders: Order):
    """An account with these orders, or one; the process that kept it has ended."""
    async with opened(address(path)) as database:
        store = database.store(await begun(database), BOOK)
        for one in orders or (order(),):
            await store.commit(done(filled(one)))


def left_by_a_crash(path):
    """The files as a process leaves them that was killed."""
    folder = path.with_name("crashed")
    folder.mkdir()
    for suffix in ("", "-wal", "-shm", SUFFIX):
        if beside(path, suffix).exists():
            shutil.copy(beside(path, suffix), folder)
    return folder / path.name


@pytest.mark.parametrize("harm", [delete, empty])
async def test_at_the_start_a_file_that_is_missed_is_named_with_what_to_do(path, harm):
    await closed(path)
    harm(path)

    with pytest.raises(StoreError, match=r"book\.db is (missing|empty) though book\.db-kept .*put"):
        async with opened(address(path)):
            pass


async def test_at_the_start_an_empty_file_is_no_new_account(path):
    path.touch()

    with pytest.raises(StoreError, match=r"book\.db is empty: put a copy of it back"):
        async with opened(address(path)):
            pass
    assert path.stat().st_size == 0


async def test_at_the_start_commits_without_their_database_are_no_new_account(path):
    beside(path, "-wal").write_bytes(b"something")

    with pytest.raises(StoreError, match=r"book\.db is missing though book\.db-wal tells of"):
        async with opened(address(path)):
            pass


@pytest.mark.parametrize("also", ["", "-shm"])
async def test_at_the_start_commits_that_are_lost_are_missed(path, also):
    async with opened(address(path)) as database:
        store = database.store(await begun(database), BOOK)
        await store.commit(done(filled(order())))
        crashed = left_by_a_crash(path)
    beside(crashed, "-wal").unlink()
    beside(crashed, also or "-wal").unlink(missing_ok=True)

    with pytest.raises(StoreError, match=r"is not the one that was used last: it"):
        async with opened(address(crashed)):
            pass


async def test_an_older_copy_is_refused_until_it_is_said_that_it_is_meant(path):
    await closed(path)
    copy = backed_up(path)
    await closed(path, order(2))
    copy.replace(path)

    with pytest.raises(StoreError, match=r"ends with term 1, but term 2 was committed.* -kept"):
        async with opened(address(path)):
            pass
    beside(path, SUFFIX).unlink()
    async with opened(address(path)) as database:
        assert (await database.checkpoint(BOOK)).commit == 1


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
async def test_at_the_start_half_a_file_is_no_account(path, share):
    await closed(path, *(order(number) for number in range(2, 40)))
    os.truncate(path, int(path.stat().st_size * share))

    with pytest.raises(StoreError, match=r"book\.db .*(malformed|damaged)"):
        async with opened(address(path)):
            pass


async def test_a_damaged_trace_is_named(path):
    await closed(path)
    beside(path, SUFFIX).write_text("{")

    with pytest.raises(StoreError, match=r"book\.db-kept is damaged .*then delete that file"):
        async with opened(address(path)):
            pass


async def test_an_account_from_before_there_were_traces_opens(path):
    await closed(path)
    beside(path, SUFFIX).unlink()

    async with opened(address(path)) as database:
        assert (await database.checkpoint(BOOK)).commit == 1


async def test_who_deletes_all_of_it_begins_anew(path):
    await closed(path)
    for file in path.parent.glob("book.db*"):
        file.unlink()

    async with opened(address(path)) as database:
        assert (await database.checkpoint(BOOK)).commit == 0


def test_of_many_who_leave_a_trace_at_once_none_takes_the_file_of_another(path):
    path.touch()
    left = [Trace(1, BOOK, commit) for commit in range(200)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: trace.write(path, one), left))

    found = trace.read(path)
    assert found is not None
    assert found.book == BOOK
    assert sorted(file.name for file in path.parent.iterdir()) == ["book.db", f"book.db{SUFFIX}"]
