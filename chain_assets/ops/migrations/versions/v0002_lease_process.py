"""Which process holds a lease: a lease of one that was killed need not run out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Leases that are there already name no process."""
    op.add_column("ops_leases", sa.Column("process", sa.Text))
