"""Cash that an operator accepted has what moved it until then in it.

An account whose oldest entries were pruned has lost the names of the movements among them: all
until the oldest entry left are in its cash.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
ENTRIES = ("cash_movements", "fills", "settlements", "adjustments")


#: When a book was written last, as such a moment.
WRITTEN_AT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000+00:00', books.written_at, 'unixepoch')",
    "postgresql": "to_timestamp(books.written_at)",
}


def upgrade() -> None:
    """Add the moment to accounts, and to movements the term that booked them."""
    op.add_column("books", sa.Column("cash_until", MOMENT))
    op.add_column("cash_movements", sa.Column("epoch", sa.BigInteger()))
    left = " UNION ALL ".join(f"SELECT book, entry, at FROM {table}" for table in ENTRIES)
    op.execute(
        f"""UPDATE books SET cash_until = COALESCE(
            (SELECT kept.at FROM ({left}) AS kept WHERE kept.book = books.book
                ORDER BY kept.entry LIMIT 1),
            {WRITTEN_AT[op.get_bind().dialect.name]})
        WHERE EXISTS (SELECT 1 FROM openings WHERE openings.book = books.book)"""
    )
    op.execute(
        """UPDATE books SET cash_until = (
            SELECT max(moved.at) FROM cash_movements AS moved
            WHERE moved.book = books.book AND moved.why = 'accepted by an operator')
        WHERE EXISTS (SELECT 1 FROM cash_movements AS moved
            WHERE moved.book = books.book AND moved.why = 'accepted by an operator'
                AND moved.at > COALESCE(books.cash_until, books.opened_at))"""
    )
