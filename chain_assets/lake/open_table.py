"""A Delta table that is open, and what was asked of it: each answer is kept as long as it is true.

files of a partition, last transaction of a name   asked of delta-rs once a version
our own commit, and nobody else's before it        the answers are changed as the commit says

To list the files of a table takes the longer the more there are of all chains and ranges, and a
range is written by a dozen commits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

_ASKED_FOR = ("path", "size_bytes", "num_records", "partition")


class OpenTable:
    """A table as it is at `delta.version()`, and what was asked of it. `settle(version)` has a
    commit outlive a power cut."""

    def __init__(self, delta: DeltaTable, *, settle: Callable[[int], None]) -> None:
        self.delta = delta
        self._settle = settle
        self._version = delta.version()
        self._listed: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
        self._transactions: dict[str, int | None] = {}

    def files(self, partition: dict[str, str]) -> list[dict[str, Any]]:
        """The live files of the partition (path, size_bytes, num_records, min.…): only to read."""
        self._forget_older()
        asked = tuple(partition.items())
        if asked not in self._listed:
            self._listed[asked] = _live_files(self.delta, partition)
        return self._listed[asked]

    def transaction(self, name: str) -> int | None:
        """What the last commit under this name left; None where there was none."""
        self._forget_older()
        if name not in self._transactions:
            self._transactions[name] = self.delta.transaction_version(name)
        return self._transactions[name]

    def range_keys(self, chain: str) -> list[str]:
        """The ranges of `chain` of which there are files, ascending. Cheap also where the files
        are many: of each only its partition is looked at."""
        actions = pa.table(self.delta.get_add_actions(flatten=True))
        if "partition.block_range" not in actions.column_names:
            return []
        own = actions.filter(pc.equal(actions["partition.chain"], chain))
        return sorted(pc.unique(own["partition.block_range"]).to_pylist())

    def advance(
        self, actions: Sequence[AddAction | RemoveAction], transactions: Mapping[str, int]
    ) -> None:
        """Take up our own commit of these, and what others committed before it. Raises DeltaError,
        OSError, StorageFailed."""
        self._forget_older()
        self.delta.update_incremental()
        for version in range(self._version + 1, self.delta.version() + 1):
            # Before the next table is committed, whose rows say that these are there.
            self._settle(version)
        if self.delta.version() == self._version + 1:
            self._version += 1
            self._transactions |= transactions
            for asked, files in self._listed.items():
                self._listed[asked] = list(_after(files, actions, asked))

    def _forget_older(self) -> None:
        if self._version != self.delta.version():
            self._version = self.delta.version()
            self._listed.clear()
            self._transactions.clear()


def _live_files(delta: DeltaTable, partition: dict[str, str]) -> list[dict[str, Any]]:
    actions = pa.table(delta.get_add_actions(flatten=True))
    # A table may have a hundred columns of statistics, and nobody here asks for others' bounds.
    actions = actions.select([name for name in actions.column_names if _is_asked_for(name)])
    for name, value in partition.items():
        if f"partition.{name}" not in actions.column_names:
            return []
        actions = actions.filter(pc.equal(actions[f"partition.{name}"], value))
    rows: list[dict[str, Any]] = actions.to_pylist()
    return rows


def _after(
    files: Sequence[dict[str, Any]],
    actions: Sequence[AddAction | RemoveAction],
    asked: tuple[tuple[str, str], ...],
) -> Iterator[dict[str, Any]]:
    """`files` of the partition `asked` after a commit of `actions`."""
    removed = {action.path for action in actions if isinstance(action, RemoveAction)}
    yield from (file for file in files if file["path"] not in removed)
    for action in actions:
        if isinstance(action, AddAction) and dict(asked).items() <= action.partition_values.items():
            yield _flattened(action)


def _flattened(action: AddAction) -> dict[str, Any]:
    """The action as delta-rs lists it, as far as anybody asks for it."""
    stats = json.loads(action.stats)
    bounds = {
        f"{end}.{column}": value
        for end in ("min", "max")
        for column, value in stats[f"{end}Values"].items()
        if _is_asked_for(f"{end}.{column}")
    }
    return {
        "path": action.path,
        "size_bytes": action.size,
        "num_records": stats["numRecords"],
        **{f"partition.{name}": value for name, value in action.partition_values.items()},
        **bounds,
    }


def _is_asked_for(name: str) -> bool:
    kind, _, column = name.partition(".")
    if kind in ("min", "max") and column.endswith("number"):
        return True
    # The lowest version tells whether any row is marked.
    return kind in _ASKED_FOR or (kind == "min" and column.endswith("_version"))
