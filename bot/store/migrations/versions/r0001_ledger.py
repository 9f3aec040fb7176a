"""The ledger of a book, and the lease of whoever writes it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

EXACT = sa.Numeric().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add books, orders, fills, settlements, cash movements, and the one row of the lease."""
    _books()
    _lease()
    _orders()
    _fills()
    _others()


def _books() -> None:
    op.create_table(
        "books",
        sa.Column("book", sa.Text(), primary_key=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("commit", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
    )


def _lease() -> None:
    lease = op.create_table(
        "lease",
        sa.Column(
            "id", sa.Integer(), sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("holder", sa.Text()),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.Text()),
        sa.Column("started_at", sa.Double()),
        sa.Column("expires_at", sa.Double()),
    )
    op.bulk_insert(lease, [{"id": 1, "epoch": 0}])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text(), primary_key=True),
        sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("size", EXACT, nullable=False),
        sa.Column("limit", EXACT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text()),
        sa.Column("order_id", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("ended_at", MOMENT),
    )
    op.create_index("orders_by_end", "orders", ["book", "ended_at"])


def _fills() -> None:
    op.create_table(
        "fills",
        *_numbered(),
        sa.Column("fill_id", sa.Text(), nullable=False),
        sa.Column(
            "client_order_id",
            sa.Text(),
            sa.ForeignKey("orders.client_order_id"),
            nullable=False,
        ),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("size", EXACT, nullable=False),
        sa.Column("price", EXACT, nullable=False),
        sa.Column("fee", EXACT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("book", "fill_id", name="fill_once"),
    )


def _others() -> None:
    op.create_table(
        "settlements",
        *_numbered(),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("payout", EXACT, nullable=False),
        sa.Column("size", EXACT, nullable=False),
        sa.Column("realised", EXACT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_table(
        "cash_movements",
        *_numbered(),
        sa.Column("amount", EXACT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.UniqueConstraint("book", "at", "why", name="movement_once"),
    )


def _numbered() -> tuple[sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("book", sa.Text(), sa.ForeignKey("books.book"), primary_key=True),
        sa.Column("entry", sa.BigInteger(), primary_key=True, autoincrement=False),
    )
