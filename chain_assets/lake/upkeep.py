"""What a table's log and folder are freed of: commits, and files, that no reader needs any more.

delta-rs itself makes checkpoints, so what opening a table takes does not grow with its commits.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain_assets.core.schemas import Table
from chain_assets.lake.delta import delta_errors
from chain_assets.lake.tables import LakeTables

# A reader may be at an old version for hours, and a worker's files are named by a commit only when
# its whole range is done. Younger files are never touched.
RETENTION_HOURS = 7 * 24


@dataclass(frozen=True)
class Tidied:
    """`files` are those that were removed, of `size` bytes together."""

    table: str
    files: int
    size: int


def tidy(tables: LakeTables, table: Table, *, retention_hours: int = RETENTION_HOURS) -> Tidied:
    """Remove commits and files that are out of use for longer than `retention_hours`.

    At least 7 days; the table itself refuses less. Raises StorageFailed, ValueError.
    """
    if retention_hours < RETENTION_HOURS:
        raise ValueError(f"files of the last {RETENTION_HOURS} hours may still be needed")
    delta = tables.open(table)
    if delta is None:
        return Tidied(table.name, 0, 0)
    sizes = tables.store.sizes(table.name)
    with delta_errors(table, tables.uri(table)):
        removed = delta.vacuum(retention_hours, dry_run=False, full=True)
        delta.create_checkpoint()
        delta.cleanup_metadata()
    size = sum(sizes.get(f"{table.name}/{path}", 0) for path in removed)
    return Tidied(table.name, len(removed), size)
