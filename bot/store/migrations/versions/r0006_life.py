"""How long an order lives. Until now every order took what was there and ended."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the life of an order."""
    life = sa.Column("life", sa.Text(), nullable=False, server_default="take")
    op.add_column("orders", life)
