"""Addresses of databases: what they mean, what is refused, and no secret in what is said."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import config
from bot.ports.persistence import StoreError
from bot.store.connections import address
from bot.store.database import opened
from tests.support import store_pgbouncer
from tests.support.store_tables import begun
from tests.support.store_values import BOOK, done, filled, order

SECRET = "rSecretTail"


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg2", "Postgres"])
@pytest.mark.parametrize(
    ("written", "password", "host"),
    [
        ("foo:b@rSecretTail@127.0.0.1:5", "b@rSecretTail", "127.0.0.1"),
        ("foo:b%40r@db.example:5", "b@r", "db.example"),
        ("foo:a:b@h:5", "a:b", "h"),
        ("foo:50%off@h:5", "50%off", "h"),
        ("foo:p@[::1]:5", "p", "::1"),
        ("foo:p@%2Fvar%2Frun:5", "p", "/var/run"),
        ("foo:a/b?@c@h:5", None, None),
    ],
)
def test_a_password_never_becomes_a_part_of_the_host(kind, written, password, host):
    if password is None:
        with pytest.raises(StoreError):
            address.read(f"{kind}://{written}/mydb")
        return
    url = address.read(f"{kind}://{written}/mydb")

    assert (url.username, url.password, url.host, url.port) == ("foo", password, host, 5)
    assert (url.drivername, url.database) == ("postgresql+psycopg", "mydb")


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ("pgbouncer=true", {}),
        ("schema=public", {}),
        ("sslmode=require&channel_binding=require", {"sslmode": "require"}),
        ("connect_timeout=3", {"connect_timeout": "3"}),
        ("options=-csearch_path%3Dx", {"options": "-csearch_path=x"}),
        ("host=/var/run/postgresql", {"host": "/var/run/postgresql"}),
    ],
)
def test_members_that_are_known_are_handed_on(query, taken):
    assert taken.items() <= address.read(f"postgres://me@h/db?{query}").query.items()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("schema=mine", "'schema' that cannot be used"),
        ("pgbouncer=maybe", "'pgbouncer' that cannot be used"),
        ("sslmode=on", "'sslmode' that cannot be used"),
        ("connect_timeout=soon", "'connect_timeout' that cannot be used"),
        ("sslmode=require&sslmode=disable", "'sslmode' that cannot be used"),
        ("ssl=require", "a member 'ssl' that is not known"),
        ("autocommit=true", "a member 'autocommit' that is not known"),
        ("prepare_threshold=0", "a member 'prepare_threshold' that is not known"),
        ("connection_limit=1", "a member 'connection_limit' that is not known"),
        (f"{SECRET}=1", "a member that is not known"),
    ],
)
def test_other_members_are_refused_at_the_start_in_one_line(query, said):
    with pytest.raises(config.SettingsError) as caught:
        config.load(None, database_url=f"postgres://me:{SECRET}@h/db?{query}")

    (line,) = caught.value.problems
    assert said in line
    assert "DATABASE_URL" in line
    assert SECRET not in line


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_is_written_no_message_shows_it(before, after):
    marked = f"postgres://{before}:{SECRET}{after}@h:x/y"

    try:
        shown = str(address.read(marked).host)
    except StoreError as error:
        shown = str(error)

    assert SECRET not in shown


@pytest.fixture(scope="module")
def pooled(server):
    if store_pgbouncer.program() is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    server.create_database("pooled")
    with store_pgbouncer.running(server) as port:
        yield f"postgres://postgres@127.0.0.1:{port}/pooled?pgbouncer=true"


async def test_a_pooler_that_hands_out_a_connection_a_transaction_is_no_trouble(pooled):
    async with opened(pooled) as one, opened(pooled) as two:
        term = await begun(one)
        store = one.store(term, BOOK)

        async def keep(numbers):
            for number in numbers:
                await store.intend(order(number))
                await store.commit(done(filled(order(number))))

        async def look_on():
            for _ in range(30):
                await two.leader()
                await two.news(BOOK, 0)

        await asyncio.gather(keep(range(20)), look_on(), look_on(), look_on())
        await one.renew(term, 10)

        assert (await two.checkpoint(BOOK)).commit == 20


async def test_behind_a_pooler_each_transaction_has_its_limits(pooled):
    asked = "SELECT current_setting('{}')"
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit"]
    async with address.session(pooled) as session:
        for _ in range(3):
            reported = await session.write(
                lambda connection: [
                    connection.exec_driver_sql(asked.format(name)).scalar() for name in names
                ]
            )
            assert reported == ["3500ms", "3500ms", "on"]


def test_a_file_in_the_home_folder_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert address.read("sqlite:///~/x.db").database == str(tmp_path / "x.db")


@pytest.mark.parametrize("path", ["$HOME/x.db", "/data/${NAME}.db", "~nobody-of-that-name/x.db"])
def test_a_file_whose_name_would_be_taken_literally_is_refused(path):
    with pytest.raises(StoreError, match="write the whole path"):
        address.read(f"sqlite:///{path}")
