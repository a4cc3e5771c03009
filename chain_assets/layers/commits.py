"""The commits of a layer: one a table, in an order that lets its last table be the witness."""

from __future__ import annotations

from collections.abc import Sequence

from chain_assets.core.reconcile import Plan
from chain_assets.core.schemas import Table
from chain_assets.lake.data_files import DataFile
from chain_assets.lake.tables import Commit, LakeTables


def commit_layer(
    tables: LakeTables,
    layer: Sequence[Table],
    files: Sequence[DataFile],
    partition: dict[str, str],
    plan: Plan,
) -> tuple[Commit, ...]:
    """Replace the plan's blocks in each table of `layer`, in this order.

    The layer's block table comes last: its row says that the block's other rows are there, and a
    run that was killed between two commits finds the block still to be written.
    """
    if not plan:
        return ()
    return tuple(
        tables.replace_blocks(
            table,
            [file for file in files if file.table == table.name],
            partition=partition,
            numbers=plan.numbers,
        )
        for table in layer
    )
