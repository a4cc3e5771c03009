"""Where a chain stands: what its source has, and what of it the lake holds.

The facts for core.head_plan. What is final is counted from Delta's log alone, but for ranges with
held blocks that may have rows; what may still be reorganized is compared block by block, by hash,
between the layers and with the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.head_plan import ChainShape, Heights, Holdings
from chain_assets.core.schemas import BLOCK_PROOFS, RAW_BLOCKS, Table
from chain_assets.core.schemas.decoded import BLOCKS as DECODED_BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.finality import read_heights
from chain_assets.layers.following import is_followed
from chain_assets.layers.halts import look_for_reorgs
from chain_assets.layers.proving import read_held
from chain_assets.ops.store import OpsStore
from chain_assets.sources.protocol import BlockSource, Header


@dataclass(frozen=True)
class ChainState:
    """What plans are made from; `followed`: a process of its own takes each block as it comes."""

    head: Header
    heights: Heights
    holdings: Holdings
    followed: bool


def shape_of(chain: Chain) -> ChainShape:
    """What of the chain's record the plans need."""
    return ChainShape(
        ranges=chain.ranges,
        start_block=chain.start_block,
        block_time_seconds=chain.block_time_seconds,
        max_reorg_depth=chain.max_reorg_depth,
    )


def read_state(
    chain: Chain, *, source: BlockSource, tables: LakeTables, ops: OpsStore
) -> ChainState:
    """Where the chain stands. Raises SourceError, StorageFailed, and ChainHalted where a person
    has to decide about a reorg."""
    head, heights = read_heights(chain, source)
    forks = look_for_reorgs(chain, source=source, tables=tables, ops=ops).forks
    fork = min((fork.first for fork in forks), default=None)
    holdings = _holdings(chain, heights, fork, tables, ops)
    return ChainState(head, heights, holdings, is_followed(chain, ops))


def _holdings(
    chain: Chain, heights: Heights, fork: int | None, tables: LakeTables, ops: OpsStore
) -> Holdings:
    # Marked rows were about to be replaced when somebody was killed: their range is not done.
    made = tables.rows_by_range(DECODED_BLOCKS, chain=chain.name)
    decoded = tables.rows_by_range(DECODED_BLOCKS, chain=chain.name, finished=True)
    enriched = tables.rows_by_range(ENRICHED_BLOCKS, chain=chain.name, finished=True)
    # Where rows of raw_blocks are lost, those of the layers above do not stand in for them.
    raw = tables.rows_by_range(RAW_BLOCKS, chain=chain.name)
    # A block that is held back has a proof and no row: no run would change that.
    blocks = {
        key: min(raw[key], min(decoded[key], enriched[key]) + max(0, judged - made[key]))
        for key, judged in tables.rows_by_range(BLOCK_PROOFS, chain=chain.name).items()
    }
    first_open = heights.first_open(chain.max_reorg_depth)
    begun = frozenset(raw)
    replaced = ops.unfinished.keys(chain.name, "layers")
    waiting, doubled = _waiting(chain, ops)
    for key, numbers in waiting.items():
        blocks[key] = blocks.get(key, 0) + len({number for number, _ in numbers})
    # Where the start block lies, blocks below it may be there, and are none of those expected.
    first = range_of(chain.start_block, chain.ranges)
    if first.start < chain.start_block:
        doubled.add(first.key)
    recent = sorted(
        key for key in begun if BlockRange.from_key(key).stop > first_open or key in doubled
    )
    stored = _hashes(tables, RAW_BLOCKS, chain, recent)
    layers = [_hashes(tables, table, chain, recent) for table in (DECODED_BLOCKS, ENRICHED_BLOCKS)]
    for key in recent:
        held = read_held(tables, {"chain": chain.name, "block_range": key})
        hashes = {n: h.block.hash for n, h in held.items() if h.block.hash is not None}
        settled = [*layers, hashes]
        alike = {n for n in BlockRange.from_key(key).numbers() if _alike(n, stored, settled)}
        there = alike | {n for n, h in waiting.get(key, ()) if h in (None, stored.get(n))}
        blocks[key] = sum(number >= chain.start_block for number in there)
    return Holdings(blocks, begun, fork, replaced)


def _waiting(
    chain: Chain, ops: OpsStore
) -> tuple[dict[str, set[tuple[int, bytes | None]]], set[str]]:
    """By range the blocks that could not be fetched, or wait for a price: nobody's work before
    they are due; and the ranges where such a block may have rows all the same. Those that wait
    have a hash: it says nothing of what a reorg has put in their place.

    It may where it was fetched again, as its blob was lost. Counted as a row and as a hold it would
    hide the range's newest block. One that a person has dropped waits no more: it is enriched
    without what it lacks.
    """
    waiting: dict[str, set[tuple[int, bytes | None]]] = {}
    doubled = set()
    for hold in ops.holds.find(chain.name):
        if hold.stage == "fetch":
            waiting.setdefault(hold.block_range, set()).add((hold.number, None))
            doubled.add(hold.block_range)
        elif hold.stage == "enrich" and hold.state != "dropped":
            waiting.setdefault(hold.block_range, set()).add((hold.number, hold.hash))
    return waiting, doubled


def _alike(
    number: int, stored: Mapping[int, bytes], settled: Sequence[Mapping[int, bytes]]
) -> bool:
    """Whether the block is stored, and all layers hold it, or it is held back."""
    *layers, held = settled
    return number in stored and (
        held.get(number) == stored[number]
        or all(layer.get(number) == stored[number] for layer in layers)
    )


def _hashes(
    tables: LakeTables, table: Table, chain: Chain, keys: Sequence[str]
) -> dict[int, bytes]:
    # A row counts where this is neither false nor empty: it is of the chain, and nobody was killed
    # when about to replace it.
    mark = table.version_column or "canonical"
    return {
        row["number"]: row["hash"]
        for key in keys
        for row in tables.read(
            table, columns=["number", "hash", mark], chain=chain.name, block_range=key
        ).to_pylist()
        if row[mark]
    }
