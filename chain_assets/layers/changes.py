"""block_changes and reorgs: what raw_blocks says is canonical, told as changes that readers follow.

    raw_blocks, canonical   ─ want ┐
    block_changes, replayed ─ have ┴→ changes → reorgs, where blocks were replaced → block_changes

It is made after every change of raw_blocks and from its rows alone, so a run that was killed in
between is made up for by the next. Only one writer at a time can add the next sequence number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import CommitConflict, StorageFailed
from chain_assets.core.reorgs import BlockId, Changes, Step, changes_between, reorg_id, replay
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS, Table
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.snapshots import Snapshot, open_snapshot
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.raw_index import IndexRow, read_index

# Each refused attempt means that another writer of the chain got through.
_ATTEMPTS = 50


@dataclass(frozen=True)
class Reorg:
    """A reorg that was followed: a row of `reorgs`, whose columns its fields are."""

    reorg_id: str
    first_number: int
    depth: int
    old_head_number: int
    old_head_hash: bytes
    new_head_number: int | None
    new_head_hash: bytes | None
    transactions_removed: int
    transactions_added: int
    logs_removed: int
    logs_added: int


def publish_changes(
    chain: Chain,
    ranges: Sequence[BlockRange],
    *,
    tables: LakeTables,
    run_id: str,
    clock: Callable[[], float] = time.time,
) -> Reorg | None:
    """Append what has changed in `ranges` since the last change; the reorg among it, if any.

    A reorg over several ranges needs all of them here, to be told in one go and in order. Raises
    StorageFailed, and CommitConflict where other writers of the chain are always faster.
    """
    told = _Told(run_id, datetime.fromtimestamp(clock(), UTC))
    for _ in range(_ATTEMPTS):
        with suppress(CommitConflict), open_snapshot(tables, BLOCK_CHANGES) as snapshot:
            return _publish(chain, ranges, snapshot, told)
    raise CommitConflict(
        "other writers of the chain were faster every time",
        chain=chain.name,
        table=BLOCK_CHANGES.name,
        todo="Run it again with fewer runs of this chain at once",
    )


@dataclass(frozen=True)
class _Told:
    """By which run, and when."""

    run_id: str
    at: datetime


def _publish(
    chain: Chain, ranges: Sequence[BlockRange], snapshot: Snapshot, told: _Told
) -> Reorg | None:
    tables = snapshot.tables
    rows = [
        row
        for block_range in ranges
        for row in read_index(tables, chain=chain.name, block_range=block_range.key)
    ]
    canonical = [(row.number, row.hash) for row in rows if row.canonical]
    steps = _published(snapshot, chain, ranges)
    changes = changes_between(_replayed(steps, chain), canonical)
    if not changes:
        return None
    reorg = None
    if changes.removed:
        # The same blocks may be replaced again, after a reorg back to them.
        time = steps.count((changes.removed[-1], 1))
        reorg = describe_reorg(reorg_id(chain.name, changes.removed, time=time), changes, rows)
        _record(chain, reorg, tables, told)
    _append(chain, snapshot, changes, reorg, told)
    return reorg


def _replayed(steps: Sequence[Step], chain: Chain) -> set[BlockId]:
    try:
        return replay(steps)
    except ValueError as error:
        raise StorageFailed(
            str(error),
            chain=chain.name,
            table=BLOCK_CHANGES.name,
            todo="`chain-assets gaps --apply` takes out what stands there twice",
        ) from None


def take_out_doubled(
    chain: Chain, block_range: BlockRange, table: Table, *, tables: LakeTables
) -> None:
    """Leave one row a key in a journal's range. Raises StorageFailed, CommitConflict."""
    partition = {"chain": chain.name, "block_range": block_range.key}
    (key,) = table.key
    rows = tables.read(table, **partition).sort_by(key)
    places = {value: place for place, value in enumerate(rows[key].to_pylist())}
    rows = rows.take(list(places.values()))
    file = write_data_file(tables.store, table, rows, partition=partition)
    files = [file] if file else []
    tables.replace_blocks(table, files, partition=partition, numbers=None)


