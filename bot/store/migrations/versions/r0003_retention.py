"""What lets old rows go: the accounts that they added up to, and ways to find them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

EXACT = sa.Numeric().with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add openings, and indexes by time of events and by order of fills."""
    op.create_table(
        "openings",
        sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), primary_key=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("start", EXACT, nullable=False),
        sa.Column("cash", EXACT, nullable=False),
        sa.Column("realised", EXACT, nullable=False),
        sa.Column("fees", EXACT, nullable=False),
        sa.Column("positions", sa.Text(), nullable=False),
    )
    op.create_index("events_by_time", "events", ["book", "at"])
    op.create_index("fills_by_order", "fills", ["client_order_id"])
