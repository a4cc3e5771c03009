"""raw_blocks: fetch what the range lacks, link it, store it, index it.

    want  every number of the range up to the head     have  canonical rows whose blob is there
          └─ fetch the rest ─→ blobs ─→ links hold? ─→ one commit to the index

Nothing of a range is committed unless all that was asked for is there and linked. Blobs stored by a
run that failed stay unnamed, and the next run writes them again under the same names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import BlockNotFound
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.blobs import blob_folder, write_blob
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.tables import Commit, LakeTables
from chain_assets.layers.links import check_links, orphaned_numbers
from chain_assets.layers.proving import read_held
from chain_assets.layers.raw_index import IndexRow, read_index
from chain_assets.layers.report import LayerReport, Progress, no_progress
from chain_assets.sources.protocol import BlockSource, RawBlock


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
    block to the head. A block whose proof failed is fetched again: another provider, or the same
    one later, may answer it whole. Raises SourceError, LinkError, StorageFailed, CommitConflict.
    """
    started = clock()
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    present = _present(rows, tables, chain=chain.name, block_range=block_range.key)
    orphaned = orphaned_numbers(present, source)
    stored = {number: row for number, row in present.items() if number not in orphaned}
    wanted = _wanted(chain, block_range, source, numbers)
    suspect = _suspect(stored, tables, chain=chain.name, block_range=block_range.key)
    missing = [number for number in wanted if number not in stored or number in suspect]
    answered = [
        _store(block, chain, block_range, tables, clock=clock, progress=progress)
        for block in source.blocks(missing)
    ]
    # The same bytes once more are no news.
    fetched = [row for row in answered if suspect.get(row.number) != row.sha256]
    check_links(chain, block_range, fetched, stored, tables)
    changed = orphaned | {row.number for row in fetched}
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


def _suspect(
    stored: dict[int, IndexRow], tables: LakeTables, *, chain: str, block_range: str
) -> dict[int, bytes]:
    """Stored blocks whose very blob failed its proof, and the blob's SHA-256."""
    held = read_held(tables, {"chain": chain, "block_range": block_range})
    return {
        number: stored[number].sha256
        for number, verdict in held.items()
        if number in stored and verdict.identity[:2] == (stored[number].hash, stored[number].sha256)
    }


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
