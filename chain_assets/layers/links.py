"""Whether raw blocks are still those of the chain: replaced ones, and parents by hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of, spans_of
from chain_assets.core.errors import BlockNotFound, LinkError
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.raw_index import IndexRow, read_index
from chain_assets.sources.protocol import BlockSource


def orphaned_numbers(present: dict[int, IndexRow], source: BlockSource) -> set[int]:
    """Stored blocks above the finalized one that the source has replaced.

    Stored neighbours are linked: below a block that is still canonical all are, up to a gap.
    """
    if not present:
        return set()
    finalized = source.finalized()
    floor = -1 if finalized is None else finalized.number
    spans = spans_of([number for number in present if number > floor])
    return {number for span in spans for number in _orphaned_of(span, present, source)}


def _orphaned_of(
    span: BlockRange, present: dict[int, IndexRow], source: BlockSource
) -> Iterator[int]:
    unknown: list[int] = []
    for number in reversed(span.numbers()):
        try:
            canonical = source.header(number).hash == present[number].hash
        except BlockNotFound:
            # A node that lags behind, or a chain that is shorter after a reorg: only a replaced
            # block below tells them apart.
            unknown.append(number)
            continue
        if canonical:
            return
        yield from unknown
        yield number
        unknown.clear()


def check_links(
    chain: Chain,
    block_range: BlockRange,
    fetched: Sequence[IndexRow],
    stored: dict[int, IndexRow],
    tables: LakeTables,
) -> None:
    """Each fetched block must be the child of the block before it and the parent of the next.

    The next range is not asked: after a reorg it is the one to be made anew, and this one first.
    Raises LinkError.
    """
    known = {**stored, **{row.number: row for row in fetched}}
    if any(row.number == block_range.start for row in fetched):
        known.update(_neighbour(chain, block_range.start - 1, tables))
    for row in fetched:
        for number in (row.number, row.number + 1):
            low, high = known.get(number - 1), known.get(number)
            if low is not None and high is not None and high.parent_hash != low.hash:
                raise _link_error(chain, low, high)


def _link_error(chain: Chain, low: IndexRow, high: IndexRow) -> LinkError:
    stored = range_of(low.number, chain.ranges).key
    return LinkError(
        f"its parent is {high.parent_hash.hex()}, but block {low.number} is {low.hash.hex()}",
        chain=chain.name,
        block=high.number,
        table=RAW_BLOCKS.name,
        todo=f"The chain was reorganized, or the node lies: materialize raw_blocks {stored} first",
    )


def _neighbour(chain: Chain, number: int, tables: LakeTables) -> dict[int, IndexRow]:
    if number < 0:
        return {}
    key = range_of(number, chain.ranges).key
    rows = read_index(tables, chain=chain.name, block_range=key)
    return {row.number: row for row in rows if row.canonical and row.number == number}
