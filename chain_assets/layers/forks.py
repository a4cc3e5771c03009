"""Where stored blocks and the chain part: the fork, and the stored blocks above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import BlockNotFound, ConfigError
from chain_assets.core.reorgs import first_orphan, linked_spans
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.raw_index import IndexRow, read_canonical
from chain_assets.sources.protocol import BlockSource, Header


@dataclass(frozen=True)
class Fork:
    """Stored blocks that the chain has left, ascending and linked; all from `first` on.

    `parent` is the stored block that they stand on, None where none is stored. `whole`: the chain
    has left all of the stored blocks that link to them, down to a hole or a block of another side.
    """

    orphans: tuple[IndexRow, ...]
    parent: IndexRow | None
    head: Header
    whole: bool

    @property
    def first(self) -> int:
        """The lowest block that the chain has replaced."""
        return self.orphans[0].number

    @property
    def depth(self) -> int:
        """How many stored blocks the chain has left."""
        return len(self.orphans)

    def ranges(self, chain: Chain) -> list[BlockRange]:
        """The ranges that hold the orphans, ascending."""
        return sorted({range_of(row.number, chain.ranges) for row in self.orphans})


def find_forks(
    chain: Chain,
    ranges: Sequence[BlockRange],
    stored: Sequence[BlockRange],
    *,
    source: BlockSource,
    tables: LakeTables,
) -> list[Fork]:
    """The forks among the stored blocks of `ranges`, at most one in each linked span of them.

    A fork that begins with the lowest of them may begin further down: then it is searched in the
    `stored` ranges below too. Raises SourceError, StorageFailed: an unanswered question is no
    answer.
    """
    if not ranges:
        return []
    rows = {
        row.number: row
        for r in ranges
        for row in read_canonical(tables, chain=chain.name, block_range=r.key)
    }
    head = source.head()
    forks = []
    for span in linked_spans({n: (row.hash, row.parent_hash) for n, row in rows.items()}):
        if span.start > head.number:
            continue
        # A node that lags behind says nothing of what is above its head.
        judged = BlockRange(span.start, min(span.stop, head.number + 1))
        first = first_orphan(judged, lambda number: _is_canonical(number, rows, source))
        if first is not None:
            orphans = tuple(rows[n] for n in range(first, span.stop))
            forks.append(Fork(orphans, rows.get(first - 1), head, whole=first == span.start))
    below = [r for r in stored if r.stop == ranges[0].start]
    if below and any(fork.first == ranges[0].start for fork in forks):
        return find_forks(chain, [*below, *ranges], stored, source=source, tables=tables)
    return forks


def stored_ranges(chain: Chain, tables: LakeTables) -> list[BlockRange]:
    """The ranges of which raw_blocks holds anything, ascending.

    Raises ConfigError where the chain's `ranges` now cut these blocks in another way: each would be
    stored once more, in the range that holds it now.
    """
    stored = [BlockRange.from_key(key) for key in tables.range_keys(RAW_BLOCKS, chain=chain.name)]
    for block_range in stored:
        now = range_of(block_range.start, chain.ranges)
        if now != block_range:
            raise ConfigError(
                f"the lake {tables.storage.uri} has the range {block_range.key}, which `ranges` "
                f"cut as {now.key}",
                chain=chain.name,
                block=block_range.start,
                todo=f"Set `ranges` back; they may change from block {stored[-1].stop} on, or in "
                "another lake",
            )
    return stored


def _is_canonical(number: int, stored: Mapping[int, IndexRow], source: BlockSource) -> bool | None:
    try:
        return source.header(number).hash == stored[number].hash
    except BlockNotFound:
        return None
