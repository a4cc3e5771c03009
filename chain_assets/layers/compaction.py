"""Small files become large ones: while a range is open, as they come, and once when it is closed.

    open     16 one-block files → one of 16 blocks; those stay until the range is closed
    closed   all files of a table → as few as their size allows, sorted

A chain that is followed gets some thirteen files a block. Readers open each file of a range, and a
commit looks at each; without this, a range of 1,000 blocks would be slow to read for ever.
Rows do not change, so it does not matter when it happens, or whether it is cut short.

A closed range may get a file more: a block that was repaired. To write 64 MB again for each of
those would cost more than all their readers ever save. So a file of more than 4 MB is written again
only with files that are together a quarter of it: a byte is then written once for each time that
its file grows by a quarter. Smaller ones wait beside it, and become one of their own when they are
eight.
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
from chain_assets.layers.commits import begin
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.findings import LayerName
from chain_assets.layers.young_blocks import SMALL_FILE_BLOCKS
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore

MOST_FILES = SMALL_FILE_BLOCKS
# Rows of a table take several times as much while they are sorted.
_LARGEST_FILE = 64 * 1024 * 1024
# Of a closed range: what is never left in pieces, for what share a large file is written again, and
# how many files wait beside it.
_LITTLE = 4 * 1024 * 1024
_FAIR_SHARE = 1 / 4
_FEW_FILES = 8
TABLES_OF: Mapping[LayerName, Sequence[Table]] = {
    "raw": (RAW_BLOCKS,),
    "decoded": WRITTEN,
    "enriched": ENRICHED_TABLES,
}
# The journal has no layer, and no lease.
_TABLES: Sequence[tuple[LayerName | None, Table]] = [
    *((layer, table) for layer, own in TABLES_OF.items() for table in own),
    *((None, table) for table in JOURNAL_TABLES),
]


@dataclass(frozen=True)
class Merge:
    """Files of one table and range, of `size` bytes together, that are to become one."""

    layer: LayerName | None
    table: Table
    block_range: BlockRange
    paths: frozenset[str]
    size: int


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
    merged = 0
    for merge in due_merges(
        chain, block_range, tables=tables, closed=closed, most_files=most_files
    ):
        if most_merges is not None and merged >= most_merges:
            break
        merged += make_merge(chain, merge, tables=tables, ops=ops)
    return merged


def make_merge(chain: Chain, merge: Merge, *, tables: LakeTables, ops: OpsStore) -> bool:
    """Merge these files; False where they are not all there any more. Raises as `compact`."""
    key = merge.block_range.key
    partition = {"chain": chain.name, "block_range": key}

    def run(fence: Fence | None) -> bool:
        return merge_files(tables, merge.table, merge.paths, partition=partition, fence=fence)

    if merge.layer is None:
        # The journal is only ever appended to, by whoever writes the chain's raw blocks.
        return run(None)
    with ops.held(LeaseKey(chain.name, key, merge.layer)) as lease:
        # Once it is given back, the next writer does not know that there was one to shut out.
        begin(tables, TABLES_OF[merge.layer], partition, lease)
        return run(lease)


def due_merges(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    closed: bool = False,
    most_files: int = MOST_FILES,
) -> Iterator[Merge]:
    """What is to be merged in the range now."""
    for layer, table in _TABLES:
        files = tables.live_files(table, chain=chain.name, block_range=block_range.key)
        groups = _groups(table, files) if closed else _small(table, files, most_files)
        yield from (_merge(layer, table, block_range, group) for group in groups)


def merges_of_closed(chain: Chain, *, last: int, tables: LakeTables) -> Iterator[Merge]:
    """What is to be merged in all ranges whose blocks are not above `last`: each table's files are
    listed once, however many ranges there are."""
    for layer, table in _TABLES:
        by_range: dict[str, list[dict[str, Any]]] = {}
        for file in tables.live_files(table, chain=chain.name):
            by_range.setdefault(file["partition.block_range"], []).append(file)
        for key, files in sorted(by_range.items()):
            block_range = BlockRange.from_key(key)
            if block_range.stop - 1 <= last:
                groups = _groups(table, files)
                yield from (_merge(layer, table, block_range, group) for group in groups)


def _merge(
    layer: LayerName | None, table: Table, block_range: BlockRange, files: Sequence[dict[str, Any]]
) -> Merge:
    paths = frozenset(file["path"] for file in files)
    return Merge(layer, table, block_range, paths, sum(file["size_bytes"] for file in files))


def _small(
    table: Table, files: Sequence[dict[str, Any]], most_files: int
) -> Iterator[Sequence[dict[str, Any]]]:
    """Files of fewer blocks than `most_files`, where there are more than so many of them."""
    small = [file for file in files if _blocks(table, file) < most_files]
    if len(small) > most_files:
        yield small


def _groups(table: Table, files: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """Neighbouring files of together at most the largest size, as far as it is worth it."""
    group: list[dict[str, Any]] = []
    size = 0
    for file in sorted(files, key=lambda file: file[f"min.{table.number_column}"]):
        if group and size + file["size_bytes"] > _LARGEST_FILE:
            yield from _worth_merging(group)
            group, size = [], 0
        group.append(file)
        size += file["size_bytes"]
    yield from _worth_merging(group)


def _worth_merging(group: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """All of the group, its files but the largest, or nothing."""
    if len(group) < 2:
        return
    *rest, largest = sorted(group, key=lambda file: file["size_bytes"])
    small, large = sum(file["size_bytes"] for file in rest), largest["size_bytes"]
    if small + large <= _LITTLE or small >= _FAIR_SHARE * large:
        yield group
    elif len(rest) >= _FEW_FILES:
        yield rest


def _blocks(table: Table, file: dict[str, Any]) -> int:
    """How many numbers lie between the file's bounds."""
    column = table.number_column
    return int(file[f"max.{column}"] - file[f"min.{column}"]) + 1
