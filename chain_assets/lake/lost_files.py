"""Data files that a table's log names and that are gone, or not whole: no reader gets past them.

Struck out of the log, they are rows that the table does not have: those can be made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.schemas import Table
from chain_assets.lake.actions import add_action, remove_action
from chain_assets.lake.data_files import DataFile
from chain_assets.lake.delta import Fence, commit
from chain_assets.lake.tables import LakeTables


def lost_files(tables: LakeTables, table: Table, partition: dict[str, str]) -> list[dict[str, Any]]:
    """The live files of the partition that are not there in full. Raises StorageFailed."""
    live = tables.live_files(table, **partition)
    folder = "/".join([table.name, *(f"{name}={value}" for name, value in partition.items())])
    sizes = tables.store.sizes(folder) if live else {}
    return [
        file for file in live if sizes.get(f"{table.name}/{file['path']}") != file["size_bytes"]
    ]


def without_lost(
    live: Sequence[dict[str, Any]], lost: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Those of the `live` files that can be read."""
    gone = {file["path"] for file in lost}
    return [file for file in live if file["path"] not in gone]


def strike_out_files(
    tables: LakeTables,
    table: Table,
    files: Sequence[dict[str, Any]],
    *,
    partition: dict[str, str],
    fence: Fence,
    instead: Sequence[DataFile] = (),
) -> None:
    """One commit: these files are no part of the table any more, where they still are, and those in
    `instead` are.

    Raises CommitConflict, LeaseLost, StorageFailed.
    """
    paths = {file["path"] for file in files}
    with tables.writable(table) as opened:
        actions: list[AddAction | RemoveAction] = [
            remove_action(file, partition, now=tables.now())
            for file in opened.files(partition)
            if file["path"] in paths
        ]
        actions += [add_action(file, partition, now=tables.now()) for file in instead]
        if actions:
            commit(opened, table, [(partition, fence)], actions)
