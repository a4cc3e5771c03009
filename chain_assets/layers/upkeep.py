"""Upkeep of a lake: few files where blocks are final, and nothing that no reader needs any more.

    compact_closed   of one chain   tables' logs ─→ merges that are due, the most files first ─→
                                    one after another, until none is left or the time is up
    tidy_lake        of all chains  old files and commits out of every table

A follower compacts what it has written. What runs and catch-up wrote, and what was repaired since,
waits for this. Another writer always has precedence: what it is at is left for the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.errors import CommitConflict, LeaseLost, LeaseTaken, StorageFailed
from chain_assets.core.schemas import TABLES
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.upkeep import Tidied, tidy
from chain_assets.layers.compaction import Merge, make_merge, merges_of_closed
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore

# No chain has this name.
_WHOLE_LAKE = LeaseKey("*", "lake", "tidy")


@dataclass(frozen=True)
class Compacted:
    """What was done: `merges` in `ranges` ranges, of `files` files of `size` bytes together.

    `busy` merges were left because another writer was at the range, `left` because the time or the
    number of merges was up.
    """

    merges: int
    ranges: int
    files: int
    size: int
    busy: int
    left: int


def merges_due(chain: Chain, *, tables: LakeTables, ops: OpsStore) -> list[Merge]:
    """The merges that are due in ranges whose blocks are all final: the most files first, since
    that is where readers gain most. Read from the tables' logs alone.

    What is final is what was seen final when the chain was last looked at: no node is asked.
    """
    mark = ops.watermarks.watermark(chain.name)
    if mark is None:
        return []
    merges = merges_of_closed(chain, last=mark.number, tables=tables)
    return sorted(merges, key=lambda merge: (-len(merge.paths), merge.block_range))


def compact_closed(
    chain: Chain,
    *,
    tables: LakeTables,
    ops: OpsStore,
    most_merges: int | None = None,
    most_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Compacted:
    """Make the merges that are due, at most so many, and begin none after `most_seconds`.

    A file that is lost or damaged stops its own merge only. Raises StorageFailed for the first of
    them when all else is done, OpsStoreFailed; what was merged by then stays so.
    """
    started = clock()
    due = merges_due(chain, tables=tables, ops=ops)
    made: list[Merge] = []
    busy = tried = 0
    failed: StorageFailed | None = None
    for merge in due:
        if most_merges is not None and len(made) >= most_merges:
            break
        if most_seconds is not None and clock() - started >= most_seconds:
            break
        tried += 1
        try:
            if make_merge(chain, merge, tables=tables, ops=ops):
                made.append(merge)
        except (LeaseTaken, LeaseLost, CommitConflict):
            busy += 1
        except StorageFailed as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return Compacted(
        merges=len(made),
        ranges=len({merge.block_range for merge in made}),
        files=sum(len(merge.paths) for merge in made),
        size=sum(merge.size for merge in made),
        busy=busy,
        left=len(due) - tried,
    )


def tidy_lake(tables: LakeTables, ops: OpsStore) -> list[Tidied]:
    """Free every table of what is out of use for longer than any reader needs it.

    It concerns the tables of all chains, so one does it at a time. Raises LeaseTaken where another
    is at it, and StorageFailed for the first table that failed when all others are done.
    """
    tidied: list[Tidied] = []
    failed: StorageFailed | None = None
    with ops.held(_WHOLE_LAKE):
        for table in TABLES.values():
            try:
                tidied.append(tidy(tables, table))
            except StorageFailed as error:
                failed = failed or error
    if failed is not None:
        raise failed
    return tidied
