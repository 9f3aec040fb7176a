"""What the account was, minute by minute, and the positions that have ended."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

EXACT = sa.Numeric().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add round trips and equity, and ways to find orders by time and fills by market."""
    _round_trips()
    op.create_table(
        "equity",
        _of_book(),
        sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(
            sa.Column(name, EXACT, nullable=False)
            for name in ("equity", "cash", "realised", "fees", "exposure")
        ),
    )
    op.create_index("orders_by_time", "orders", ["book", "at"])
    op.create_index("fills_by_market", "fills", ["book", "ticker", "entry"])


def _round_trips() -> None:
    op.create_table(
        "round_trips",
        _of_book(),
        sa.Column("commit", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("event_ticker", sa.Text()),
        sa.Column("category", sa.Text()),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("size", EXACT),
        sa.Column("entry_price", EXACT),
        sa.Column("exit_price", EXACT),
        sa.Column("gross", EXACT, nullable=False),
        sa.Column("fees", EXACT, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
    )
    op.create_index("round_trips_by_time", "round_trips", ["book", "closed_at"])
    keys = ["book", "ticker", "commit", "place"]
    op.create_index("round_trips_by_market", "round_trips", keys)


def _of_book() -> sa.Column[str]:
    return sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), primary_key=True)
