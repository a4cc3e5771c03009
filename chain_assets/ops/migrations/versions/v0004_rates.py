"""When the next request to a chain's nodes may be sent, by all processes together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing was counted before."""
    op.create_table(
        "ops_rates",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
    )
