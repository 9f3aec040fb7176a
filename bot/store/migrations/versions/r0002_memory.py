"""What a leader remembers besides money: events, memos, the published state; and switches."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add events, memos, published, switches."""
    op.create_table(
        "events",
        _of_book(),
        sa.Column("commit", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text()),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("events_by_kind", "events", ["book", "kind", "commit", "place"])
    op.create_table(
        "memos",
        _of_book(),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("commit", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
    )
    op.create_table(
        "published",
        _of_book(),
        sa.Column("commit", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "switches",
        sa.Column("book", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def _of_book() -> sa.Column[str]:
    return sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), primary_key=True)