def _published(snapshot: Snapshot, chain: Chain, ranges: Sequence[BlockRange]) -> list[Step]:
    told = [
        step
        for block_range in ranges
        for steps in snapshot.parsed(_steps, chain=chain.name, block_range=block_range.key)
        for step in steps
    ]
    return [step for _, step in sorted(told)]


def _steps(rows: pa.Table) -> list[tuple[int, Step]]:
    """The changes of a file, each with its sequence number."""
    sequence, number, hash_, change = (
        rows[name].to_pylist() for name in ("sequence", "number", "hash", "change")
    )
    blocks = zip(number, hash_, strict=True)
    return list(zip(sequence, zip(blocks, change, strict=True), strict=True))


def sequence_name(chain: Chain) -> str:
    """The marker that holds the chain's last sequence number."""
    return f"sequence/{chain.name}"


def _append(
    chain: Chain, snapshot: Snapshot, changes: Changes, reorg: Reorg | None, told: _Told
) -> None:
    name = sequence_name(chain)
    last = snapshot.marker(name) or 0
    rows = [
        {
            "sequence": sequence,
            "number": number,
            "hash": hash_,
            "change": change,
            "reorg_id": reorg.reorg_id if reorg and number >= reorg.first_number else None,
            "run_id": told.run_id,
            "changed_at": told.at,
        }
        for sequence, ((number, hash_), change) in enumerate(changes.steps(), last + 1)
    ]
    parts = by_range(chain, rows, BLOCK_CHANGES)
    snapshot.append(parts, marker=(name, last + len(rows)))


def _record(chain: Chain, reorg: Reorg, tables: LakeTables, told: _Told) -> None:
    """Before the changes: a run that is killed in between finds the same blocks still to be told,
    and the same row there already."""
    key = range_of(reorg.first_number, chain.ranges).key
    with open_snapshot(tables, REORGS) as snapshot:
        there = snapshot.read(["reorg_id"], chain=chain.name, block_range=key)
        if reorg.reorg_id not in there["reorg_id"].to_pylist():
            row = {**vars(reorg), "run_id": told.run_id, "found_at": told.at}
            snapshot.append(by_range(chain, [row], REORGS), marker=next_reorg(chain, snapshot))


def next_reorg(chain: Chain, snapshot: Snapshot) -> tuple[str, int]:
    """The marker of the next rows of `reorgs`: who has it moved first is the only one."""
    name = f"reorgs/{chain.name}"
    return name, (snapshot.marker(name) or 0) + 1


def describe_reorg(name: str, changes: Changes, rows: Sequence[IndexRow]) -> Reorg:
    """The reorg that these changes are, called `name`; `rows` are the index of its ranges."""
    by_id = {(row.number, row.hash): row for row in rows}
    old_head, lowest = changes.removed[0], changes.removed[-1]
    added = [block for block in changes.added if block[0] >= lowest[0]]
    removed_rows = [by_id[block] for block in changes.removed if block in by_id]
    added_rows = [by_id[block] for block in added if block in by_id]
    new_head = added[-1] if added else (None, None)
    return Reorg(
        reorg_id=name,
        first_number=lowest[0],
        depth=len(changes.removed),
        old_head_number=old_head[0],
        old_head_hash=old_head[1],
        new_head_number=new_head[0],
        new_head_hash=new_head[1],
        transactions_removed=sum(row.transaction_count for row in removed_rows),
        transactions_added=sum(row.transaction_count for row in added_rows),
        logs_removed=sum(row.log_count or 0 for row in removed_rows),
        logs_added=sum(row.log_count or 0 for row in added_rows),
    )


def by_range(
    chain: Chain, rows: Sequence[dict[str, Any]], table: Table
) -> list[tuple[dict[str, str], pa.Table]]:
    """The rows of a journal's table, a part for each partition."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        key = range_of(row[table.number_column], chain.ranges).key
        parts.setdefault(key, []).append(row)
    return [
        (
            {"chain": chain.name, "block_range": key},
            pa.Table.from_pylist(own, schema=table.file_schema),
        )
        for key, own in sorted(parts.items())
    ]
