"""Reorgs: before anything is fetched, stored blocks are made to be those of the chain again.

    stored tips ─ still canonical? ─→ fork ─ too deep? ─→ halt: a person decides (layers/halts.py)
                                        └─→ the other side is fetched ─→ one commit of raw_blocks
                                                                     ─→ told in block_changes

The layers above follow by reconciling with raw_blocks; until they have, the range is unfinished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import BudgetSpent, LeaseTaken
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import Reorg, publish_changes
from chain_assets.layers.commits import begin
from chain_assets.layers.fetching import fetch_blocks
from chain_assets.layers.finality import finalized_block
from chain_assets.layers.forks import Fork
from chain_assets.layers.halts import look_for_reorgs, use_up_approvals
from chain_assets.layers.raw_index import (
    IndexRow,
    index_change,
    merge_index,
    read_index,
    store_block,
)
from chain_assets.layers.report import HeldBlock
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import LEASE_SECONDS, OpsStore
from chain_assets.sources.protocol import BlockSource

# How long another writer of the same range is waited for: until the lease of one that was killed
# has run out, so that what is started again at once goes on.
WAIT_SECONDS = LEASE_SECONDS + 10.0


def follow_reorgs(
    chain: Chain,
    *,
    source: BlockSource,
    tables: LakeTables,
    ops: OpsStore,
    run_id: str,
    clock: Callable[[], float] = time.time,
) -> Reorg | None:
    """Make the stored blocks those of the chain again; the reorg that was followed, if any.

    What is final now counts as final from then on. Raises ChainHalted where a person has to
    decide, SourceError, StorageFailed, CommitConflict, LeaseTaken, LeaseLost.
    """
    finalized = finalized_block(chain, source)
    untold = ops.unfinished.keys(chain.name, "journal")
    looked = look_for_reorgs(chain, source=source, tables=tables, ops=ops)
    for fork in looked.forks:
        fault_point("reorg found")
        _follow(chain, fork, source=source, tables=tables, ops=ops, clock=clock)
        fault_point("reorg followed")
    untold |= {r.key for fork in looked.forks for r in fork.ranges(chain)}
    ops.unfinished.end(chain.name, looked.doubtful, "links")
    # Before the watermark moves on: these ranges are not looked at again after it.
    ranges = sorted({*looked.ranges, *map(BlockRange.from_key, untold)})
    reorg = publish_changes(chain, ranges, tables=tables, run_id=run_id, clock=clock)
    if reorg is not None:
        fault_point("reorg told")
    if untold:
        use_up_approvals(chain, tables, ops)
        fault_point("approval used")
        _end_journal(chain, untold, tables=tables, ops=ops, run_id=run_id)
    if finalized is not None:
        ops.watermarks.raise_watermark(chain.name, finalized.number, finalized.hash)
    return reorg


def _end_journal(
    chain: Chain, keys: Collection[str], *, tables: LakeTables, ops: OpsStore, run_id: str
) -> None:
    """Strike out what is told; where another writer is just at it, it is left to the next."""
    for key in sorted(keys):
        with suppress(LeaseTaken), ops.held(LeaseKey(chain.name, key, "raw")):
            publish_changes(chain, [BlockRange.from_key(key)], tables=tables, run_id=run_id)
            ops.unfinished.end(chain.name, [key], "journal")


def _follow(
    chain: Chain,
    fork: Fork,
    *,
    source: BlockSource,
    tables: LakeTables,
    ops: OpsStore,
    clock: Callable[[], float],
) -> None:
    """Flip the orphans and put in what the source has in their place, in one commit.

    What cannot be had now is missing afterwards, and fetched as any missing block is.
    """
    numbers = {row.number for row in fork.orphans}
    with ExitStack() as leases:
        fences = {
            r: leases.enter_context(ops.held(LeaseKey(chain.name, r.key, "raw"), wait=WAIT_SECONDS))
            for r in fork.ranges(chain)
        }
        for block_range, fence in fences.items():
            partition = {"chain": chain.name, "block_range": block_range.key}
            begin(tables, [RAW_BLOCKS], partition, fence)
        # When these ranges are final, and nobody looks at them block by block, it is still known.
        ops.unfinished.begin(chain.name, [r.key for r in fences], "journal", "layers")
        side = _other_side(chain, fork, source, tables, clock)
        fault_point("other side fetched")
        changes = []
        for block_range, fence in fences.items():
            rows = read_index(tables, chain=chain.name, block_range=block_range.key)
            own = [row for row in side if row.number in block_range]
            changed = {number for number in numbers if number in block_range}
            after = merge_index(rows, own, changed)
            changes.append(
                index_change(
                    tables,
                    after,
                    chain=chain,
                    block_range=block_range,
                    changed=changed,
                    fence=fence,
                )
            )
        tables.replace_in_ranges(RAW_BLOCKS, changes)


def _other_side(
    chain: Chain,
    fork: Fork,
    source: BlockSource,
    tables: LakeTables,
    clock: Callable[[], float],
) -> list[IndexRow]:
    """The blocks in place of the orphans, up to the first that does not link to the one before."""
    wanted = [row.number for row in fork.orphans if row.number <= fork.head.number]
    below = fork.parent
    side: list[IndexRow] = []
    # What a budget is not enough for is missing, too: else a deep reorg would never be followed.
    with suppress(BudgetSpent):
        for answer in fetch_blocks(source, wanted):
            if isinstance(answer, HeldBlock):
                below = None
                continue
            header = answer.header
            if below is not None and header.parent_hash != below.hash:
                break
            block_range = range_of(header.number, chain.ranges)
            below = store_block(answer, chain, block_range, tables, now=clock())
            side.append(below)
    return side
