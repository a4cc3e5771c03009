"""The tables of the ops store, as the newest migration leaves them.

Their names start with `ops_`, so that they may lie in the database that holds Dagster's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

# The newest migration. A store that has it is opened without loading Alembic.
REVISION = "0004"
VERSION_TABLE = "ops_version"


class UnixTime(TypeDecorator[float]):
    """Unix seconds in Python, a UTC timestamp with microseconds in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float | None:
        if value is None:
            return None
        # SQLite keeps no time zone.
        moment: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.timestamp()


metadata = MetaData()

# A row stays for ever: its token is the largest that was given out for its key.
leases = Table(
    "ops_leases",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("block_range", Text, primary_key=True),
    Column("layer", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("acquired_at", UnixTime, nullable=False),
    Column("expires_at", UnixTime, nullable=False),
    Column("released_at", UnixTime),
    # Which process took the lease, after the token it took it with: see `leases.py`.
    Column("process", Text),
)

holds = Table(
    "ops_holds",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("stage", Text, primary_key=True),
    Column("hash", LargeBinary),
    Column("block_range", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("seen", Text),
    Column("attempts", Integer, nullable=False),
    Column("first_at", UnixTime, nullable=False),
    Column("last_at", UnixTime, nullable=False),
    Column("next_try_at", UnixTime, nullable=False),
    Column("state", Text, nullable=False),
    Index("ops_holds_due", "chain", "state", "next_try_at"),
)

approvals = Table(
    "ops_approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("requested_at", UnixTime, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("expires_at", UnixTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_at", UnixTime),
    Column("decided_by", Text),
    Column("why", Text),
    Index("ops_approvals_subject", "chain", "kind", "subject", "requested_at"),
)

watermarks = Table(
    "ops_watermarks",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("raised_at", UnixTime, nullable=False),
)

unfinished = Table(
    "ops_unfinished",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("block_range", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("since", UnixTime, nullable=False),
)

rates = Table(
    "ops_rates",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("free_at", UnixTime, nullable=False),
)

audit = Table(
    "ops_audit",
    metadata,
    # SQLite numbers rows by itself only where the key is its INTEGER.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", UnixTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("chain", Text),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ops_audit_at", "at"),
)
