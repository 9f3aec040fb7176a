"""Since when all trades of an account are known by their ids: older ones are pruned.

Of an account that was pruned before nothing is told: it is so since the oldest entry left.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
ENTRIES = ("cash_movements", "fills", "settlements", "adjustments")
#: When a book was written last, as such a moment.
WRITTEN_AT = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000+00:00', books.written_at, 'unixepoch')",
    "postgresql": "to_timestamp(books.written_at)",
}


def upgrade() -> None:
    """Add the moment to accounts."""
    op.add_column("books", sa.Column("trades_since", MOMENT))
    left = " UNION ALL ".join(f"SELECT book, entry, at FROM {table}" for table in ENTRIES)
    op.execute(
        f"""UPDATE books SET trades_since = COALESCE(
            (SELECT kept.at FROM ({left}) AS kept WHERE kept.book = books.book
                ORDER BY kept.entry LIMIT 1),
            {WRITTEN_AT[op.get_bind().dialect.name]})
        WHERE EXISTS (SELECT 1 FROM openings WHERE openings.book = books.book)"""
    )
