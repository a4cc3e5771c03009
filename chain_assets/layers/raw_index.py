"""The rows of raw_blocks: which blocks a range holds, on both sides of a fork."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables


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
