"""Rows whose data file is gone, or not whole: found, and given up so that they are made anew.

    raw_blocks              its blocks are fetched      in with their rows, out with the lost files

    the layer's witness     its lost files are struck out     their blocks are not there
                            rows of the others' are marked    they are not finished
    the other tables        their lost files are struck out

Killed in between, it leaves blocks that are not there or not finished, which any run makes anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import JOURNAL_TABLES, RAW_BLOCKS, UNFINISHED, Table
from chain_assets.lake.lost_files import lost_files, strike_out_files, without_lost
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import begin
from chain_assets.layers.compaction import TABLES_OF
from chain_assets.layers.fetching import fetch_blocks
from chain_assets.layers.findings import Finding, LayerName
from chain_assets.layers.pipeline import Writer
from chain_assets.layers.raw_index import index_change, store_block
from chain_assets.layers.reorgs import WAIT_SECONDS
from chain_assets.ops.leases import LeaseKey
from chain_assets.sources.protocol import BlockSource, RawBlock


def find_lost_rows(chain: Chain, block_range: BlockRange, tables: LakeTables) -> Iterator[Finding]:
    """A finding for each table that has lost files of the range. Raises StorageFailed."""
    partition = {"chain": chain.name, "block_range": block_range.key}
    journal: list[tuple[LayerName, Table]] = [("raw", table) for table in JOURNAL_TABLES]
    of_layers = [(layer, table) for layer, own in TABLES_OF.items() for table in own]
    for layer, table in (*of_layers, *journal):
        files = lost_files(tables, table, partition)
        if files:
            numbers = tuple(sorted(_blocks(table, files, block_range)))
            yield Finding("gone", layer, table.name, block_range, numbers)


def restore_index(
    chain: Chain,
    block_range: BlockRange,
    source: BlockSource,
    writer: Writer,
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Rows of raw_blocks in the place of those that lost files held, by one commit: in between it
    would look as if the chain had left their blocks. Raises as writing the layer does."""
    tables, partition = writer.tables, {"chain": chain.name, "block_range": block_range.key}
    key = LeaseKey(chain.name, block_range.key, "raw")
    with writer.ops.held(key, wait=WAIT_SECONDS) as lease:
        begin(tables, [RAW_BLOCKS], partition, lease)
        lost = lost_files(tables, RAW_BLOCKS, partition)
        left = without_lost(tables.live_files(RAW_BLOCKS, **partition), lost)
        rows = tables.read_files(RAW_BLOCKS, left, ["number", "canonical"])
        there = {row["number"] for row in rows.to_pylist() if row["canonical"]}
        head = source.head().number
        wanted = sorted(
            n for n in _blocks(RAW_BLOCKS, lost, block_range) if n <= head and n not in there
        )
        fetched = [
            store_block(answer, chain, block_range, tables, now=clock())
            for answer in fetch_blocks(source, wanted)
            if isinstance(answer, RawBlock)
        ]
        change = index_change(
            tables, fetched, chain=chain, block_range=block_range, changed=wanted, fence=lease
        )
        strike_out_files(
            tables, RAW_BLOCKS, lost, partition=partition, fence=lease, instead=change.files
        )


def give_up_lost_rows(
    chain: Chain, block_range: BlockRange, layer: LayerName, writer: Writer
) -> None:
    """Strike the lost files of the layer's tables out. Raises as writing the layer does."""
    tables, partition = writer.tables, {"chain": chain.name, "block_range": block_range.key}
    key = LeaseKey(chain.name, block_range.key, layer)
    *others, witness = TABLES_OF[layer]
    with writer.ops.held(key, wait=WAIT_SECONDS) as lease:
        begin(tables, TABLES_OF[layer], partition, lease)

        def strike_out(table: Table, files: Sequence[dict[str, Any]]) -> None:
            strike_out_files(tables, table, files, partition=partition, fence=lease)

        strike_out(witness, lost_files(tables, witness, partition))
        lost = {table: lost_files(tables, table, partition) for table in others}
        blocks = {n for table, files in lost.items() for n in _blocks(table, files, block_range)}
        if blocks and witness.version_column is not None:
            tables.mark_blocks(
                witness,
                partition=partition,
                numbers=blocks,
                column=witness.version_column,
                text=UNFINISHED,
                fence=lease,
            )
        for table, files in lost.items():
            strike_out(table, files)


def _blocks(
    table: Table, files: Sequence[dict[str, Any]], block_range: BlockRange
) -> Collection[int]:
    """The blocks that these files may have rows of."""
    numbers: set[int] = set()
    for file in files:
        low, high = (file.get(f"{end}.{table.number_column}") for end in ("min", "max"))
        if low is None or high is None:
            numbers.update(block_range.numbers())
        else:
            numbers.update(range(low, high + 1))
    return numbers
