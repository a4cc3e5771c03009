"""Whether fetched blocks are of one chain with those that are stored: parents by hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import LinkError, SourceError
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.raw_index import IndexRow, read_canonical
from chain_assets.layers.report import HeldBlock
from chain_assets.sources.protocol import BlockSource


@dataclass(frozen=True)
class Linked:
    """Fetched blocks that may be stored, and those that are of another fork."""

    rows: tuple[IndexRow, ...]
    held: tuple[HeldBlock, ...] = ()


def linked_blocks(
    chain: Chain,
    block_range: BlockRange,
    fetched: Sequence[IndexRow],
    stored: Mapping[int, IndexRow],
    *,
    source: BlockSource,
    tables: LakeTables,
) -> Linked:
    """The fetched blocks that are children of the block before and parents of the next.

    Where two do not link, the source's headers are asked: a fetched block that they do not know is
    of another fork (nodes behind a load balancer answer from several) and is held. The neighbours
    in the ranges before and after count too. Raises LinkError where the headers know both: the
    source contradicts itself, or the chain was reorganized this very moment.
    """
    known = {**_neighbours(chain, block_range, fetched, tables), **stored}
    known |= {row.number: row for row in fetched}
    own = {row.number for row in fetched}
    foreign: dict[int, HeldBlock] = {}
    for low, high in _broken_links(fetched, known):
        found = [row for row in (low, high) if row.number in own and _is_foreign(row, source)]
        if not found:
            raise _link_error(chain, low, high)
        foreign |= {row.number: _held(row) for row in found}
    rows = tuple(row for row in fetched if row.number not in foreign)
    trusted = {number: row for number, row in known.items() if number not in foreign}
    for low, high in _broken_links(rows, trusted):
        raise _link_error(chain, low, high)
    return Linked(rows, tuple(foreign.values()))


def _broken_links(
    fetched: Sequence[IndexRow], known: Mapping[int, IndexRow]
) -> Iterator[tuple[IndexRow, IndexRow]]:
    for row in fetched:
        for number in (row.number, row.number + 1):
            low, high = known.get(number - 1), known.get(number)
            if low is not None and high is not None and high.parent_hash != low.hash:
                yield low, high


def _is_foreign(row: IndexRow, source: BlockSource) -> bool:
    try:
        return source.header(row.number).hash != row.hash
    except SourceError:
        # No answer is no proof of anything.
        return False


def _held(row: IndexRow) -> HeldBlock:
    reason = f"the node's own header of this number is not {row.hash.hex()}"
    return HeldBlock(row.number, row.hash, reason, stage="fetch", missing=("provider",))


def _link_error(chain: Chain, low: IndexRow, high: IndexRow) -> LinkError:
    stored = range_of(low.number, chain.ranges).key
    return LinkError(
        f"its parent is {high.parent_hash.hex()}, but block {low.number} is {low.hash.hex()}",
        chain=chain.name,
        block=high.number,
        table=RAW_BLOCKS.name,
        todo="The chain was reorganized this moment, or the node contradicts itself: run "
        f"{stored} again, and look at the node if that does not help",
    )


def _neighbours(
    chain: Chain, block_range: BlockRange, fetched: Sequence[IndexRow], tables: LakeTables
) -> dict[int, IndexRow]:
    """The blocks next to the range, where a fetched block touches them."""
    own = {row.number for row in fetched}
    wanted = []
    if block_range.start in own and block_range.start > 0:
        wanted.append(block_range.start - 1)
    if block_range.stop - 1 in own:
        wanted.append(block_range.stop)
    found: dict[int, IndexRow] = {}
    for number in wanted:
        key = range_of(number, chain.ranges).key
        rows = read_canonical(tables, chain=chain.name, block_range=key)
        found |= {row.number: row for row in rows if row.number == number}
    return found
