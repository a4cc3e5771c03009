"""raw_blocks: fetch what the range lacks, link it, store it, index it.

    want  every number of the range up to the head     have  canonical rows whose blob is there
          └─ fetch the rest ─→ blobs ─→ links hold? ─→ one commit to the index

Nothing of a range is committed unless all that was asked for is there and linked. Blobs stored by a
run that failed stay unnamed, and the next run writes them again under the same names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.errors import BlockNotFound, LinkError
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.blobs import blob_folder, write_blob
from chain_assets.lake.tables import Commit, LakeTables, write_data_file
from chain_assets.layers.report import LayerReport, Progress, no_progress
from chain_assets.sources.protocol import BlockSource, RawBlock


@dataclass(frozen=True)
class IndexRow:
    """A row of raw_blocks; the fields are its columns."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: datetime
    canonical: bool
    uri: str
    size_bytes: int
    sha256: bytes
    transaction_count: int
    log_count: int | None
    source: str
    fetched_at: datetime


def read_index(tables: LakeTables, *, chain: str, block_range: str) -> list[IndexRow]:
    """The index rows of a range, both sides of a fork."""
    rows = tables.read(RAW_BLOCKS, chain=chain, block_range=block_range)
    return [IndexRow(**row) for row in rows.to_pylist()]


def materialize_raw(
    chain: Chain,
    block_range: BlockRange,
    *,
    source: BlockSource,
    tables: LakeTables,
    numbers: Sequence[int] | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make raw_blocks hold the canonical blocks of the range, as the source has them now.

    `numbers` narrows it to some blocks of the range; by default it is all from the chain's start
    block to the head. Raises SourceError, LinkError, StorageFailed, CommitConflict.
    """
    started = clock()
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    present = _present(rows, tables, chain=chain.name, block_range=block_range.key)
    orphaned = _orphaned(present, source)
    stored = {number: row for number, row in present.items() if number not in orphaned}
    wanted = _wanted(chain, block_range, source, numbers)
    missing = [number for number in wanted if number not in stored]
    fetched = [
        _store(block, chain, block_range, tables, clock=clock, progress=progress)
        for block in source.blocks(missing)
    ]
    _check_links(chain, block_range, fetched, stored, tables)
    changed = orphaned | set(missing)
    after = _merge(rows, fetched, changed)
    commit = _commit(
        tables, [row for row in after if row.number in changed], chain, block_range, changed
    )
    canonical = [row for row in after if row.canonical]
    return LayerReport(
        layer="raw",
        chain=chain.name,
        block_range=block_range,
        blocks=len(canonical),
        written=len(fetched),
        removed=len(orphaned),
        commits=(commit,),
        bytes_read=sum(row.size_bytes for row in fetched),
        seconds=clock() - started,
        data_version=sha256(b"".join(row.hash for row in canonical)).hexdigest()[:16],
    )


def _wanted(
    chain: Chain, block_range: BlockRange, source: BlockSource, numbers: Sequence[int] | None
) -> list[int]:
    if numbers is not None:
        return sorted(set(numbers))
    head = source.head().number
    wanted = [n for n in block_range.numbers() if chain.start_block <= n <= head]
    if not wanted:
        raise BlockNotFound(
            f"the range {block_range.key} begins after the head, {head}",
            chain=chain.name,
            todo="Materialize it when the head has come there",
        )
    return wanted


def _present(
    rows: Sequence[IndexRow], tables: LakeTables, *, chain: str, block_range: str
) -> dict[int, IndexRow]:
    """Canonical rows whose blob is there in full: a lost blob is fetched again."""
    sizes = tables.store.sizes(blob_folder(chain, block_range)) if rows else {}
    return {
        row.number: row for row in rows if row.canonical and sizes.get(row.uri) == row.size_bytes
    }


def _orphaned(present: dict[int, IndexRow], source: BlockSource) -> set[int]:
    """Stored blocks above the finalized one that the source no longer has at their number.

    Walks down from the highest: stored neighbours are linked, so below the first block that is
    still canonical all are.
    """
    if not present:
        return set()
    finalized = source.finalized()
    floor = -1 if finalized is None else finalized.number
    orphaned: set[int] = set()
    for number in sorted((n for n in present if n > floor), reverse=True):
        try:
            if source.header(number).hash == present[number].hash:
                break
        except BlockNotFound:
            # The new canonical chain is (still) shorter than the one stored.
            pass
        orphaned.add(number)
    return orphaned


def _store(
    block: RawBlock,
    chain: Chain,
    block_range: BlockRange,
    tables: LakeTables,
    *,
    clock: Callable[[], float],
    progress: Progress,
) -> IndexRow:
    header = block.header
    blob = write_blob(
        tables.store,
        block.payload,
        chain=chain.name,
        block_range=block_range.key,
        number=header.number,
        block_hash=header.hash,
    )
    progress(1)
    return IndexRow(
        number=header.number,
        hash=header.hash,
        parent_hash=header.parent_hash,
        timestamp=datetime.fromtimestamp(header.timestamp, UTC),
        canonical=True,
        uri=blob.path,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        transaction_count=block.transaction_count,
        log_count=block.log_count,
        source=block.source,
        fetched_at=datetime.fromtimestamp(clock(), UTC),
    )


def _check_links(
    chain: Chain,
    block_range: BlockRange,
    fetched: Sequence[IndexRow],
    stored: dict[int, IndexRow],
    tables: LakeTables,
) -> None:
    """Each fetched block must be the child of the block before it and the parent of the next.

    Raises LinkError.
    """
    known = {**stored, **{row.number: row for row in fetched}}
    for edge in (block_range.start - 1, block_range.stop):
        # Only where a fetched block stands at the edge is the neighbouring range of interest.
        if edge - 1 in known or edge + 1 in known:
            known.update(_neighbour(chain, edge, tables))
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


def _merge(
    rows: Sequence[IndexRow], fetched: Sequence[IndexRow], changed: set[int]
) -> list[IndexRow]:
    """The index after the run: a block that was replaced stays, no longer canonical."""
    new = {(row.number, row.hash) for row in fetched}
    kept = [
        replace(row, canonical=row.canonical and row.number not in changed)
        for row in rows
        if (row.number, row.hash) not in new
    ]
    return sorted((*kept, *fetched), key=lambda row: (row.number, not row.canonical, row.hash))


def _commit(
    tables: LakeTables,
    rows: Sequence[IndexRow],
    chain: Chain,
    block_range: BlockRange,
    changed: set[int],
) -> Commit:
    partition = {"chain": chain.name, "block_range": block_range.key}
    data = pa.Table.from_pylist([asdict(row) for row in rows], schema=RAW_BLOCKS.file_schema)
    file = write_data_file(tables.store, RAW_BLOCKS, data, partition=partition)
    return tables.replace_blocks(
        RAW_BLOCKS, [file] if file else [], partition=partition, numbers=changed
    )
