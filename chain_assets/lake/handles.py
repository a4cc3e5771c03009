"""Open Delta tables, kept for whoever needs them next.

with handles.borrowed(RAW_BLOCKS) as opened:    the table as it is now, this thread's alone
    opened.files({"chain": "ethereum"})

Opening a table reads its log from the last checkpoint on; bringing an open one up to date reads
what is new. A process that follows the head asks dozens of times a block.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from chain_assets.core.errors import CommitConflict
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import Table
from chain_assets.lake.checkpoints import set_aside_damaged
from chain_assets.lake.delta import delta_errors, storage_failed
from chain_assets.lake.open_table import OpenTable
from chain_assets.lake.storage import ObjectStore, Storage

# Of one table, for threads that work at once.
_MOST_KEPT = 4
_COLUMN_ATTEMPTS = 5
_PROPERTIES = {
    # Each commit and each opening reads the log from the last checkpoint on. At delta-rs' 100
    # commits from one to the next a commit takes twice the time that it does at 20, at 10 no less.
    "delta.checkpointInterval": "20",
    # With a checkpoint, delta-rs removes what is older of the log before it. A table that follows
    # the head gets thousands of commits a day. Past that time no reader can go back to a version.
    "delta.logRetentionDuration": "interval 7 days",
}


class Handles:
    """The open tables of one lake. Threads may share it."""

    def __init__(self, storage: Storage, store: ObjectStore) -> None:
        self._storage = storage
        self._store = store
        self._kept: dict[str, list[OpenTable]] = {}
        self._lock = threading.Lock()
        # Names of tables that are as their contracts say.
        self._complete: set[str] = set()

    def uri(self, table: Table) -> str:
        """Where the Delta table is."""
        return self._storage.path(table.name)

    @contextmanager
    def borrowed(self, table: Table) -> Iterator[OpenTable | None]:
        """The table as it is now, None where nothing was ever written to it.

        Nobody else has it until the block ends. After an error it is not kept: what a commit that
        failed has left in it is not known. Raises StorageFailed.
        """
        opened = self._take(table) or self._opened(table)
        yield opened
        if opened is not None:
            self._keep(table, opened)

    @contextmanager
    def writable(self, table: Table) -> Iterator[OpenTable]:
        """As `borrowed`; the table is made if it is not there, with all columns of its contract."""
        opened = (
            self._take(table) or self._opened(table) or self._kept_open(table, self._create(table))
        )
        if table.name not in self._complete:
            self._add_columns(table, opened.delta)
            self._complete.add(table.name)
        yield opened
        self._keep(table, opened)

    def open(self, table: Table) -> DeltaTable | None:
        """The table as it is now, the caller's own; None where nothing was ever written to it."""
        with suppress(TableNotFoundError), delta_errors(table, self.uri(table)):
            try:
                return self._loaded(table)
            except TableNotFoundError:
                raise
            except DeltaError:
                if not set_aside_damaged(self._store, table.name):
                    raise
            return self._loaded(table)
        return None

    def _loaded(self, table: Table) -> DeltaTable:
        return DeltaTable(self.uri(table), storage_options=self._storage.delta_options() or None)

    def _create(self, table: Table) -> DeltaTable:
        fault_point("table to make", table.name)
        try:
            with delta_errors(table, self.uri(table)):
                made = DeltaTable.create(
                    self.uri(table),
                    schema=Schema.from_arrow(table.schema),
                    mode="ignore",
                    partition_by=[column.name for column in table.partition_columns],
                    name=table.name,
                    description=f"One row per {table.grain}.",
                    configuration=_PROPERTIES,
                    storage_options=self._storage.delta_options() or None,
                )
            self._settle(table, 0)
            return made
        except TableNotFoundError as error:
            # delta-rs' name for a folder that it could not make.
            raise storage_failed(table, self.uri(table), error) from error
        except CommitConflict:
            made_by_another = self.open(table)
            if made_by_another is None:
                raise
            return made_by_another

    def _add_columns(self, table: Table, delta: DeltaTable) -> None:
        """Give the table the columns that its contract got since it was made, and let those be NULL
        that may be NULL since.

        Rows from before have NULL in new columns. delta-rs would store the columns of newer files,
        and never show them; and readers trust a table that says that a column is never NULL.
        """
        for attempt in range(_COLUMN_ATTEMPTS):
            have = {field.name: field.nullable for field in delta.schema().fields}
            new = [
                field
                for field in Schema.from_arrow(table.schema).fields
                if field.name not in have or (field.nullable and not have[field.name])
            ]
            if not new:
                return
            try:
                with delta_errors(table, self.uri(table)):
                    delta.alter.add_columns(new)
                self._settle(table, delta.version())
            except CommitConflict:
                # Most likely another process has just done the same.
                if attempt == _COLUMN_ATTEMPTS - 1:
                    raise
                with delta_errors(table, self.uri(table)):
                    delta.update_incremental()

    def _opened(self, table: Table) -> OpenTable | None:
        delta = self.open(table)
        return None if delta is None else self._kept_open(table, delta)

    def _kept_open(self, table: Table, delta: DeltaTable) -> OpenTable:
        return OpenTable(delta, settle=partial(self._settle, table))

    def _settle(self, table: Table, version: int) -> None:
        with suppress(FileNotFoundError):  # The log was shortened since.
            self._store.settle(f"{table.name}/_delta_log/{version:020}.json")

    def _keep(self, table: Table, opened: OpenTable) -> None:
        with self._lock:
            kept = self._kept.setdefault(table.name, [])
            if len(kept) < _MOST_KEPT:
                kept.append(opened)

    def _take(self, table: Table) -> OpenTable | None:
        """A kept table, brought up to date; None where there is none that can be."""
        with self._lock:
            kept = self._kept.get(table.name)
            opened = kept.pop() if kept else None
        if opened is None:
            return None
        try:
            if self._has_changed(table, opened.delta.version()):
                opened.delta.update_incremental()
        except (DeltaError, FileNotFoundError):
            # Opened anew: what is really wrong, if anything, is told there.
            return None
        return opened

    def _has_changed(self, table: Table, version: int) -> bool:
        """Whether there is a version after this one. Raises FileNotFoundError where this one is
        not there any more: its log was shortened, or its folder moved away.

        Of such a folder delta-rs itself says that nothing is new in it, and the next commit would
        begin a log in the middle. It also lists the whole log each time it is asked.
        """
        log = f"{table.name}/_delta_log"
        with suppress(FileNotFoundError):
            self._store.get(f"{log}/{version + 1:020}.json")
            return True
        self._store.get(f"{log}/{version:020}.json")
        return False
