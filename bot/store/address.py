"""Addresses of databases: which are accepted, and what they lead to.

No message of this module contains an address: there may be a password in it.
"""

from contextlib import AbstractAsyncContextManager
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.durable import StoreError
from bot.store import file, server
from bot.store.session import Session

_ACCEPTED: Final = (
    "DATABASE_URL must be sqlite:///folder/file.db or postgres://user:password@host:port/database"
)
_SERVERS: Final = {"postgres", "postgresql", "postgresql+psycopg"}


def session(address: str, *, may_begin: bool = True) -> AbstractAsyncContextManager[Session]:
    """Transactions with the database at an address. Raises StoreError if it cannot be used.

    Unless `may_begin`, a file has to be there.
    """
    url = _read(address)
    if url.drivername in _SERVERS:
        return server.opened(url.set(drivername="postgresql+psycopg"))
    if url.drivername != "sqlite":
        raise StoreError(f"a database of kind '{url.drivername}' is not supported: {_ACCEPTED}")
    if url.database in {None, "", ":memory:"} or url.query or url.host:
        raise StoreError(f"SQLite needs the path of a file, and nothing else: {_ACCEPTED}")
    return file.opened(url, may_begin=may_begin)


def _read(address: str) -> URL:
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        # Neither message nor cause may be shown: they quote the address.
        raise StoreError(f"the address of the database cannot be read: {_ACCEPTED}") from None
