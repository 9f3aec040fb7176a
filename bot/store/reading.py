"""What is read of a book: all that a new leader must know, and what is new for a standby.

Rows are fetched in one consistent transaction; making events of them, and accounts, comes after
it, with breaths of the event loop in between.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, Select, select

from bot.core.account.portfolio import Portfolio
from bot.core.events import Event
from bot.core.market.money import ZERO
from bot.core.market.orders import Order
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.store import rows
from bot.store.ledger import Ledger, fills_in_doubt, folded, ledger, unresolved
from bot.store.row_checks import MOST, built, leave_out
from bot.store.rows import NEWEST
from bot.store.tables import events, fills, orders, published, state_records, switches
from bot.store.writing import newest

#: Events read before yielding to the event loop.
BATCH: Final = 1_000
#: Beyond so many commits a standby gets only the newest events of each kind.
FAR: Final = 1_000
#: Names asked for at once: a statement holds so many, and many more on PostgreSQL.
NAMES: Final = 1_000
#: Commit, place, kind, body.
Found: TypeAlias = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Remains:
    """The rows of a book, as they were at one moment."""

    commit: int
    ledger: Ledger
    unresolved: tuple[Order, ...]
    events: Sequence[Found]
    state_records: Mapping[str, Mapping[str, bytes]]
    published: bytes | None
    booked: Mapping[str, frozenset[str]] = field(default_factory=dict)


def seen(connection: Connection, book: str) -> Remains:
    """What a standby needs of a book: all but the account."""
    nothing = Ledger(0, Portfolio.of_cash(ZERO), ())
    return Remains(
        commit=newest(connection, book),
        ledger=nothing,
        unresolved=(),
        events=_newest_events(connection, book, 0),
        state_records=_state_records(connection, book),
        published=_published(connection, book, -1),
    )


def remains(connection: Connection, book: str) -> Remains:
    """All stored state of an account; of events the newest of each kind."""
    account, open_orders = ledger(connection, book), unresolved(connection, book)
    known = fills_in_doubt(connection, book)
    return replace(seen(connection, book), ledger=account, unresolved=open_orders, booked=known)


async def checkpoint(found: Remains, where: str) -> Checkpoint:
    """The same as values. Raises StoreError if the ledger does not add up."""
    return Checkpoint(
        commit=found.commit,
        portfolio=await folded(found.ledger, where),
        unresolved=found.unresolved,
        events=tuple(await _read(found.events)),
        state_records=found.state_records,
        published=found.published,
        booked=found.booked,
    )


def news(connection: Connection, book: str, after: int) -> CommittedChanges:
    """What came after a commit; one look at one row while that is nothing."""
    commit = newest(connection, book)
    if commit == after:
        return CommittedChanges(commit)
    is_far = commit - after > FAR
    found = (_newest_events if is_far else _events)(connection, book, after)
    changed = select(state_records).where(
        state_records.c.book == book, state_records.c.commit > after
    )
    return CommittedChanges(
        commit=commit,
        events=tuple(rows.event_list(found)),
        state_records=tuple(
            StateRecord(row.kind, row.key, row.body)
            for row in connection.execute(changed)
            if not leave_out(state_records, row._mapping)
        ),
        published=_published(connection, book, after),
    )


def fill_ids(connection: Connection, book: str, since: datetime) -> frozenset[str]:
    """The ids of all fills of a book since then."""
    wanted = select(fills.c.fill_id).where(fills.c.book == book, fills.c.at >= since)
    return frozenset(connection.scalars(wanted))


def orders_among(connection: Connection, book: str, names: frozenset[str]) -> frozenset[str]:
    """Those of these client order ids that are orders of a book."""
    sent, found = sorted(names), set[str]()
    for place in range(0, len(sent), NAMES):
        some = orders.c.client_order_id.in_(sent[place : place + NAMES])
        found |= set(
            connection.scalars(select(orders.c.client_order_id).where(some, orders.c.book == book))
        )
    return frozenset(found)


def wanted(connection: Connection, book: str) -> dict[str, str]:
    """The switches of a book by name."""
    found = connection.execute(select(switches).where(switches.c.book == book))
    return dict(built(switches, row, attrgetter("name", "value")) for row in found)


def _events(connection: Connection, book: str, after: int) -> list[Found]:
    """All stored events of later commits, in order."""
    later = (events.c.book == book, events.c.commit > after)
    wanted = select(*_FOUND).where(*later).order_by(events.c.commit, events.c.place)
    return _sound(connection, wanted)


def _newest_events(connection: Connection, book: str, after: int) -> list[Found]:
    """The newest of each kind, of later commits, in the order in which they happened."""
    found: list[Found] = []
    for kind, most in NEWEST.items():
        of_kind = (events.c.book == book, events.c.kind == kind, events.c.commit > after)
        last_first = (events.c.commit.desc(), events.c.place.desc())
        wanted = select(*_FOUND).where(*of_kind).order_by(*last_first).limit(most)
        found += _sound(connection, wanted)
    # Commit and place are one of a kind, so nothing after them is ever compared.
    return sorted(found)


def _state_records(connection: Connection, book: str) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    known = select(state_records).where(
        state_records.c.book == book, state_records.c.body.is_not(None)
    )
    for row in connection.execute(known):
        if not leave_out(state_records, row._mapping):
            found.setdefault(row.kind, {})[row.key] = row.body
    return found


def _published(connection: Connection, book: str, after: int) -> bytes | None:
    newer = (published.c.book == book, published.c.commit > after)
    row = connection.execute(select(published).where(*newer)).first()
    return None if row is None or leave_out(published, row._mapping) else row.body


def _sound(connection: Connection, wanted: Select[Any]) -> list[Found]:
    """Rows of events without those that cannot be read."""
    found = connection.execute(wanted)
    return [tuple(row) for row in found if _is_plain(row) or not leave_out(events, row._mapping)]


def _is_plain(row: Row[Any]) -> bool:
    # There are many, and checking each column takes its time.
    commit, place, kind, body = tuple(row)
    whole = type(commit) is int and type(place) is int and 0 < commit < MOST
    return whole and type(kind) is str and type(body) is str


async def _read(found: Sequence[Found]) -> list[Event]:
    made: list[Event] = []
    for start in range(0, len(found), BATCH):
        made += rows.event_list(found[start : start + BATCH])
        await asyncio.sleep(0)
    return made


_FOUND: Final = (events.c.commit, events.c.place, events.c.kind, events.c.body)
