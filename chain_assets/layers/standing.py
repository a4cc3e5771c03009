"""How far a chain's ranges are, read from the tables: what is behind, and which blocks that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of, ranges_between
from chain_assets.core.catch_up import Standing, in_order, standings
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.finality import read_heights
from chain_assets.layers.raw_index import lost_blobs, read_canonical
from chain_assets.ops.store import OpsStore
from chain_assets.sources.protocol import BlockSource


def standing_of(
    chain: Chain, source: BlockSource, tables: LakeTables, ops: OpsStore
) -> list[Standing]:
    """The ranges that are behind, in the order to take them. Raises SourceError, StorageFailed."""
    head, heights = read_heights(chain, source)
    if head.number < chain.start_block:
        return []
    first_open = heights.first_open(chain.max_reorg_depth)
    stood = standings(
        list(ranges_between(chain.start_block, head.number, chain.ranges)),
        start_block=chain.start_block,
        head=head.number,
        settled=_settled(chain, tables, ops, first_open),
    )
    return in_order(stood, first_open=first_open)


def unsettled(
    chain: Chain, block_range: BlockRange, source: BlockSource, tables: LakeTables, ops: OpsStore
) -> list[int]:
    """The blocks of the range to fetch now: not stored, or not whole, or held and due."""
    rows = read_canonical(tables, chain=chain.name, block_range=block_range.key)
    lost = lost_blobs(rows, tables, chain=chain.name, block_range=block_range.key)
    whole = {row.number for row in rows} - lost
    due = {hold.number for hold in ops.holds.due(chain.name) if hold.stage != "enrich"}
    head = source.head().number
    wanted = block_range.between(chain.start_block, head)
    return [number for number in wanted if number not in whole or number in due]


def to_be_done(chain: Chain, spans: Sequence[BlockRange], tables: LakeTables) -> int:
    """How many blocks of `spans`, which are disjoint, are not stored yet.

    By the table's log alone for ranges with no row, or with one a block: millions of blocks are
    counted before a person is asked for them.
    """
    stored = tables.rows_by_range(RAW_BLOCKS, chain=chain.name)
    wanted: dict[BlockRange, list[range]] = {}
    for span in spans:
        for block_range in ranges_between(span.start, span.stop - 1, chain.ranges):
            own = block_range.between(span.start, span.stop - 1)
            wanted.setdefault(block_range, []).append(own)
    return sum(
        _not_stored(chain, block_range, own, tables, rows=stored[block_range.key])
        for block_range, own in wanted.items()
    )


def _not_stored(
    chain: Chain, block_range: BlockRange, wanted: Sequence[range], tables: LakeTables, *, rows: int
) -> int:
    """How many blocks of `wanted` are not among the `rows` of the range."""
    if not rows:
        return sum(map(len, wanted))
    if rows == len(block_range):
        return 0
    # The rows may be of other blocks of the range, or of the other side of a fork.
    index = read_canonical(tables, chain=chain.name, block_range=block_range.key)
    there = {row.number for row in index}
    return sum(number not in there for own in wanted for number in own)


def _settled(chain: Chain, tables: LakeTables, ops: OpsStore, first_open: int) -> dict[str, int]:
    """How many blocks of each range are done, or held and not to be tried now.

    Rows and holds of closed ranges are counted, however many there are, by the table's log and in
    the ops store. Only where rows may be replaced, or may be there of held blocks, are they read.
    """
    # Marked rows were about to be replaced when somebody was killed: their range is not done.
    settled = tables.rows_by_range(ENRICHED_BLOCKS, chain=chain.name, finished=True)
    decoded = tables.rows_by_range(BLOCKS, chain=chain.name)
    settled -= decoded - tables.rows_by_range(BLOCKS, chain=chain.name, finished=True)
    # Where rows of raw_blocks are lost, those of the layers above do not stand in for them.
    settled &= tables.rows_by_range(RAW_BLOCKS, chain=chain.name)
    resting = ops.holds.resting(chain.name)
    keys = tables.range_keys(RAW_BLOCKS, chain=chain.name)
    exactly = {key for key in keys if BlockRange.from_key(key).stop > first_open}
    exactly |= {key for key, held in resting.items() if held.may_have_rows and settled[key]}
    exactly |= ops.unfinished.keys(chain.name, "layers")
    due: dict[str, set[int]] = {}
    for hold in ops.holds.due(chain.name):
        due.setdefault(hold.block_range, set()).add(hold.number)
    exactly |= {key for key in due if settled[key]}
    # Blocks below the start block, loaded by hand or before it was raised, are none of those asked.
    first = range_of(chain.start_block, chain.ranges)
    if first.start < chain.start_block and settled[first.key]:
        exactly.add(first.key)
    for key, held in resting.items():
        settled[key] += held.blocks
    for key in exactly:
        asleep = ops.holds.resting_blocks(chain.name, key) if key in resting else set()
        # One that is due is to be tried, also where it has rows: of before its blob was lost, or
        # since the ops store is that of an older day.
        there = _done(chain, key, tables, asleep) - due.get(key, set())
        settled[key] = sum(number >= chain.start_block for number in there)
    return settled


def _done(
    chain: Chain, key: str, tables: LakeTables, held: Collection[tuple[int, bytes | None]]
) -> set[int]:
    """Canonical blocks of the range whose enriched rows are there, and those in `held`: a hold of a
    block that a reorg has replaced says nothing of the one in its place."""
    index = read_canonical(tables, chain=chain.name, block_range=key)
    canonical = {(row.number, row.hash) for row in index}
    columns = ["number", "hash", "enricher_version"]
    rows = tables.read(ENRICHED_BLOCKS, columns=columns, chain=chain.name, block_range=key)
    enriched = {
        row["number"]
        for row in rows.to_pylist()
        if (row["number"], row["hash"]) in canonical and row["enricher_version"]
    }
    return enriched | {block[0] for block in held if block[1] is None or block in canonical}
