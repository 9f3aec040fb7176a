"""The tables as they are now, and how exact values lie in them.

Money is text on SQLite, which knows no exact numbers, and NUMERIC on PostgreSQL. How the tables
came to be is in `migrations`; a test holds both against each other.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine


class Exact(TypeDecorator[Decimal]):
    """A finite decimal, to its last digit. What is none comes back as it lies there."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where there are no exact numbers."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount")
        return str(value) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: str | Decimal | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy gives it
    ) -> Decimal | None:
        try:
            return value if value is None else Decimal(value)
        except (ArithmeticError, ValueError, TypeError):
            return value  # type: ignore[return-value]  # see `legible`


class UtcTimestamp(TypeDecorator[datetime]):
    """An aware time, to the microsecond; comes back in UTC, and sorts as it should.

    What is none comes back as it lies there.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where there are no times."""
        kind = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value} has no time zone")
        utc = value.astimezone(UTC)
        return utc.isoformat(timespec="microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(
        self,
        value: str | datetime | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy gives it
    ) -> datetime | None:
        if value is None:
            return None
        try:
            read = datetime.fromisoformat(value) if isinstance(value, str) else value
            return read.astimezone(UTC) if read.tzinfo else value  # type: ignore[return-value]
        except (ValueError, OverflowError, AttributeError):
            return value  # type: ignore[return-value]  # see `legible`


metadata = MetaData()


def _of_book() -> Column[str]:
    return Column("book", Text, ForeignKey("books.book"), primary_key=True)


def _entry() -> Column[int]:
    """The place in the one order of all that moves the cash of a book."""
    return Column("entry", BigInteger, primary_key=True, autoincrement=False)


#: `commit` and `entry` are the newest numbers given out; `written_at` is in seconds UTC. What moved
#: the cash up to `cash_until` is in it, whether or not it has a row; its trades are all known by
#: their ids from `trades_since` on. None: since it was opened, both.
books = Table(
    "books",
    metadata,
    Column("book", Text, primary_key=True),
    Column("opened_at", UtcTimestamp, nullable=False),
    Column("commit", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("written_at", Double, nullable=False),
    Column("cash_until", UtcTimestamp),
    Column("trades_since", UtcTimestamp),
)

#: One row. Times are in seconds UTC by the clock of the database.
lease = Table(
    "lease",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("book", Text),
    Column("started_at", Double),
    Column("expires_at", Double),
)

#: `status` and what follows are NULL until the outcome of the order is known.
orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("book", Text, ForeignKey("books.book"), nullable=False),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("size", Exact, nullable=False),
    Column("limit", Exact, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("status", Text),
    Column("order_id", Text),
    Column("error", Text),
    Column("ended_at", UtcTimestamp),
    Column("aim", Text, nullable=False, server_default="enter"),
    Column("life", Text, nullable=False, server_default="take"),
    Index("orders_by_end", "book", "ended_at"),
    Index("orders_by_time", "book", "at"),
)

fills = Table(
    "fills",
    metadata,
    _of_book(),
    _entry(),
    Column("fill_id", Text, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("size", Exact, nullable=False),
    Column("price", Exact, nullable=False),
    Column("fee", Exact, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
    UniqueConstraint("book", "fill_id", name="fill_once"),
    Index("fills_by_order", "client_order_id"),
    Index("fills_by_market", "book", "ticker", "entry"),
)

settlements = Table(
    "settlements",
    metadata,
    _of_book(),
    _entry(),
    Column("ticker", Text, nullable=False),
    Column("payout", Exact, nullable=False),
    Column("size", Exact, nullable=False),
    Column("realised", Exact, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
)

#: What an operator took over: the position from then on, and what it cost.
adjustments = Table(
    "adjustments",
    metadata,
    _of_book(),
    _entry(),
    Column("ticker", Text, nullable=False),
    Column("size", Exact, nullable=False),
    Column("cost", Exact, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
)

#: Cash that came or went, in the term `epoch`; none: in one of an earlier version.
cash_movements = Table(
    "cash_movements",
    metadata,
    _of_book(),
    _entry(),
    Column("amount", Exact, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
    Column("epoch", BigInteger),
    UniqueConstraint("book", "at", "why", name="movement_once"),
)

#: The account after everything up to and with `entry`; those entries are pruned.
openings = Table(
    "openings",
    metadata,
    _of_book(),
    Column("entry", BigInteger, nullable=False),
    Column("start", Exact, nullable=False),
    Column("cash", Exact, nullable=False),
    Column("realised", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("positions", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    _of_book(),
    Column("commit", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("ticker", Text),
    Column("at", UtcTimestamp, nullable=False),
    Column("body", Text, nullable=False),
    Index("events_by_kind", "book", "kind", "commit", "place"),
    Index("events_by_time", "book", "at"),
)

#: `body` NULL is a deleted state record: standbys must see the deletion.
state_records = Table(
    "memos",
    metadata,
    _of_book(),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("commit", BigInteger, nullable=False),
    Column("body", LargeBinary),
)

published = Table(
    "published",
    metadata,
    _of_book(),
    Column("commit", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

#: Positions that have ended, at the place of the event that said so. What an older version of this
#: program did not count is NULL.
round_trips = Table(
    "round_trips",
    metadata,
    _of_book(),
    Column("commit", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("ticker", Text, nullable=False),
    Column("title", Text),
    Column("event_ticker", Text),
    Column("category", Text),
    Column("side", Text, nullable=False),
    Column("size", Exact),
    Column("entry_price", Exact),
    Column("exit_price", Exact),
    Column("gross", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("opened_at", UtcTimestamp, nullable=False),
    Column("closed_at", UtcTimestamp, nullable=False),
    Column("how", Text, nullable=False),
    Index("round_trips_by_time", "book", "closed_at"),
    Index("round_trips_by_market", "book", "ticker", "commit", "place"),
)

#: The account at the end of each minute, which begins at `minute` (seconds UTC).
equity = Table(
    "equity",
    metadata,
    _of_book(),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("equity", Exact, nullable=False),
    Column("cash", Exact, nullable=False),
    Column("realised", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("exposure", Exact, nullable=False),
)

#: What operators want. Anybody may write here, also before the book is opened.
switches = Table(
    "switches",
    metadata,
    Column("book", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", UtcTimestamp, nullable=False),
)
