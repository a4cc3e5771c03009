"""Small files become large ones: while a range is open, as they come, and once when it is closed.

    open     32 one-block files → one of 32 blocks; those stay until the range is closed
    closed   all files of a table → as few as their size allows, sorted

A chain that is followed gets some thirteen files a block. Readers open each file of a range, and a
commit looks at each; without this, a range of 1,000 blocks would be slow to read for ever.
Rows do not change, so it does not matter when it happens, or whether it is cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import ENRICHED_TABLES, JOURNAL_TABLES, RAW_BLOCKS, Table
from chain_assets.lake.delta import Fence
from chain_assets.lake.merging import merge_files
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore

MOST_FILES = 32
# Rows of a table take several times as much while they are sorted.
_LARGEST_FILE = 64 * 1024 * 1024
_LAYERS: Mapping[str, Sequence[Table]] = {
    "raw": (RAW_BLOCKS,),
    "decoded": WRITTEN,
    "enriched": ENRICHED_TABLES,
}


@dataclass(frozen=True)
class Merge:
    """Files of one table and range that are to become one."""

    layer: str | None
    table: Table
    paths: frozenset[str]


def compact(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    ops: OpsStore,
    closed: bool = False,
    most_files: int = MOST_FILES,
    most_merges: int | None = None,
) -> int:
    """Merge the files of the range that are due; returns how many merges were made.

    A range that is `closed` is merged as far as sizes allow. `most_merges` bounds how long it
    takes. A table whose files change meanwhile is left for the next time. Raises LeaseTaken where
    a layer of the range is just being written, StorageFailed, CommitConflict, LeaseLost.
    """
    partition = {"chain": chain.name, "block_range": block_range.key}
    merged = 0
    for merge in due_merges(
        chain, block_range, tables=tables, closed=closed, most_files=most_files
    ):
        if most_merges is not None and merged >= most_merges:
            break

        def run(fence: Fence | None, merge: Merge = merge) -> bool:
            return merge_files(tables, merge.table, merge.paths, partition=partition, fence=fence)

        if merge.layer is None:
            # The journal is only ever appended to, by whoever writes the chain's raw blocks.
            merged += run(None)
        else:
            with ops.held(LeaseKey(chain.name, block_range.key, merge.layer)) as lease:
                merged += run(lease)
    return merged


def due_merges(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    closed: bool = False,
    most_files: int = MOST_FILES,
) -> Iterator[Merge]:
    """What is to be merged in the range now."""
    partition = {"chain": chain.name, "block_range": block_range.key}
    journal = [(None, table) for table in JOURNAL_TABLES]
    for layer, table in [*((n, t) for n, own in _LAYERS.items() for t in own), *journal]:
        files = tables.live_files(table, **partition)
        for group in _groups(table, files) if closed else _small(table, files, most_files):
            yield Merge(layer, table, frozenset(file["path"] for file in group))


def _small(
    table: Table, files: Sequence[dict[str, Any]], most_files: int
) -> Iterator[Sequence[dict[str, Any]]]:
    """Files of fewer blocks than `most_files`, where there are more than so many of them."""
    small = [file for file in files if _blocks(table, file) < most_files]
    if len(small) > most_files:
        yield small


def _groups(table: Table, files: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """Neighbouring files of together at most the largest size; those that stand alone do not."""
    group: list[dict[str, Any]] = []
    size = 0
    for file in sorted(files, key=lambda file: file[f"min.{table.number_column}"]):
        if group and size + file["size_bytes"] > _LARGEST_FILE:
            if len(group) > 1:
                yield group
            group, size = [], 0
        group.append(file)
        size += file["size_bytes"]
    if len(group) > 1:
        yield group


def _blocks(table: Table, file: dict[str, Any]) -> int:
    """How many numbers lie between the file's bounds."""
    column = table.number_column
    return int(file[f"max.{column}"] - file[f"min.{column}"]) + 1
