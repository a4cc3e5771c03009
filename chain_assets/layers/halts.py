"""Looking for reorgs, and which of them a person decides on: the chain halts until then.

What was final when it was last looked at is never rewritten without an approval, and neither is
more than `max_reorg_depth`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.counted import counted
from chain_assets.core.errors import ChainHalted
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.forks import Fork, find_forks, stored_ranges
from chain_assets.layers.permission import use_up
from chain_assets.layers.raw_index import read_canonical
from chain_assets.ops.store import OpsStore
from chain_assets.ops.watermarks import Watermark
from chain_assets.sources.protocol import BlockSource, Header

_DEEP: Final = "deep_reorg"


@dataclass(frozen=True)
class Looked:
    """The ranges whose stored blocks were looked at, and the forks among them; `doubtful` are the
    keys of final ranges that were looked at since their blocks do not link."""

    ranges: list[BlockRange]
    forks: list[Fork]
    doubtful: frozenset[str]


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
    doubtful = ops.unfinished.keys(chain.name, "links")
    for block_range in stored:
        if block_range.key in doubtful and block_range not in ranges:
            # One by one: all at once they would pass for neighbours.
            more = find_forks(chain, [block_range], stored, source=source, tables=tables)
            forks += [fork for fork in more if fork not in forks]
    forks.sort(key=lambda fork: fork.first)
    for reorg in _reorgs(forks):
        _permit(chain, reorg, mark, source=source, ops=ops)
    return Looked(ranges, forks, doubtful)


def use_up_approvals(chain: Chain, tables: LakeTables, ops: OpsStore) -> None:
    """Those of reorgs that were followed: the block that was to be replaced is not canonical."""
    for approval in ops.approvals.all("approved"):
        if approval.kind != _DEEP or approval.chain != chain.name:
            continue
        number, ours = approval.detail["first_block"], approval.detail["ours"]["hash"]
        key = range_of(number, chain.ranges).key
        rows = read_canonical(tables, chain=chain.name, block_range=key)
        if not any(f"0x{row.hash.hex()}" == ours for row in rows):
            use_up(approval, ops)


def _reorgs(forks: Sequence[Fork]) -> Iterator[list[Fork]]:
    """The forks of each reorg, ascending.

    Where a block is missing, or of neither side, one reorg shows as several forks. To judge each
    alone would let a deep one pass.
    """
    reorg: list[Fork] = []
    for fork in forks:
        if reorg and not fork.whole:
            yield reorg
            reorg = []
        reorg.append(fork)
    if reorg:
        yield reorg


def _permit(
    chain: Chain, reorg: list[Fork], mark: Watermark | None, *, source: BlockSource, ops: OpsStore
) -> None:
    """Raises ChainHalted where a person has not approved of what needs it."""
    first, depth = reorg[0].first, sum(fork.depth for fork in reorg)
    if mark is not None and first <= mark.number:
        why = f"below block {mark.number}, which was final"
    elif depth > chain.max_reorg_depth:
        why = f"deeper than max_reorg_depth, {chain.max_reorg_depth}"
    else:
        return
    ours, theirs = reorg[0].orphans[0], source.header(first)
    asked = ops.approvals.request(
        _DEEP,
        chain.name,
        f"{first}/{ours.hash.hex()}/{theirs.hash.hex()}",
        what=f"a reorg of {counted(depth, 'block')} from block {first} on, {why}",
        by=ops.actor,
        detail=_both_sides(reorg, theirs),
    )
    if asked.state == "approved":
        return
    raise ChainHalted(
        f"the node has replaced {counted(depth, 'block')}, {why}; nothing was rewritten "
        f"(approval {asked.id}: {asked.state})",
        chain=chain.name,
        block=first,
        todo=f"Find out which side is right, then: chain-assets approvals show {asked.id}",
    )


def _both_sides(reorg: list[Fork], theirs: Header) -> dict[str, object]:
    ours, our_head, head = reorg[0].orphans[0], reorg[-1].orphans[-1], reorg[0].head
    return {
        "first_block": reorg[0].first,
        "depth": sum(fork.depth for fork in reorg),
        "ours": {"hash": f"0x{ours.hash.hex()}", "source": ours.source},
        "our_head": {"number": our_head.number, "hash": f"0x{our_head.hash.hex()}"},
        "theirs": {"hash": f"0x{theirs.hash.hex()}"},
        "their_head": {"number": head.number, "hash": f"0x{head.hash.hex()}"},
    }
