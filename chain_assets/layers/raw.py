"""raw_blocks: fetch what the range lacks, link it, store it, index it.

    want  every number of the range up to the head     have  canonical rows whose blob is there
          └─ fetch the rest ─→ blobs ─→ links hold? ─→ one commit to the index

A block that cannot be had is held; the others are committed. Blobs stored by a run that failed stay
unnamed, and the next run writes them again under the same names. Blocks that the chain has replaced
are the business of layers/reorgs.py, before this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import BlockNotFound
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.delta import Fence
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import begin
from chain_assets.layers.fetching import fetch_blocks
from chain_assets.layers.links import linked_blocks
from chain_assets.layers.proving import Held, read_held
from chain_assets.layers.raw_index import (
    IndexRow,
    index_change,
    lost_blobs,
    merge_index,
    read_index,
    store_block,
)
from chain_assets.layers.report import HeldBlock, LayerReport, Progress, no_progress
from chain_assets.sources.protocol import BlockSource


def materialize_raw(
    chain: Chain,
    block_range: BlockRange,
    *,
    source: BlockSource,
    tables: LakeTables,
    numbers: Sequence[int] | None = None,
    resting: Mapping[int, bytes | None] = MappingProxyType({}),
    unfetched: Collection[int] = (),
    fence: Fence | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make raw_blocks hold the blocks of the range that the source has and the lake lacks.

    `numbers` narrows it to some blocks of the range; by default it is all from the chain's start
    block to the head. A block whose proof failed is fetched again: another provider, or the same
    one later, may answer it whole. Blocks in `resting` failed not long ago and are left alone:
    where a hash is given, as long as that is the stored block. Those in `unfetched` could not be
    had when they were last asked for: they are present only if their blob is there.

    Raises SourceError, LinkError, StorageFailed, CommitConflict, LeaseLost.
    """
    started = clock()
    begin(tables, [RAW_BLOCKS], {"chain": chain.name, "block_range": block_range.key}, fence)
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    wanted = _wanted(chain, block_range, source, numbers)
    stored = {row.number: row for row in rows if row.canonical}
    asleep = {n for n, h in resting.items() if h is None or (n in stored and h == stored[n].hash)}
    lost: set[int] = set()
    if not stored.keys().isdisjoint({*wanted, *unfetched}):
        # A lost blob is fetched again.
        lost = lost_blobs(stored.values(), tables, chain=chain.name, block_range=block_range.key)
        stored = {n: row for n, row in stored.items() if n not in lost}
    again = {number: stored[number] for number in wanted if number in stored}
    suspect = _suspect(again, tables, chain=chain.name, block_range=block_range.key)
    missing = [
        number
        for number in wanted
        if number not in asleep and (number not in stored or number in suspect)
    ]
    answered: list[IndexRow] = []
    held: list[HeldBlock] = []
    for answer in fetch_blocks(source, missing):
        if isinstance(answer, HeldBlock):
            held.append(answer)
        else:
            answered.append(store_block(answer, chain, block_range, tables, now=clock()))
        progress(1)
    # The same bytes once more are no news: the block has failed once more.
    old = {row.number for row in answered if _is_the_same(row, suspect)}
    news = [row for row in answered if row.number not in old]
    held += [suspect[number].block for number in old]
    linked = linked_blocks(chain, block_range, news, stored, source=source, tables=tables)
    held += linked.held
    fault_point("blocks linked")
    changed = {row.number for row in linked.rows}
    after = merge_index(rows, linked.rows, changed)
    change = index_change(
        tables, after, chain=chain, block_range=block_range, changed=changed, fence=fence
    )
    commit = tables.replace_in_ranges(RAW_BLOCKS, [change])
    canonical = [row for row in after if row.canonical]
    return LayerReport(
        layer="raw",
        chain=chain.name,
        block_range=block_range,
        present=frozenset(row.number for row in canonical) - (lost - changed),
        written=len(linked.rows),
        removed=0,
        commits=(commit,),
        bytes_read=sum(row.size_bytes for row in answered),
        seconds=clock() - started,
        data_version=sha256(b"".join(row.hash for row in canonical)).hexdigest()[:16],
        held=tuple(sorted(held, key=lambda block: block.number)),
        failed=tuple(sorted(held, key=lambda block: block.number)),
    )


def _wanted(
    chain: Chain, block_range: BlockRange, source: BlockSource, numbers: Sequence[int] | None
) -> list[int]:
    head = source.head().number
    if numbers is not None:
        wanted = sorted(set(numbers))
        above = [number for number in wanted if number > head]
    else:
        wanted = list(block_range.between(chain.start_block, head))
        above = [] if wanted else [block_range.start]
    if above:
        raise BlockNotFound(
            f"it is above the head, {head}",
            chain=chain.name,
            block=above[0],
            todo="Materialize it when the head has come there",
        )
    return wanted


def _suspect(
    stored: dict[int, IndexRow], tables: LakeTables, *, chain: str, block_range: str
) -> dict[int, Held]:
    """Stored blocks whose very blob failed its proof."""
    if not stored:
        return {}
    held = read_held(tables, {"chain": chain, "block_range": block_range})
    return {
        number: verdict
        for number, verdict in held.items()
        if number in stored and verdict.identity[:2] == (stored[number].hash, stored[number].sha256)
    }


def _is_the_same(row: IndexRow, suspect: Mapping[int, Held]) -> bool:
    verdict = suspect.get(row.number)
    return verdict is not None and verdict.identity[:2] == (row.hash, row.sha256)
