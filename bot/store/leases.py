"""The lease in the database: who may write. Time is that of the database, for all the same.

Each function is work for a transaction. `fence` belongs at the start of every one that writes to
an account: it holds the lease's row until the end, so the lease cannot change hands in between.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Double,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    update,
)

from bot.ports.persistence import LeaseLostError, LeaseState, Term
from bot.store.row_checks import UnreadableError, check, unreadable
from bot.store.tables import lease

#: Seconds beyond which no lease is asked for.
LONGEST: Final = 600.0

#: Seconds UTC by the clock of the database.
_NOW: Final = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}


def now(dialect: str) -> ColumnElement[float]:
    """What time a database of this kind says it is, in seconds UTC."""
    return literal_column(_NOW[dialect], Double)


def is_free(connection: Connection, holder: str) -> bool:
    """Whether this holder could take it now; does not wait for locks."""
    return connection.scalar(select(lease.c.id).where(_free(connection, holder))) is not None


def take(connection: Connection, holder: str, seconds: float, book: str) -> Term | None:
    """The next term for this holder, or None while somebody else has one."""
    _checked(connection)
    current = now(connection.dialect.name)
    taken = connection.scalar(
        update(lease)
        .where(_free(connection, holder))
        .values(
            holder=holder,
            epoch=lease.c.epoch + 1,
            book=book,
            started_at=current,
            expires_at=current + seconds,
        )
        .returning(lease.c.epoch)
    )
    return None if taken is None else Term(holder, taken)


def renew(connection: Connection, term: Term, seconds: float) -> None:
    """Renew it for so many seconds from now. Raises LeaseLostError."""
    until = now(connection.dialect.name) + seconds
    _require_held(connection.execute(update(lease).where(_of(term)).values(expires_at=until)), term)


def fence(connection: Connection, term: Term) -> None:
    """Check that this term still holds it. Raises LeaseLostError."""
    _require_held(connection.execute(_FENCE, {"whose": term.holder, "which": term.epoch}), term)


def release(connection: Connection, term: Term) -> None:
    """Release it, if it is still held."""
    given_up = update(lease).where(_of(term)).values(holder=None, expires_at=None)
    connection.execute(given_up)


def leader(connection: Connection) -> LeaseState:
    """Who holds it now."""
    holds = and_(lease.c.holder.is_not(None), lease.c.expires_at > now(connection.dialect.name))
    _checked(connection)
    row = connection.execute(select(lease, holds.label("holds"))).one()
    started = None if row.started_at is None else datetime.fromtimestamp(row.started_at, UTC)
    return LeaseState(row.holder if row.holds else None, row.epoch, row.book, started)


def _checked(connection: Connection) -> None:
    """Raises UnreadableError for a lease that cannot be read, or of which there is none."""
    row = connection.execute(select(lease)).first()
    if row is None:
        raise UnreadableError("table lease has no row")
    check(lease, row._mapping)
    if not 0 <= (row.started_at or 0) < _LAST:
        raise unreadable(lease, row._mapping, f"started_at is {row.started_at}")


#: Seconds UTC of the year 9999.
_LAST: Final = 253_370_764_800
#: Changes nothing, but holds the row. Made once: making a statement takes longer than running it.
_FENCE: Final = (
    update(lease)
    .where(lease.c.holder == bindparam("whose"), lease.c.epoch == bindparam("which"))
    .values(epoch=lease.c.epoch)
)


def _free(connection: Connection, holder: str) -> ColumnElement[bool]:
    current = now(connection.dialect.name)
    # A lease that ends far ahead was taken before the clock was set back: it does not count.
    over = or_(lease.c.expires_at <= current, lease.c.expires_at > current + LONGEST)
    return or_(lease.c.holder.is_(None), over, lease.c.holder == holder)


def _of(term: Term) -> ColumnElement[bool]:
    return and_(lease.c.holder == term.holder, lease.c.epoch == term.epoch)


def _require_held(result: CursorResult[Any], term: Term) -> None:
    if result.rowcount == 0:
        raise LeaseLostError(f"term {term.epoch} of {term.holder} has ended: another may lead")
