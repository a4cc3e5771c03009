"""Delta tables: workers write Parquet files, the driver commits them, one commit a table.

    worker   write_data_file()            Parquet under a fresh name; nothing sees it yet
    driver   LakeTables.replace_blocks()  one commit: out with all rows of these blocks, in with
                                          the new files

A commit takes out whatever rows of its blocks it finds, so doing it twice, or after a crash
halfway, gives the same rows. Of two writers to one partition that start from the same files the
second is refused; writers to different partitions do not hinder each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.errors import CommitConflict
from chain_assets.core.schemas import TABLES, Table
from chain_assets.lake.data_files import DataFile, read_data_file, write_data_file
from chain_assets.lake.delta import add_actions, commit, delta_errors, storage_failed
from chain_assets.lake.probe import require_conditional_puts
from chain_assets.lake.storage import Storage, open_store


@dataclass(frozen=True)
class Commit:
    """What a commit did; `version` is the table's version after it.

    `changed` is False where there was nothing to do; then no version was made.
    """

    table: str
    version: int
    rows_added: int
    rows_removed: int
    bytes_added: int
    changed: bool


class LakeTables:
    """The Delta tables of one lake."""

    def __init__(self, storage: Storage, *, clock: Callable[[], float] = time.time) -> None:
        self.storage = storage
        self.store = open_store(storage)
        self._clock = clock

    def uri(self, table: Table) -> str:
        """Where the Delta table is."""
        return self.storage.path(table.name)

    def open(self, table: Table) -> DeltaTable | None:
        """The table as it is now; None where nothing was ever written to it."""
        with suppress(TableNotFoundError), self._errors(table):
            return DeltaTable(self.uri(table), storage_options=self.storage.delta_options() or None)
        return None

    def read(
        self, table: Table, *, columns: Sequence[str] | None = None, **partition: str
    ) -> pa.Table:
        """Rows of the partition (`chain=…, block_range=…`), or of all; file columns by default."""
        names = list(columns or table.file_schema.names)
        schema = pa.schema([table.column(name).field for name in names])
        delta = self.open(table)
        if delta is None:
            return schema.empty_table()
        filters = [(name, "=", value) for name, value in partition.items()] or None
        with self._errors(table):
            return delta.to_pyarrow_table(filters=filters, columns=names).cast(schema)

    def replace_blocks(
        self,
        table: Table,
        files: Sequence[DataFile],
        *,
        partition: dict[str, str],
        numbers: Collection[int] | None,
    ) -> Commit:
        """One commit: take out all rows of blocks `numbers` in the partition, put in `files`.

        `numbers` None means the whole partition. Raises CommitConflict where another writer
        committed to the same partition meanwhile, StorageFailed where the store refuses.
        """
        require_conditional_puts(self.storage)
        delta = self.open(table)
        if delta is None:
            delta = self._create(table)
        removals, survivors, rows_removed = self._take_out(delta, table, partition, numbers)
        rows_added = sum(file.rows for file in files)
        changed = bool(removals or files)
        if changed:
            self._commit(delta, table, partition, [*files, *survivors], removals)
        return Commit(
            table=table.name,
            version=delta.version(),
            rows_added=rows_added,
            rows_removed=rows_removed,
            bytes_added=sum(file.size for file in files),
            changed=changed,
        )

    def live_files(self, table: Table, **partition: str) -> list[dict[str, Any]]:
        """The add-actions of the partition, flattened (path, size_bytes, num_records, min.…)."""
        delta = self.open(table)
        return [] if delta is None else add_actions(delta, partition)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _errors(self, table: Table) -> AbstractContextManager[None]:
        return delta_errors(table, self.uri(table))

    def _create(self, table: Table) -> DeltaTable:
        try:
            with self._errors(table):
                return DeltaTable.create(
                    self.uri(table),
                    schema=Schema.from_arrow(table.schema),
                    mode="ignore",
                    partition_by=[column.name for column in table.partition_columns],
                    name=table.name,
                    description=f"One row per {table.grain}.",
                    storage_options=self.storage.delta_options() or None,
                )
        except TableNotFoundError as error:
            # delta-rs' name for a folder that it could not make.
            raise storage_failed(table, self.uri(table), error) from error
        except CommitConflict:
            made_by_another = self.open(table)
            if made_by_another is None:
                raise
            return made_by_another

    def _take_out(
        self,
        delta: DeltaTable,
        table: Table,
        partition: dict[str, str],
        numbers: Collection[int] | None,
    ) -> tuple[list[RemoveAction], list[DataFile], int]:
        removals: list[RemoveAction] = []
        survivors: list[DataFile] = []
        rows_removed = 0
        for action in add_actions(delta, partition):
            kept: DataFile | None = None
            removed = action["num_records"]
            if numbers is not None:
                if not _may_hold(action, table, numbers):
                    continue
                rows = read_data_file(self.store, table, action["path"])
                mine = pc.is_in(rows[table.number_column], pa.array(sorted(numbers), pa.int64()))
                removed = pc.sum(mine).as_py() or 0
                if not removed:
                    continue
                kept = write_data_file(
                    self.store, table, rows.filter(pc.invert(mine)), partition=partition
                )
            rows_removed += removed
            removals.append(
                RemoveAction(
                    action["path"],
                    data_change=True,
                    deletion_timestamp=self._now(),
                    size=action["size_bytes"],
                    partition_values=dict(partition),
                )
            )
            if kept is not None:
                survivors.append(kept)
        return removals, survivors, rows_removed

    def _commit(
        self,
        delta: DeltaTable,
        table: Table,
        partition: dict[str, str],
        files: Sequence[DataFile],
        removals: Sequence[RemoveAction],
    ) -> None:
        actions = [
            AddAction(
                path=file.path,
                size=file.size,
                partition_values=dict(partition),
                modification_time=self._now(),
                data_change=True,
                stats=file.stats,
            )
            for file in files
        ]
        commit(delta, table, partition, [*actions, *removals])


def _may_hold(action: dict[str, Any], table: Table, numbers: Collection[int]) -> bool:
    low, high = action.get(f"min.{table.number_column}"), action.get(f"max.{table.number_column}")
    if low is None or high is None:
        return True
    return any(low <= number <= high for number in numbers)


def read_all(tables: LakeTables, name: str) -> pa.Table:
    """All rows and all columns of the table `name`, partition columns too."""
    table = TABLES[name]
    return tables.read(table, columns=table.schema.names)
