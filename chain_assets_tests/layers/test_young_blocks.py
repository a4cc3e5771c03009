"""Blocks that may yet be replaced lie in small files, whatever writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.schemas import ENRICHED_TABLES
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.data_files import read_data_file
from chain_assets.lake.storage import Storage, open_store
from chain_assets.layers.compaction import compact
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.young_blocks import SMALL_FILE_BLOCKS, write_rows
from chain_assets_tests.lake.withdrawal_rows import rows_of
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    live_files,
    small_chain,
)

OLDEST, NEWEST = "000000000000-000000000099", "000000000200-000000000299"
_TABLES = (*WRITTEN, *ENRICHED_TABLES)


def bounds(pipeline: Pipeline, key: str) -> dict[str, list[tuple[int, int]]]:
    """From which to which block the files of each table are."""
    return {
        table.name: sorted(
            (file[f"min.{table.number_column}"], file[f"max.{table.number_column}"])
            for file in pipeline.tables.live_files(table, chain="devnet", block_range=key)
        )
        for table in _TABLES
    }


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Ranges of a hundred blocks of a chain that allows reorgs of 40."""
    chain = replace(
        small_chain(blocks=260, finality=40), ranges=(Delimiter(0, 100),), max_reorg_depth=40
    )
    return Pipeline.on_devnet(tmp_path / "lake", chain=chain)


def test_a_backfill_up_to_the_head_leaves_the_blocks_that_may_be_replaced_in_small_files(
    pipeline: Pipeline,
) -> None:
    pipeline.run(200, 259)
    pipeline.run(0, 99, reference=False)

    small = [(200, 219), (220, 235), (236, 251), (252, 259)]
    for table in (BLOCKS, ENRICHED_BLOCKS):
        assert bounds(pipeline, NEWEST)[table.name] == small
        assert all(last - first > 40 for first, last in bounds(pipeline, OLDEST)[table.name])
    for table in (TRANSACTIONS, LOGS):
        found = bounds(pipeline, NEWEST)[table.name]
        assert len(found) == len(small)
        assert all(
            low <= first <= last <= high
            for (low, high), (first, last) in zip(small, found, strict=True)
        )
    assert_no_duplicates(pipeline.tables)


def test_a_reorg_leaves_the_files_of_older_blocks_alone(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run(200, 259)
    before = live_files(pipeline.tables)
    pipeline.net.reorg(8)
    head = pipeline.net.head

    pipeline.run(200, head, reference=False)

    after = live_files(pipeline.tables)
    for table in (BLOCKS, TRANSACTIONS, LOGS):
        gone = set(before[table.name]) - set(after[table.name])
        assert len(gone) == 1, table.name
    clean = pipeline.into(tmp_path / "clean")
    clean.run(200, head)
    assert_same(
        contents(pipeline.tables, canonical_only=True), contents(clean.tables, canonical_only=True)
    )


def test_a_closed_range_is_one_file_a_table(pipeline: Pipeline) -> None:
    pipeline.run(200, 259)
    before = contents(pipeline.tables)
    closed = BlockRange.from_key(NEWEST)
    compact(pipeline.chain, closed, tables=pipeline.tables, ops=pipeline.ops, closed=True)
    assert {len(files) for files in bounds(pipeline, NEWEST).values()} <= {0, 1}
    assert_same(contents(pipeline.tables), before)


@given(numbers=st.lists(st.integers(0, 200), max_size=40).map(sorted), young=st.integers(-300, 300))
@settings(max_examples=50)
def test_each_row_is_in_one_file_and_those_of_young_blocks_in_small_ones(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], young: int
) -> None:
    storage = Storage(str(tmp_path_factory.mktemp("lake")))
    store, partition = open_store(storage), {"chain": "devnet", "block_range": OLDEST}
    files = write_rows(store, WITHDRAWALS, rows_of(numbers), partition=partition, young=young)

    blocks: list[list[int]] = [
        read_data_file(store, WITHDRAWALS, file.path, size=file.size)["block_number"].to_pylist()
        for file in files
    ]
    assert [number for own in blocks for number in own] == numbers
    assert sum(own[0] < young for own in blocks) <= 1
    assert all(own[-1] - own[0] < SMALL_FILE_BLOCKS for own in blocks if own[-1] >= young)
