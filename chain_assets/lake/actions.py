"""The actions of Delta's log: a file becomes a part of its table, or ceases to be one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.schemas import Table
from chain_assets.lake.data_files import DataFile


def add_action(
    file: DataFile, partition: dict[str, str], *, now: float, data_change: bool = True
) -> AddAction:
    """`file` in. `now` in Unix seconds; `data_change` False where its rows were there before."""
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values=dict(partition),
        modification_time=int(now * 1000),
        data_change=data_change,
        stats=file.stats,
    )


def remove_action(
    file: dict[str, Any], partition: dict[str, str], *, now: float, data_change: bool = True
) -> RemoveAction:
    """A live file out. `data_change` False where its rows stay, in another file."""
    return RemoveAction(
        file["path"],
        data_change=data_change,
        deletion_timestamp=int(now * 1000),
        size=file["size_bytes"],
        partition_values=dict(partition),
    )


def may_hold(file: dict[str, Any], table: Table, numbers: Collection[int]) -> bool:
    """Whether a live file may have rows of blocks `numbers`, by its bounds."""
    low, high = file.get(f"min.{table.number_column}"), file.get(f"max.{table.number_column}")
    if low is None or high is None:
        return True
    return any(low <= number <= high for number in numbers)
