"""Reorgs: before anything is fetched, stored blocks are made to be those of the chain again.

    stored tips ─ still canonical? ─→ fork ─ too deep? ─→ halt: a person decides
                                        └─→ the other side is fetched ─→ one commit of raw_blocks

What was final when it was last looked at is never rewritten without an approval, and neither is
more than `max_reorg_depth`. The layers above follow by reconciling with raw_blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import ChainHalted
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import Reorg, publish_changes
from chain_assets.layers.commits import begin
from chain_assets.layers.fetching import fetch_blocks
from chain_assets.layers.finality import finalized_block
from chain_assets.layers.forks import Fork, find_forks, stored_ranges
from chain_assets.layers.permission import use_up
from chain_assets.layers.raw_index import (
    IndexRow,
    index_change,
    merge_index,
    read_index,
    store_block,
)
from chain_assets.layers.report import HeldBlock
from chain_assets.ops.approvals import Approval
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import LEASE_SECONDS, OpsStore
from chain_assets.ops.watermarks import Watermark
from chain_assets.sources.protocol import BlockSource, Header

# How long another writer of the same range is waited for: until the lease of one that was killed
# has run out, so that what is started again at once goes on.
WAIT_SECONDS = LEASE_SECONDS + 10.0


@dataclass(frozen=True)
class Looked:
    """The ranges whose stored blocks were looked at, the forks among them, and the approvals that
    deep ones are followed with."""

    ranges: list[BlockRange]
    forks: list[Fork]
    approvals: list[Approval]


def look_for_reorgs(
    chain: Chain, *, source: BlockSource, tables: LakeTables, ops: OpsStore
) -> Looked:
    """The stored blocks that the chain has left; nothing is changed but that a person is asked.

    Raises ChainHalted where a person has to decide, SourceError, StorageFailed.
    """
    mark = ops.watermarks.watermark(chain.name)
    stored = stored_ranges(chain, tables)
    ranges = [r for r in stored if mark is None or r.stop - 1 > mark.number or r == stored[-1]]
    forks = find_forks(chain, ranges, stored, source=source, tables=tables)
    asked = [_approval(chain, fork, mark, source=source, ops=ops) for fork in forks]
    return Looked(ranges, forks, [approval for approval in asked if approval is not None])


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
    looked = look_for_reorgs(chain, source=source, tables=tables, ops=ops)
    ranges = looked.ranges
    for fork in looked.forks:
        fault_point("reorg found")
        _follow(chain, fork, source=source, tables=tables, ops=ops, clock=clock)
        fault_point("reorg followed")
        ranges = sorted({*ranges, *fork.ranges(chain)})
    # Before the watermark moves on: these ranges are not looked at again after it.
    reorg = publish_changes(chain, ranges, tables=tables, run_id=run_id, clock=clock)
    if reorg is not None:
        fault_point("reorg told")
    for approval in looked.approvals:
        use_up(approval, ops)
        fault_point("approval used")
    if finalized is not None:
        ops.watermarks.raise_watermark(chain.name, finalized.number, finalized.hash)
    return reorg


def _approval(
    chain: Chain, fork: Fork, mark: Watermark | None, *, source: BlockSource, ops: OpsStore
) -> Approval | None:
    """The approval that `fork` is followed with; None where it needs none. Raises ChainHalted."""
    if mark is not None and fork.first <= mark.number:
        why = f"below block {mark.number}, which was final"
    elif fork.depth > chain.max_reorg_depth:
        why = f"deeper than max_reorg_depth, {chain.max_reorg_depth}"
    else:
        return None
    ours, theirs = fork.orphans[0], source.header(fork.first)
    asked = ops.approvals.request(
        "deep_reorg",
        chain.name,
        f"{fork.first}/{ours.hash.hex()}/{theirs.hash.hex()}",
        what=f"a reorg of {fork.depth} blocks from block {fork.first} on, {why}",
        by=ops.actor,
        detail=_both_sides(fork, theirs),
    )
    if asked.state == "approved":
        return asked
    raise ChainHalted(
        f"the node has replaced {fork.depth} blocks, {why}; nothing was rewritten "
        f"(approval {asked.id}: {asked.state})",
        chain=chain.name,
        block=fork.first,
        todo=f"Find out which side is right, then: chain-assets approvals show {asked.id}",
    )


def _both_sides(fork: Fork, theirs: Header) -> dict[str, object]:
    ours, our_head = fork.orphans[0], fork.orphans[-1]
    return {
        "first_block": fork.first,
        "depth": fork.depth,
        "ours": {"hash": f"0x{ours.hash.hex()}", "source": ours.source},
        "our_head": {"number": our_head.number, "hash": f"0x{our_head.hash.hex()}"},
        "theirs": {"hash": f"0x{theirs.hash.hex()}"},
        "their_head": {"number": fork.head.number, "hash": f"0x{fork.head.hash.hex()}"},
    }


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
