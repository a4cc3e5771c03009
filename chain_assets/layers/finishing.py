"""What takes several commits is finished, also in ranges that nobody looks at block by block.

    raw blocks change ─→ told in block_changes                        told_afterwards()
    raw blocks are replaced ─→ no row above is of the old ones        strike_out_layers()

ops/unfinished.py has what a kill has left: for readers of the tables it would never be news again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import LeaseTaken, LinkError
from chain_assets.core.schemas import UNFINISHED
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import publish_changes
from chain_assets.layers.raw_index import read_canonical
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore


@contextmanager
def told_afterwards(
    chain: Chain, block_range: BlockRange, *, tables: LakeTables, ops: OpsStore, run_id: str
) -> Iterator[None]:
    """Around a change of the range's raw blocks, under their lease: block_changes tells it.

    Raises as `publish_changes` does. Where the blocks do not link, those that are stored may be
    the wrong ones: they are compared with the chain the next time that anybody looks.
    """
    mark = ops.watermarks.watermark(chain.name)
    final = mark is not None and block_range.stop - 1 <= mark.number
    if final:
        # Ranges that are not final are told by whoever looks for reorgs next.
        ops.unfinished.begin(chain.name, [block_range.key], "journal")
    try:
        yield
    except LinkError as error:
        number = block_range.start if error.block is None else error.block
        both = {range_of(n, chain.ranges).key for n in (max(0, number - 1), number)}
        ops.unfinished.begin(chain.name, both, "links")
        raise
    # A reorg that somebody is about to tell goes through several ranges: in one piece, or readers
    # would be told of its upper part as if it were all.
    untold = ops.unfinished.keys(chain.name, "journal")
    ranges = sorted({block_range, *map(BlockRange.from_key, untold)})
    publish_changes(chain, ranges, tables=tables, run_id=run_id)
    if block_range.key in untold:
        ops.unfinished.end(chain.name, [block_range.key], "journal")


def strike_out_layers(
    chain: Chain, block_range: BlockRange, *, tables: LakeTables, ops: OpsStore
) -> None:
    """The range is finished, if the layers above have followed its raw blocks.

    Where another writer is at these it may just replace some: then the next one looks again.
    """
    if block_range.key not in ops.unfinished.keys(chain.name, "layers"):
        return
    with suppress(LeaseTaken), ops.held(LeaseKey(chain.name, block_range.key, "raw")):
        if _followed(chain, block_range.key, tables):
            ops.unfinished.end(chain.name, [block_range.key], "layers")


def _followed(chain: Chain, key: str, tables: LakeTables) -> bool:
    """Whether each row above is of a canonical block, and whole: then rows can be counted."""
    rows = read_canonical(tables, chain=chain.name, block_range=key)
    canonical = {(row.number, row.hash) for row in rows}
    for table in (BLOCKS, ENRICHED_BLOCKS):
        columns = ["number", "hash", str(table.version_column)]
        found = tables.read(table, columns=columns, chain=chain.name, block_range=key)
        numbers, hashes, versions = (found[name].to_pylist() for name in columns)
        if UNFINISHED in versions or not canonical.issuperset(zip(numbers, hashes, strict=True)):
            return False
    return True
