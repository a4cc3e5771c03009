"""delta-rs with its own ways taken off: its errors in our words, and commits that stand on others.

plan on version n → others commit n+1, n+2 → commit n+3, if none of them was in our partition

A commit under a lease leaves the lease's token in the table, as the version of an application
transaction named after the partition. A writer that was paused beyond its lease, and wakes up after
its successor has committed, finds a larger token there and is refused: by the table itself, so no
clock has to be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from chain_assets.core.errors import CommitConflict, LeaseLost, StorageFailed
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import Table
from chain_assets.lake.data_files import LOST_FILE
from chain_assets.lake.open_table import OpenTable
from chain_assets.lake.storage import NO_SPACE

# Each refused attempt means that another writer got through, so this many writers may meet.
_COMMIT_ATTEMPTS = 50
# What delta-rs' messages are drawn with: colours, arrows, a line for each cause.
_DRAWING = re.compile(r"(\x1b\[[0-9;]*m|[\s↳])+")
# A bucket's answer, of which the code says all.
_S3_ANSWER = re.compile(r"<\?xml.*?<Code>(\w+)</Code>.*")
_BACKTRACE = re.compile(r" 0: <unknown>.*")
# How it says that a file of the log is cut off, or no JSON or Parquet.
_DAMAGED = re.compile(r"Json error|Parquet error|Invalid Checkpoint")


class Fence(Protocol):
    """What a commit needs of a lease. `inherited`: its last holder may still be at work."""

    @property
    def token(self) -> int:
        """Larger than that of any earlier lease of the same range and layer."""

    @property
    def inherited(self) -> bool:
        """Whether the lease ran out under its last holder, who has not given it back."""

    def check(self) -> None:
        """Raises LeaseLost where the lease is no longer ours."""


# A partition, and the lease that it is written under; None where nobody else can write it.
Fenced = tuple[dict[str, str], Fence | None]


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
    reason = _BACKTRACE.sub("", _DRAWING.sub(" ", str(error))).strip()
    reason, todo = _S3_ANSWER.sub(r"\1", reason), None
    if "No space left on device" in reason:
        todo = NO_SPACE
    elif "NoSuchBucket" in reason:
        todo = "Make the bucket, or correct CHAIN_ASSETS_LAKE"
    elif isinstance(error, FileNotFoundError | pa.ArrowException) or _DAMAGED.search(reason):
        todo = LOST_FILE
    return StorageFailed(f"{uri}: {reason}", table=table.name, todo=todo)


def _conflict(table: Table, partition: str) -> CommitConflict:
    return CommitConflict(
        f"another writer changed {partition or 'it'} first",
        table=table.name,
        todo="Run it again: it takes up what the other writer left",
    )


def commit(
    opened: OpenTable,
    table: Table,
    partitions: Sequence[Fenced],
    actions: Sequence[AddAction | RemoveAction],
) -> None:
    """Commit `actions`, planned on `opened` as it stands, whatever happens in other partitions.

    `partitions` are those that the actions touch, each with the lease that it is written under. A
    commit that was made, and whose answer was lost, is taken for what it is.
    Raises CommitConflict where another writer changed one of these partitions meanwhile, LeaseLost
    where one with a later lease has.
    """
    delta = opened.delta
    name = ", ".join("/".join(partition.values()) for partition, _ in partitions)
    for _ in range(_COMMIT_ATTEMPTS):
        planned_on = [_paths(opened, partition) for partition, _ in partitions]
        try:
            with delta_errors(table, delta.table_uri, name):
                transactions = dict(_transactions(opened, table, partitions))
                commit_once(opened, table, actions, transactions)
                return
        except CommitConflict:
            # delta-rs refuses a removal after any other writer's removal in the table. It is in
            # the way only if it was in these partitions.
            with delta_errors(table, delta.table_uri, name):
                delta.update_incremental()
            found = [_paths(opened, partition) for partition, _ in partitions]
            if actions and frozenset().union(*found) == _after(planned_on, actions):
                # It was ours: the store has made it, and its answer was lost on the way. File names
                # are never used twice.
                return
            if found != planned_on:
                raise
    raise _conflict(table, name)


def commit_once(
    opened: OpenTable,
    table: Table,
    actions: Sequence[AddAction | RemoveAction],
    transactions: Mapping[str, int],
) -> None:
    """One try, with delta-rs' errors. Of two that meet in the name of a transaction one fails."""
    fault_point("commit to make", table.name)
    opened.delta.create_write_transaction(
        list(actions),
        mode="append",
        schema=table.schema,
        partition_by=[column.name for column in table.partition_columns],
        commit_properties=CommitProperties(
            app_transactions=[Transaction(*named) for named in transactions.items()]
        ),
    )
    fault_point("commit made", table.name)
    opened.advance(actions, transactions)


def _transactions(
    opened: OpenTable, table: Table, partitions: Sequence[Fenced]
) -> Iterator[tuple[str, int]]:
    for partition, fence in partitions:
        name = "/".join(partition.values())
        # Two writers that find the partition empty remove nothing that the other needs: only the
        # name of this transaction lets delta-rs see that they meet.
        yield name, opened.delta.version()
        if fence is None:
            continue
        fence.check()
        stored = opened.transaction(_lease_name(name))
        if stored is not None and stored > fence.token:
            raise LeaseLost(
                f"another writer has taken over {name}",
                table=table.name,
                todo="Run it again: it takes up what the other writer left",
            )
        yield _lease_name(name), fence.token


def _after(planned_on: Sequence[set[str]], actions: Sequence[AddAction | RemoveAction]) -> set[str]:
    """The files of the partitions once `actions` are committed."""
    removed = {action.path for action in actions if isinstance(action, RemoveAction)}
    added = {action.path for action in actions if isinstance(action, AddAction)}
    return set().union(*planned_on) - removed | added


def _lease_name(name: str) -> str:
    return f"lease/{name}"


def _paths(opened: OpenTable, partition: dict[str, str]) -> set[str]:
    return {action["path"] for action in opened.files(partition)}
