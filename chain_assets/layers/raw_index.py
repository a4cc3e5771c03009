"""The rows of raw_blocks: which blocks a range holds, on both sides of a fork."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.blobs import blob_folder, write_blob
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.delta import Fence
from chain_assets.lake.tables import Change, LakeTables
from chain_assets.sources.protocol import RawBlock


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
    files = tables.parsed(RAW_BLOCKS, _index_rows, chain=chain, block_range=block_range)
    return [row for rows in files for row in rows]


def read_canonical(tables: LakeTables, *, chain: str, block_range: str) -> list[IndexRow]:
    """The index rows of a range that are of the chain, as far as it is known."""
    rows = read_index(tables, chain=chain, block_range=block_range)
    return [row for row in rows if row.canonical]


def lost_blobs(
    rows: Collection[IndexRow], tables: LakeTables, *, chain: str, block_range: str
) -> set[int]:
    """The blocks of `rows`, which are canonical, whose blob is not there in full."""
    sizes = tables.store.sizes(blob_folder(chain, block_range)) if rows else {}
    return {row.number for row in rows if sizes.get(row.uri) != row.size_bytes}


def _index_rows(rows: pa.Table) -> list[IndexRow]:
    return [IndexRow(**row) for row in rows.to_pylist()]


def store_block(
    block: RawBlock, chain: Chain, block_range: BlockRange, tables: LakeTables, *, now: float
) -> IndexRow:
    """Write the block's blob; the canonical index row that is to name it."""
    header = block.header
    blob = write_blob(
        tables.store,
        block.payload,
        chain=chain.name,
        block_range=block_range.key,
        number=header.number,
        block_hash=header.hash,
    )
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
        fetched_at=datetime.fromtimestamp(now, UTC),
    )


def merge_index(
    rows: Sequence[IndexRow], fetched: Sequence[IndexRow], changed: Collection[int]
) -> list[IndexRow]:
    """The index after `fetched` came: a block that was replaced stays, no longer canonical.

    `changed` are the numbers whose canonical block is another one now, or none.
    """
    new = {(row.number, row.hash) for row in fetched}
    kept = [
        replace(row, canonical=row.canonical and row.number not in changed)
        for row in rows
        if (row.number, row.hash) not in new
    ]
    return sorted((*kept, *fetched), key=lambda row: (row.number, not row.canonical, row.hash))


def index_change(
    tables: LakeTables,
    rows: Sequence[IndexRow],
    *,
    chain: Chain,
    block_range: BlockRange,
    changed: Collection[int],
    fence: Fence | None,
) -> Change:
    """The change of raw_blocks that makes the index of blocks `changed` what `rows` say."""
    partition = {"chain": chain.name, "block_range": block_range.key}
    own = [asdict(row) for row in rows if row.number in changed]
    data = pa.Table.from_pylist(own, schema=RAW_BLOCKS.file_schema)
    file = write_data_file(tables.store, RAW_BLOCKS, data, partition=partition)
    return Change(partition, [file] if file else [], changed, fence)
