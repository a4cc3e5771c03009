"""The three layers on a made-up chain: complete, repeatable, and narrowed to some blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.errors import BlockNotFound, ConfigError
from chain_assets.layers.mending import find_gaps
from chain_assets.layers.pipeline import split_by_range
from chain_assets.layers.raw import materialize_raw
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    live_files,
    read_all,
    small_chain,
)
from chain_assets_tests.layers.catching import catch_up_all


def _numbers(pipeline: Pipeline, table: str) -> list[int]:
    return sorted(read_all(pipeline.tables, table)["number"].to_pylist())


def test_every_block_is_in_every_layer_and_every_row_in_its_range(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    reports = pipeline.run(0, 24)
    for table in ("raw_blocks", "decoded_blocks", "enriched_blocks"):
        assert _numbers(pipeline, table) == list(range(25))
    assert_no_duplicates(pipeline.tables)
    for name in ("decoded_logs", "enriched_transactions", "decoded_blocks"):
        rows = read_all(pipeline.tables, name)
        numbers = rows["number" if name == "decoded_blocks" else "block_number"].to_pylist()
        for number, key in zip(numbers, rows["block_range"].to_pylist(), strict=True):
            assert number in BlockRange.from_key(key)
    assert [report.layer for report in reports] == ["raw"] * 3 + ["decoded"] * 3 + ["enriched"] * 3
    assert [report.written for report in reports] == [10, 10, 5] * 3
    assert all(report.changed for report in reports)


def test_running_twice_changes_no_row_and_no_file(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    first = pipeline.run(0, 24)
    rows, files = contents(pipeline.tables), live_files(pipeline.tables)
    blobs = pipeline.tables.store.sizes("raw")
    again = pipeline.run(0, 24)
    assert_same(contents(pipeline.tables), rows)
    assert live_files(pipeline.tables) == files
    assert pipeline.tables.store.sizes("raw") == blobs
    assert not any(report.changed for report in again)
    assert [r.data_version for r in again] == [r.data_version for r in first]
    assert [(r.written, r.removed, r.rows_added) for r in again] == [(0, 0, 0)] * 9


def test_a_growing_range_ends_as_one_that_was_run_at_once(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "grown")
    for last in (0, 3, 4, 12, 24):
        pipeline.run(0, last)
    at_once = pipeline.into(tmp_path / "at once")
    at_once.run(0, 24)
    assert_same(contents(pipeline.tables), contents(at_once.tables))


def test_scattered_blocks_are_taken_alone_and_the_gaps_filled_later(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "scattered")
    for number in (22, 3, 17, 5, 9, 10):
        pipeline.run(number, number)
    assert _numbers(pipeline, "enriched_blocks") == [3, 5, 9, 10, 17, 22]
    pipeline.run(0, 24)
    whole = pipeline.into(tmp_path / "whole")
    whole.run(0, 24)
    assert_same(contents(pipeline.tables), contents(whole.tables))


def test_an_empty_block_is_a_block_without_rows(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 0)
    assert _numbers(pipeline, "enriched_blocks") == [0]
    assert read_all(pipeline.tables, "decoded_transactions").num_rows == 0
    assert not any(report.changed for report in pipeline.run(0, 0))


def test_a_block_above_the_head_is_an_error_and_nothing_of_its_range_is_kept(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    with pytest.raises(BlockNotFound, match="devnet, block 25"):
        pipeline.run(20, 27)
    assert _numbers(pipeline, "raw_blocks") == []
    pipeline.net.advance(3)
    pipeline.run(20, 27)
    assert _numbers(pipeline, "enriched_blocks") == list(range(20, 28))


def test_without_numbers_a_range_is_taken_from_the_start_block_to_the_head(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    chain = replace(pipeline.chain, start_block=4)
    source = DevnetSource(pipeline.net)
    for block_range in (BlockRange(0, 10), BlockRange(20, 30)):
        materialize_raw(chain, block_range, source=source, tables=pipeline.tables)
    assert _numbers(pipeline, "raw_blocks") == [*range(4, 10), *range(20, 25)]
    with pytest.raises(BlockNotFound, match=r"^devnet, block 30: it is above the head, 24\."):
        materialize_raw(chain, BlockRange(30, 40), source=source, tables=pipeline.tables)


def test_two_chains_share_a_lake(tmp_path: Path) -> None:
    one = Pipeline.on_devnet(tmp_path / "shared")
    other = Pipeline.on_devnet(
        tmp_path / "shared", chain=replace(small_chain(seed=8), name="devnet-fast", chain_id=9)
    )
    one.run(0, 12)
    alone = one.into(tmp_path / "alone")
    alone.run(0, 12)
    other.run(0, 12)
    for name, rows in contents(one.tables).items():
        mine = rows.filter([chain == "devnet" for chain in rows["chain"].to_pylist()])
        assert mine.equals(contents(alone.tables)[name]), name


def test_ranges_that_cut_stored_blocks_in_another_way_are_refused(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    rows = contents(pipeline.tables)
    smaller = replace(pipeline, chain=replace(pipeline.chain, ranges=(Delimiter(0, 5),)))
    told = (
        r"devnet, block 0: .*000000000000-000000000009.*000000000000-000000000004.* from block 30"
    )
    for attempt in (lambda: smaller.run(0, 24), lambda: catch_up_all(smaller)):
        with pytest.raises(ConfigError, match=told):
            attempt()
    with pytest.raises(ConfigError, match=told):
        find_gaps(smaller.chain, smaller.parts())
    assert_same(contents(pipeline.tables), rows)


def test_ranges_may_become_smaller_above_what_is_stored(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    ranges = (Delimiter(0, 10), Delimiter(30, 5))
    smaller = replace(pipeline, chain=replace(pipeline.chain, ranges=ranges))
    smaller.net.advance(20)
    catch_up_all(smaller)
    assert find_gaps(smaller.chain, smaller.parts()) == []
    assert _numbers(pipeline, "enriched_blocks") == list(range(45))


def test_spans_are_cut_at_the_borders_of_ranges() -> None:
    spans = [BlockRange(8, 12), BlockRange(15, 16), BlockRange(29, 31)]
    assert list(split_by_range(small_chain(), spans)) == [
        (BlockRange(0, 10), [8, 9]),
        (BlockRange(10, 20), [10, 11, 15]),
        (BlockRange(20, 30), [29]),
        (BlockRange(30, 40), [30]),
    ]
