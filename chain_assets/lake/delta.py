"""delta-rs with its own ways taken off: its errors in our words, and commits that stand on others.

plan on version n → others commit n+1, n+2 → commit n+3, if none of them was in our partition
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.errors import CommitConflict, StorageFailed
from chain_assets.core.schemas import Table
from chain_assets.lake.data_files import LOST_FILE
from chain_assets.lake.storage import NO_SPACE

# Each refused attempt means that another writer got through, so this many writers may meet.
_COMMIT_ATTEMPTS = 50
# What delta-rs' messages are drawn with: colours, arrows, a line for each cause.
_DRAWING = re.compile(r"(\x1b\[[0-9;]*m|[\s↳])+")


@contextmanager
def delta_errors(table: Table, uri: str, partition: str = "") -> Iterator[None]:
    """Turns delta-rs' errors into CommitConflict and StorageFailed; TableNotFoundError passes."""
    try:
        yield
    except TableNotFoundError:
        raise
    except CommitFailedError as error:
        raise _conflict(table, partition) from error
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise storage_failed(table, uri, error) from error


def storage_failed(table: Table, uri: str, error: Exception) -> StorageFailed:
    """`error`, on one line, and what to do about it."""
    reason = _DRAWING.sub(" ", str(error)).strip()
    todo = None
    if "No space left on device" in reason:
        todo = NO_SPACE
    elif isinstance(error, FileNotFoundError | pa.ArrowException):
        todo = LOST_FILE
    return StorageFailed(f"{uri}: {reason}", table=table.name, todo=todo)


def _conflict(table: Table, partition: str) -> CommitConflict:
    return CommitConflict(
        f"another writer changed {partition or 'it'} first",
        table=table.name,
        todo="Run it again: it takes up what the other writer left",
    )


def add_actions(delta: DeltaTable, partition: dict[str, str]) -> list[dict[str, Any]]:
    """The live files of the partition, flattened (path, size_bytes, num_records, min.…)."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    for name, value in partition.items():
        if f"partition.{name}" not in actions.column_names:
            return []
        actions = actions.filter(pc.equal(actions[f"partition.{name}"], value))
    rows: list[dict[str, Any]] = actions.to_pylist()
    return rows


def commit(
    delta: DeltaTable,
    table: Table,
    partition: dict[str, str],
    actions: Sequence[AddAction | RemoveAction],
) -> None:
    """Commit `actions`, planned on `delta` as it stands, whatever happens in other partitions.

    Raises CommitConflict where another writer changed this partition meanwhile.
    """
    name = "/".join(partition.values())
    for _ in range(_COMMIT_ATTEMPTS):
        planned_on = _paths(delta, partition)
        try:
            with delta_errors(table, delta.table_uri, name):
                _try_commit(delta, table, partition, actions)
                return
        except CommitConflict:
            # delta-rs refuses a removal after any other writer's removal in the table. It is in
            # the way only if it was in this partition.
            with delta_errors(table, delta.table_uri, name):
                delta.update_incremental()
            if _paths(delta, partition) != planned_on:
                raise
    raise _conflict(table, name)


def _try_commit(
    delta: DeltaTable,
    table: Table,
    partition: dict[str, str],
    actions: Sequence[AddAction | RemoveAction],
) -> None:
    # Two writers that find the partition empty remove nothing that the other needs: only the
    # name of this transaction lets delta-rs see that they meet.
    writer = Transaction("/".join(partition.values()), delta.version())
    delta.create_write_transaction(
        list(actions),
        mode="append",
        schema=table.schema,
        partition_by=list(partition),
        commit_properties=CommitProperties(app_transactions=[writer]),
    )
    delta.update_incremental()


def _paths(delta: DeltaTable, partition: dict[str, str]) -> set[str]:
    return {action["path"] for action in add_actions(delta, partition)}
