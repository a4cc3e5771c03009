"""Who did what when. Each change of the ops store writes its line in its own transaction.

Heartbeats are not told: they only carry on what was told when the lease was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from chain_assets.core.block_range import spans_of
from chain_assets.ops.database import Database
from chain_assets.ops.schema import audit


@dataclass(frozen=True)
class AuditLine:
    """`actor` did `action` to `subject` at `at` (Unix seconds)."""

    at: float
    actor: str
    action: str
    chain: str | None
    subject: str
    detail: Mapping[str, Any]


def record(
    connection: Connection,
    *,
    at: float,
    actor: str,
    action: str,
    subject: str,
    chain: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one line in the transaction of `connection`. `detail` is JSON and holds no secret."""
    connection.execute(
        insert(audit).values(
            at=at,
            actor=actor,
            action=action,
            chain=chain,
            subject=subject,
            detail=dict(detail or {}),
        )
    )


def spans_text(numbers: Iterable[int]) -> str:
    """Block numbers as a person types them: `5, 10-20`."""
    spans = spans_of(list(numbers))
    return ", ".join(str(s.start) if len(s) == 1 else f"{s.start}-{s.stop - 1}" for s in spans)


class Audit:
    """Reading the audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lines(self, chain: str | None = None, *, limit: int = 100) -> tuple[AuditLine, ...]:
        """The last `limit` lines (of `chain`), newest first. Raises OpsStoreFailed."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if chain is not None:
            query = query.where(audit.c.chain == chain)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(
            AuditLine(**{name: value for name, value in row.items() if name != "id"})
            for row in rows
        )
