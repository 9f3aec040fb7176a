"""The aim of an order. The exchange was told nothing of it before, so those count as entries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the aim of an order."""
    aim = sa.Column("aim", sa.Text(), nullable=False, server_default="enter")
    op.add_column("orders", aim)
