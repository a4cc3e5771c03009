"""Ranges in which something was begun that takes several commits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing is known of what was begun before."""
    op.create_table(
        "ops_unfinished",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("block_range", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
