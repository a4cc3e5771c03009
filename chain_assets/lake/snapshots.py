"""A table at one version, to append to only if nobody else has: what makes a sequence dense.

with open_snapshot(tables, BLOCK_CHANGES) as snapshot:
    last = snapshot.marker("sequence/ethereum")              → 41
    snapshot.append(parts, marker=("sequence/ethereum", 43)) CommitConflict: another wrote 42 first
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.schemas import Table
from chain_assets.lake.actions import add_action, remove_action
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.delta import commit_once, delta_errors
from chain_assets.lake.open_table import OpenTable
from chain_assets.lake.tables import LakeTables

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A table as it was when it was opened."""

    tables: LakeTables
    table: Table
    opened: OpenTable

    def marker(self, name: str) -> int | None:
        """What the last append under this name left; None where there was none."""
        with delta_errors(self.table, self.tables.uri(self.table)):
            return self.opened.transaction(name)

    def read(self, columns: Sequence[str], **partition: str) -> pa.Table:
        """Rows of a partition."""
        return self.tables.read_files(self.table, self.opened.files(partition), columns)

    def parsed(self, parse: Callable[[pa.Table], T], **partition: str) -> list[T]:
        """`parse` of the rows of each live file of the partition; of a small file only once."""
        return self.tables.parse_files(self.table, self.opened.files(partition), parse)

    def append(
        self,
        parts: Sequence[tuple[dict[str, str], pa.Table]],
        *,
        marker: tuple[str, int],
        instead_of: Sequence[dict[str, Any]] = (),
    ) -> None:
        """One commit of rows by partition, out with the files `instead_of`. Raises CommitConflict
        where another has appended under the same name since."""
        now = self.tables.now()
        actions: list[AddAction | RemoveAction] = [
            remove_action(file, _partition_of(file), now=now) for file in instead_of
        ]
        for partition, rows in parts:
            file = write_data_file(self.tables.store, self.table, rows, partition=partition)
            if file is not None:
                actions.append(add_action(file, partition, now=now))
        with delta_errors(self.table, self.tables.uri(self.table), marker[0]):
            commit_once(self.opened, self.table, actions, dict([marker]))


def _partition_of(file: dict[str, Any]) -> dict[str, str]:
    prefix = "partition."
    return {name[len(prefix) :]: file[name] for name in file if name.startswith(prefix)}


@contextmanager
def open_snapshot(tables: LakeTables, table: Table) -> Iterator[Snapshot]:
    """The table as it is now, made if it is not there."""
    with tables.writable(table) as opened:
        yield Snapshot(tables, table, opened)
