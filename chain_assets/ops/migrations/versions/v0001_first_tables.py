"""Leases, holds, approvals, watermarks, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "ops_leases",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("block_range", sa.Text, primary_key=True),
        sa.Column("layer", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("acquired_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("released_at", _TIME),
    )
    op.create_table(
        "ops_holds",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary),
        sa.Column("block_range", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("seen", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("next_try_at", _TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("ops_holds_due", "ops_holds", ["chain", "state", "next_try_at"])
    _people()


def _people() -> None:
    op.create_table(
        "ops_approvals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_at", _TIME),
        sa.Column("decided_by", sa.Text),
        sa.Column("why", sa.Text),
    )
    op.create_index(
        "ops_approvals_subject", "ops_approvals", ["chain", "kind", "subject", "requested_at"]
    )
    op.create_table(
        "ops_watermarks",
        sa.Column("chain", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("raised_at", _TIME, nullable=False),
    )
    op.create_table(
        "ops_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("chain", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ops_audit_at", "ops_audit", ["at"])
