"""The commits of a layer: one a table, in an order that survives being killed between any two.

    token    a writer that takes over a lease leaves its token first   old writers are refused
    mark     the row that tells of a block to be replaced is marked    it does not look right now
    tables   out with the old rows of these blocks, in with the new    in any order, side by side
    witness  the layer's block table comes last                        its row says: all is there

A block of which any row was replaced is therefore unfinished until its witness row is, whichever
side of a fork the next run wants: also when the chain flips back to the side that the old witness
row was right about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow.compute as pc

from chain_assets.core.fault_points import fault_point
from chain_assets.core.reconcile import Plan
from chain_assets.core.schemas import UNFINISHED, Table
from chain_assets.lake.data_files import DataFile
from chain_assets.lake.delta import Fence
from chain_assets.lake.tables import Commit, LakeTables

T = TypeVar("T")

# A bucket answers late, so that many commits wait side by side. A disk answers at once, and there
# each thread more costs more than it saves.
_COMMITS_AT_ONCE, _COMMITS_AT_ONCE_ON_S3 = 2, 8


def begin(
    tables: LakeTables, layer: Sequence[Table], partition: dict[str, str], fence: Fence | None
) -> None:
    """Shut out a writer that has not given its lease back, before anything is read to plan on.

    From each table of the layer: a commit that was on its way to a bucket when its writer was
    killed may still arrive. In a table in which there is nothing to do, nobody would come upon its
    rows.
    """
    if fence is not None and fence.inherited:
        _side_by_side(
            tables, lambda table: tables.leave_token(table, partition=partition, fence=fence), layer
        )


def commit_layer(
    tables: LakeTables,
    layer: Sequence[Table],
    files: Sequence[DataFile],
    partition: dict[str, str],
    plan: Plan,
    *,
    fence: Fence | None = None,
) -> tuple[Commit, ...]:
    """Replace the plan's blocks in each table of `layer`, those that tell versions last and in
    this order; they are the witnesses.

    Raises CommitConflict, LeaseLost and StorageFailed; the next run then does the rest.
    """
    if not plan:
        return ()
    _mark(tables, layer, partition, plan.numbers, fence)

    def replace(table: Table) -> Commit:
        return tables.replace_blocks(
            table,
            [file for file in files if file.table == table.name],
            partition=partition,
            numbers=plan.numbers,
            fence=fence,
        )

    plain = [table for table in layer if table.version_column is None]
    witnesses = [table for table in layer if table.version_column is not None]
    commits = {commit.table: commit for commit in _side_by_side(tables, replace, plain)}
    commits |= {table.name: replace(table) for table in witnesses}
    return tuple(commits[table.name] for table in layer)


def layer_files(
    tables: LakeTables, layer: Sequence[Table], partition: dict[str, str]
) -> list[tuple[Table, dict[str, Any]]]:
    """The live files of all tables of a layer."""
    return [(table, file) for table in layer for file in tables.live_files(table, **partition)]


def stray_numbers(
    tables: LakeTables,
    files: Sequence[tuple[Table, dict[str, Any]]],
    known: Collection[int],
) -> set[int]:
    """Blocks of which `files` have rows, but that are not among the blocks `known`: those that
    have a witness, and those that are to be written anyway.

    A run that was killed before its last commit leaves them, and where the chain does not have
    the block any more no later plan would come upon it.
    """
    found: set[int] = set()
    numbers = frozenset(known)
    for table, file in files:
        low, high = (file.get(f"{end}.{table.number_column}") for end in ("min", "max"))
        if low is None or high is None or not numbers.issuperset(range(low, high + 1)):
            rows = tables.read_files(table, [file], [table.number_column])
            found.update(pc.unique(rows[table.number_column]).to_pylist())
    return found - numbers


def _side_by_side(tables: LakeTables, act: Callable[[Table], T], layer: Sequence[Table]) -> list[T]:
    at_once = _COMMITS_AT_ONCE_ON_S3 if tables.storage.is_s3 else _COMMITS_AT_ONCE
    with ThreadPoolExecutor(at_once, thread_name_prefix="commit") as pool:
        return list(pool.map(act, layer))


def _mark(
    tables: LakeTables,
    layer: Sequence[Table],
    partition: dict[str, str],
    numbers: Collection[int],
    fence: Fence | None,
) -> None:
    """Take their version from the rows of blocks `numbers`, each in the last table that has it.

    Of the others nobody asks as long as that row is there: a block that is decoded counts as such,
    whatever its proof's row says.
    """
    left = set(numbers)
    for table in reversed(layer):
        column = table.version_column
        if column is None or not left:
            continue
        fault_point("rows to mark", table.name)
        left -= tables.mark_blocks(
            table, partition=partition, numbers=left, column=column, text=UNFINISHED, fence=fence
        )
        fault_point("rows marked", table.name)
