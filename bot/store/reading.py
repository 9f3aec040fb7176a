"""What is read of a book: all that a new leader must know, and what is new for those who look on.

Rows are fetched in one consistent transaction; making events of them, and accounts, comes after
it, with breaths of the event loop in between.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import Connection, select

from bot.core.events import Event
from bot.core.orders import Order
from bot.durable import Kept, Memo, News
from bot.store import rows
from bot.store.ledger import Ledger, folded, ledger, unresolved
from bot.store.rows import NEWEST
from bot.store.tables import events, memos, published, switches
from bot.store.writing import newest

#: Events read between two breaths of the event loop.
BATCH: Final = 1_000
#: Commits that lie so far back are no news: of each kind only the newest events are told.
FAR: Final = 1_000
#: Commit, place, kind, body.
Found: TypeAlias = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Remains:
    """The rows of a book, as they were at one moment."""

    commit: int
    ledger: Ledger
    unresolved: tuple[Order, ...]
    events: Sequence[Found]
    memos: Mapping[str, Mapping[str, bytes]]
    published: bytes | None


def remains(connection: Connection, book: str) -> Remains:
    """All that is kept of a book; of events the newest of each kind."""
    return Remains(
        commit=newest(connection, book),
        ledger=ledger(connection, book),
        unresolved=unresolved(connection, book),
        events=_newest_events(connection, book, 0),
        memos=_memos(connection, book),
        published=connection.scalar(select(published.c.body).where(published.c.book == book)),
    )


async def kept(found: Remains, where: str) -> Kept:
    """The same as values. Raises StoreError if the ledger does not add up."""
    return Kept(
        commit=found.commit,
        portfolio=await folded(found.ledger, where),
        unresolved=found.unresolved,
        events=tuple(await _read(found.events)),
        memos=found.memos,
        published=found.published,
    )


def news(connection: Connection, book: str, after: int) -> News:
    """What came after a commit; one look at one row while that is nothing."""
    commit = newest(connection, book)
    if commit == after:
        return News(commit)
    is_far = commit - after > FAR
    found = (_newest_events if is_far else _events)(connection, book, after)
    shown = select(published.c.body).where(published.c.book == book, published.c.commit > after)
    changed = select(memos.c.kind, memos.c.key, memos.c.body).where(
        memos.c.book == book, memos.c.commit > after
    )
    return News(
        commit=commit,
        events=tuple(rows.event_list(found)),
        memos=tuple(Memo(*row) for row in connection.execute(changed)),
        published=connection.scalar(shown),
    )


def wanted(connection: Connection, book: str) -> dict[str, str]:
    """The switches of a book by name."""
    found = select(switches.c.name, switches.c.value).where(switches.c.book == book)
    return dict(connection.execute(found).all())


def _events(connection: Connection, book: str, after: int) -> list[Found]:
    """All kept events of later commits, in their order."""
    later = (events.c.book == book, events.c.commit > after)
    found = select(*_FOUND).where(*later).order_by(events.c.commit, events.c.place)
    return [tuple(row) for row in connection.execute(found)]


def _newest_events(connection: Connection, book: str, after: int) -> list[Found]:
    """The newest of each kind, of later commits, in the order in which they happened."""
    found: list[Found] = []
    for kind, most in NEWEST.items():
        of_kind = (events.c.book == book, events.c.kind == kind, events.c.commit > after)
        last_first = (events.c.commit.desc(), events.c.place.desc())
        wanted = select(*_FOUND).where(*of_kind).order_by(*last_first).limit(most)
        found += [tuple(row) for row in connection.execute(wanted)]
    # Commit and place are one of a kind, so nothing after them is ever compared.
    return sorted(found)


def _memos(connection: Connection, book: str) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    known = select(memos.c.kind, memos.c.key, memos.c.body).where(
        memos.c.book == book, memos.c.body.is_not(None)
    )
    for kind, key, body in connection.execute(known):
        found.setdefault(kind, {})[key] = body
    return found


async def _read(found: Sequence[Found]) -> list[Event]:
    made: list[Event] = []
    for start in range(0, len(found), BATCH):
        made += rows.event_list(found[start : start + BATCH])
        await asyncio.sleep(0)
    return made


_FOUND: Final = (events.c.commit, events.c.place, events.c.kind, events.c.body)
