"""Addresses of databases: which are accepted, and what they lead to.

No message of this module contains an address or a part of it: there may be a password in it.
"""

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL

from bot.ports.persistence import StoreError
from bot.settings_text import expanded
from bot.store.connections import sqlite
from bot.store.connections.session import StoreSession

_ACCEPTED: Final = (
    "DATABASE_URL must be sqlite:///folder/file.db or postgres://user:password@host:port/database"
)
#: As other programs write them: the driver is ours all the same.
_SERVERS: Final = frozenset(
    ["postgres", "postgresql"]
    + [f"postgresql+{driver}" for driver in ("psycopg", "psycopg2", "psycopg_async", "asyncpg")]
)
_FILES: Final = frozenset({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"})
_HOST: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|%2[Ff][^:@/?#\s]*|[A-Za-z0-9._-]*)(:(?P<port>\d{1,5}))?"
)
_ANYTHING: Final = re.compile(r".+", re.DOTALL)
_SECONDS: Final = re.compile(r"\d{1,4}")
#: What may follow the ?, and what it may be: of the client library's parameters those that suit.
_MEMBERS: Final[Mapping[str, re.Pattern[str]]] = {
    "sslmode": re.compile("disable|allow|prefer|require|verify-ca|verify-full"),
    "channel_binding": re.compile("disable|prefer|require"),
    "gssencmode": re.compile("disable|prefer|require"),
    "target_session_attrs": re.compile("any|read-write|primary"),
    "connect_timeout": _SECONDS,
    "keepalives": re.compile("[01]"),
    "keepalives_idle": _SECONDS,
    "keepalives_interval": _SECONDS,
    "keepalives_count": _SECONDS,
    "tcp_user_timeout": re.compile(r"\d{1,7}"),
    "port": re.compile(r"\d{1,5}"),
    **dict.fromkeys(
        ("host", "hostaddr", "user", "password", "passfile", "options", "application_name"),
        _ANYTHING,
    ),
    **dict.fromkeys(("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword"), _ANYTHING),
}
#: What other programs add for themselves, with the value that means nothing here.
_FOREIGN: Final[Mapping[str, re.Pattern[str]]] = {
    "pgbouncer": re.compile("true|false"),
    "schema": re.compile("public"),
}


def session(address: str, *, may_begin: bool = True) -> AbstractAsyncContextManager[StoreSession]:
    """Transactions with a database. StoreError if unusable, or missing without `may_begin`."""
    url = read(address)
    if url.drivername == "sqlite":
        return sqlite.opened(url, may_begin=may_begin)
    # Its driver and all of SQLAlchemy's asyncio: nothing that a file needs.
    from bot.store.connections import postgres  # noqa: PLC0415

    return postgres.opened(url)


def read(address: str) -> URL:
    """The parts of an address. Raises StoreError, which shows none of them."""
    kind, separator, rest = address.partition("://")
    if not separator:
        raise StoreError(f"the address of the database cannot be read: {_ACCEPTED}")
    kind = kind.lower()
    if kind in _SERVERS:
        return _server(rest)
    if kind not in _FILES:
        shown = f" '{kind}'" if re.fullmatch(r"[a-z0-9+_]{1,20}", kind) else ""
        raise StoreError(f"a database of kind{shown} is not supported: {_ACCEPTED}")
    return _file(rest)


def _file(rest: str) -> URL:
    path = rest[1:]
    if not rest.startswith("/") or path in {"", ":memory:"} or "?" in rest:
        raise StoreError(f"SQLite needs the path of a file, and nothing else: {_ACCEPTED}")
    try:
        return URL.create("sqlite", database=str(expanded(Path(path))))
    except ValueError as error:
        raise StoreError(f"the path of the SQLite file cannot be used: {error}") from None


def _server(rest: str) -> URL:
    before, _, after = rest.partition("?")
    # A password may hold an @ itself: what follows the last one is the host.
    login, at, place = before.rpartition("@")
    host, _, database = place.partition("/")
    found = _HOST.fullmatch(host)
    if found is None or re.search(r"[/#\s]", database) or ("@" in after and not at):
        raise StoreError(
            "DATABASE_URL cannot be read: in its password, write @ / ? # and % as %40 %2F %3F %23 "
            f"and %25. {_ACCEPTED}"
        )
    user, _, password = login.partition(":")
    port = found["port"]
    if port is not None and not 0 < int(port) < 65_536:
        raise StoreError(f"DATABASE_URL names no port from 1 to 65535: {_ACCEPTED}")
    return URL.create(
        "postgresql+psycopg",
        username=unquote(user) or None,
        password=unquote(password) or None,
        host=unquote(found["host"]).strip("[]") or None,
        port=None if port is None else int(port),
        database=unquote(database) or None,
        query=_members(after),
    )


def _members(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        allowed = _FOREIGN.get(name) or _MEMBERS.get(name)
        if allowed is None:
            shown = f" '{name}'" if re.fullmatch(r"[a-z_]{1,30}", name) else ""
            raise StoreError(
                f"DATABASE_URL has a member{shown} that is not known here: leave it out; "
                f"known are {', '.join(sorted({*_MEMBERS, *_FOREIGN}))}"
            )
        if name in found or not allowed.fullmatch(value):
            raise StoreError(
                f"DATABASE_URL has a member '{name}' that cannot be used: {_said(name, allowed)}"
            )
        found[name] = value
    return {name: value for name, value in found.items() if name not in _FOREIGN}


def _said(name: str, allowed: re.Pattern[str]) -> str:
    if name == "schema":
        return "the tables lie in the schema public; leave it out"
    if allowed is _ANYTHING:
        return "once, and with a value"
    return f"once, and it must match {allowed.pattern}"
