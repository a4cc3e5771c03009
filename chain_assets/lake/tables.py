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
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import UNFINISHED, Table
from chain_assets.lake.actions import add_action, remove_action
from chain_assets.lake.block_rows import Remade, with_text, without_blocks
from chain_assets.lake.data_files import DataFile
from chain_assets.lake.delta import Fence, commit
from chain_assets.lake.handles import Handles
from chain_assets.lake.open_table import OpenTable
from chain_assets.lake.probe import require_conditional_puts
from chain_assets.lake.reading import RowReader
from chain_assets.lake.storage import Storage, open_store

T = TypeVar("T")


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


@dataclass(frozen=True)
class Change:
    """Out with all rows of blocks `numbers` (None: all rows) of one partition, in with `files`."""

    partition: dict[str, str]
    files: Sequence[DataFile]
    numbers: Collection[int] | None
    fence: Fence | None = None


class LakeTables:
    """The Delta tables of one lake."""

    def __init__(self, storage: Storage, *, clock: Callable[[], float] = time.time) -> None:
        self.storage = storage
        self.store = open_store(storage)
        self._clock = clock
        self._handles = Handles(storage, self.store)
        self._reader = RowReader(self.store)

    def uri(self, table: Table) -> str:
        """Where the Delta table is."""
        return self._handles.uri(table)

    def open(self, table: Table) -> DeltaTable | None:
        """The table as it is now; None where nothing was ever written to it."""
        return self._handles.open(table)

    def writable(self, table: Table) -> AbstractContextManager[OpenTable]:
        """The table as it is now, made if it is not there, for one thread until the block ends.

        Raises ConfigError where the store does not refuse a second writer of one commit.
        """
        require_conditional_puts(self.storage)
        return self._handles.writable(table)

    def read(
        self, table: Table, *, columns: Sequence[str] | None = None, **partition: str
    ) -> pa.Table:
        """Rows of the partition (`chain=…, block_range=…`), or of all; file columns by default."""
        files = self.live_files(table, **partition)
        return self.read_files(table, files, columns or table.file_schema.names)

    def read_files(
        self, table: Table, files: Sequence[dict[str, Any]], columns: Sequence[str]
    ) -> pa.Table:
        """The `columns` of these live files, those of their partitions too."""
        return self._reader.read(table, files, columns)

    def parsed(self, table: Table, parse: Callable[[pa.Table], T], **partition: str) -> list[T]:
        """`parse` of the rows of each live file of the partition; of a small file only once."""
        return self.parse_files(table, self.live_files(table, **partition), parse)

    def parse_files(
        self, table: Table, files: Sequence[dict[str, Any]], parse: Callable[[pa.Table], T]
    ) -> list[T]:
        """`parse` of the rows of each of these live files; of a small file only once."""
        return self._reader.parsed(table, files, parse)

    def replace_blocks(
        self,
        table: Table,
        files: Sequence[DataFile],
        *,
        partition: dict[str, str],
        numbers: Collection[int] | None,
        fence: Fence | None = None,
    ) -> Commit:
        """One commit: take out all rows of blocks `numbers` in the partition, put in `files`.

        `numbers` None means the whole partition. Raises CommitConflict where another writer
        committed to the same partition meanwhile, LeaseLost where one with a later lease did,
        StorageFailed where the store refuses.
        """
        return self.replace_in_ranges(table, [Change(partition, files, numbers, fence)])

    def replace_in_ranges(self, table: Table, changes: Sequence[Change]) -> Commit:
        """`replace_blocks` in several partitions by one commit: a reader sees all of it or none."""
        actions: list[AddAction | RemoveAction] = []
        rows_removed = 0
        with self.writable(table) as opened:
            for change in changes:
                taken = self._take_out(opened.files(change.partition), table, change)
                rows_removed += sum(remade.rows for remade in taken)
                actions += self._actions(change.partition, taken, change.files)
            if actions:
                fenced = [(change.partition, change.fence) for change in changes]
                commit(opened, table, fenced, actions)
            version = opened.delta.version()
        files = [file for change in changes for file in change.files]
        return Commit(
            table=table.name,
            version=version,
            rows_added=sum(file.rows for file in files),
            rows_removed=rows_removed,
            bytes_added=sum(file.size for file in files),
            changed=bool(actions),
        )

    def mark_blocks(
        self,
        table: Table,
        *,
        partition: dict[str, str],
        numbers: Collection[int],
        column: str,
        text: str,
        fence: Fence | None = None,
    ) -> frozenset[int]:
        """One commit: `text` in `column` of the rows of blocks `numbers`, where there are any; of
        which of them there were. Raises as `replace_blocks` does.
        """
        with self.writable(table) as opened:
            remade = with_text(
                self.store,
                table,
                opened.files(partition),
                numbers=numbers,
                column=column,
                text=text,
                partition=partition,
            )
            if remade:
                commit(opened, table, [(partition, fence)], self._actions(partition, remade))
        return frozenset().union(*(new.blocks for new in remade))

    def leave_token(self, table: Table, *, partition: dict[str, str], fence: Fence) -> None:
        """Leave the token of `fence` in the table, so that no writer with an older one commits."""
        with self.writable(table) as opened:
            commit(opened, table, [(partition, fence)], [])
        fault_point("token left", table.name)

    def live_files(self, table: Table, **partition: str) -> list[dict[str, Any]]:
        """The add-actions of the partition, flattened (path, size_bytes, num_records, min.…)."""
        with self._handles.borrowed(table) as opened:
            return [] if opened is None else list(opened.files(partition))

    def range_keys(self, table: Table, *, chain: str) -> list[str]:
        """The keys of the chain's ranges of which the table holds anything, ascending."""
        with self._handles.borrowed(table) as opened:
            return [] if opened is None else opened.range_keys(chain)

    def rows_by_range(self, table: Table, *, chain: str, finished: bool = False) -> Counter[str]:
        """How many rows the table has of each of the chain's ranges, by the log alone. With
        `finished` a file with UNFINISHED rows, be they one or all, counts one less."""
        rows: Counter[str] = Counter()
        for file in self.live_files(table, chain=chain):
            marked = finished and file.get(f"min.{table.version_column}") == UNFINISHED
            rows[file["partition.block_range"]] += file["num_records"] - marked
        return rows

    def now(self) -> float:
        """Unix seconds, as the log's actions carry them."""
        return self._clock()

    def _take_out(
        self, live: Sequence[dict[str, Any]], table: Table, change: Change
    ) -> list[Remade]:
        if change.numbers is None:
            return [Remade(file, file["num_records"], None) for file in live]
        return without_blocks(
            self.store, table, live, numbers=change.numbers, partition=change.partition
        )

    def _actions(
        self,
        partition: dict[str, str],
        remade: Sequence[Remade],
        added: Sequence[DataFile] = (),
    ) -> list[AddAction | RemoveAction]:
        now = self.now()
        files = [*added, *(new.file for new in remade if new.file is not None)]
        return [
            *(add_action(file, partition, now=now) for file in files),
            *(remove_action(new.old, partition, now=now) for new in remade),
        ]
