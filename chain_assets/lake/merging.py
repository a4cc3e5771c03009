"""Many small files of a partition into one: the same rows, sorted, by one commit.

    small, small, small, …  ─→ read, sort by key ─→ one file, and out with the small ones

No row changes, and the commit says so (`dataChange` false): a reader that follows the table's log
is not told the same rows again. Another writer of the partition makes it give up.
"""

from __future__ import annotations

from collections.abc import Collection

from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.key_order import in_key_order
from chain_assets.core.schemas import Table
from chain_assets.lake.actions import add_action, remove_action
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.delta import Fence, commit
from chain_assets.lake.tables import LakeTables


def merge_files(
    tables: LakeTables,
    table: Table,
    paths: Collection[str],
    *,
    partition: dict[str, str],
    fence: Fence | None = None,
) -> bool:
    """Put one file in the place of those at `paths`; False where they are not all there any more.

    Raises CommitConflict where another writer committed to the partition meanwhile, LeaseLost
    where one with a later lease did, StorageFailed.
    """
    with tables.writable(table) as opened:
        old = [file for file in opened.files(partition) if file["path"] in paths]
        if len(old) < len(set(paths)) or len(old) < 2:
            return False
        old.sort(key=lambda file: file[f"min.{table.number_column}"])
        rows = in_key_order(tables.read_files(table, old, table.file_schema.names), table)
        new = write_data_file(tables.store, table, rows, partition=partition)
        now = tables.now()
        actions: list[AddAction | RemoveAction] = [
            remove_action(file, partition, now=now, data_change=False) for file in old
        ]
        if new is not None:
            actions.append(add_action(new, partition, now=now, data_change=False))
        commit(opened, table, [(partition, fence)], actions)
    return True
