"""Lost data files of block_changes and reorgs: what they told is worked out, and told again.

    numbers of the sequence that are gone ─┐
    changes that are left, raw_blocks     ─┴→ core/lost_steps.py → out with the lost files, in with
                                              these rows, by one commit
    block_changes, by reorg_id            ─→ reorgs

Never is a file struck out first: whoever tells changes next would tell its blocks once more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import CommitConflict, StorageFailed
from chain_assets.core.lost_steps import lost_steps
from chain_assets.core.reorgs import Changes
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS, Table
from chain_assets.lake.lost_files import lost_files, without_lost
from chain_assets.lake.snapshots import Snapshot, open_snapshot
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import by_range, describe_reorg, next_reorg, sequence_name
from chain_assets.layers.raw_index import IndexRow, read_index

_ATTEMPTS = 50
_TOLD = ["sequence", "number", "hash", "change"]
_log = logging.getLogger(__name__)


def restore_journal(
    chain: Chain, *, tables: LakeTables, run_id: str, clock: Callable[[], float] = time.time
) -> None:
    """Put rows in the place of those that lost files of the chain's journal held, if any.

    The index has to be whole. Raises StorageFailed, also where no rows fit, and CommitConflict.
    """
    told = {"run_id": run_id, "changed_at": datetime.fromtimestamp(clock(), UTC)}
    _retried(tables, BLOCK_CHANGES, lambda snapshot: _restore_changes(chain, snapshot, told))
    _retried(tables, REORGS, lambda snapshot: _restore_reorgs(chain, snapshot))


def _retried(tables: LakeTables, table: Table, act: Callable[[Snapshot], None]) -> None:
    for _ in range(_ATTEMPTS):
        with suppress(CommitConflict), open_snapshot(tables, table) as snapshot:
            act(snapshot)
            return
    raise CommitConflict(
        "other writers were faster every time", table=table.name, todo="Run it again"
    )


def _restore_changes(chain: Chain, snapshot: Snapshot, told: dict[str, object]) -> None:
    tables = snapshot.tables
    lost = lost_files(tables, BLOCK_CHANGES, {"chain": chain.name})
    if not lost:
        return
    keys = {file["partition.block_range"] for file in lost}
    left = without_lost(snapshot.opened.files({"chain": chain.name}), lost)
    rows = tables.read_files(BLOCK_CHANGES, left, ["sequence"])
    last = snapshot.marker(sequence_name(chain)) or 0
    holes = sorted(set(range(1, last + 1)).difference(rows["sequence"].to_pylist()))
    own = [file for file in left if file["partition.block_range"] in keys]
    changes = tables.read_files(BLOCK_CHANGES, own, _TOLD).to_pylist()
    index = _index(chain, tables, sorted(map(BlockRange.from_key, keys)))
    try:
        steps = lost_steps(
            {c["sequence"]: ((c["number"], c["hash"]), c["change"]) for c in changes},
            holes,
            canonical={row.number: row.hash for row in index if row.canonical},
            orphans=[(row.number, row.hash) for row in index if not row.canonical],
        )
    except ValueError as error:
        raise StorageFailed(
            f"{len(lost)} lost files held changes that cannot be worked out: {error}",
            chain=chain.name,
            table=BLOCK_CHANGES.name,
            todo="Bring the files back from a backup",
        ) from None
    new = [
        {"sequence": at, "number": number, "hash": hash_, "change": change, "reorg_id": None} | told
        for at, ((number, hash_), change) in steps.items()
    ]
    marker = (sequence_name(chain), last)
    snapshot.append(by_range(chain, new, BLOCK_CHANGES), marker=marker, instead_of=lost)


def _restore_reorgs(chain: Chain, snapshot: Snapshot) -> None:
    tables = snapshot.tables
    lost = lost_files(tables, REORGS, {"chain": chain.name})
    if not lost:
        return
    left = without_lost(snapshot.opened.files({"chain": chain.name}), lost)
    there = tables.read_files(REORGS, left, ["reorg_id"])
    known = {None, *there["reorg_id"].to_pylist()}
    by_reorg: dict[str, list[dict[str, Any]]] = {}
    columns = [*_TOLD, "reorg_id", "run_id", "changed_at"]
    for row in tables.read(BLOCK_CHANGES, columns=columns, chain=chain.name).to_pylist():
        if row["reorg_id"] not in known:
            by_reorg.setdefault(row["reorg_id"], []).append(row)
    rows = [_reorg_row(chain, name, own, tables) for name, own in by_reorg.items()]
    gone = sum(file["num_records"] for file in lost)
    if len(rows) < gone:
        _log.warning(
            "%s: %s of %s lost rows of reorgs are made anew: block_changes names no others",
            chain.name,
            len(rows),
            gone,
        )
    marker = next_reorg(chain, snapshot)
    snapshot.append(by_range(chain, rows, REORGS), marker=marker, instead_of=lost)


def _reorg_row(
    chain: Chain, name: str, changes: Sequence[dict[str, Any]], tables: LakeTables
) -> dict[str, Any]:
    blocks = {
        change: [(row["number"], row["hash"]) for row in changes if row["change"] == change]
        for change in (-1, 1)
    }
    reorg = Changes(tuple(sorted(blocks[-1], reverse=True)), tuple(sorted(blocks[1])))
    numbers = [row["number"] for row in changes]
    stored = [
        BlockRange.from_key(key)
        for key in tables.range_keys(BLOCK_CHANGES, chain=chain.name)
        if any(number in BlockRange.from_key(key) for number in numbers)
    ]
    described = describe_reorg(name, reorg, _index(chain, tables, stored))
    first = min(changes, key=lambda row: int(row["sequence"]))
    return {**vars(described), "run_id": first["run_id"], "found_at": first["changed_at"]}


def _index(chain: Chain, tables: LakeTables, ranges: Sequence[BlockRange]) -> list[IndexRow]:
    """The index of these ranges, in the order in which its blocks were fetched."""
    rows = [row for r in ranges for row in read_index(tables, chain=chain.name, block_range=r.key)]
    return sorted(rows, key=lambda row: row.fetched_at)
