"""Positions that an operator took over from the exchange."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

EXACT = sa.Numeric().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "adjustments",
        sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), primary_key=True),
        sa.Column("entry", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("size", EXACT, nullable=False),
        sa.Column("cost", EXACT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
