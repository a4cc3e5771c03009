"""Reorgs: after the next run the tables are those of a clean lake over the chain as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import LinkError
from chain_assets.lake.tables import read_all
from chain_assets.layers.raw import materialize_raw
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets.sources.recorded import RecordedSource, write_recording
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    live_files,
    small_chain,
)

RANGES = (BlockRange(0, 10), BlockRange(10, 20), BlockRange(20, 30))


def _assert_as_clean(pipeline: Pipeline, clean_lake: Path, *, last: int) -> None:
    clean = pipeline.into(clean_lake)
    clean.run(0, last)
    assert_same(contents(pipeline.tables, canonical_only=True), contents(clean.tables))
    assert_no_duplicates(pipeline.tables)
    files = live_files(pipeline.tables)
    pipeline.run(0, last)
    assert live_files(pipeline.tables) == files


def _canonical(pipeline: Pipeline) -> set[int]:
    rows = read_all(pipeline.tables, "raw_blocks").to_pylist()
    return {row["number"] for row in rows if row["canonical"]}


@pytest.mark.parametrize(
    ("depth", "new_blocks"),
    [
        pytest.param(1, 1, id="one-block"),
        pytest.param(3, 3, id="inside-a-range"),
        pytest.param(3, 8, id="and-into-a-new-range"),
        pytest.param(8, 8, id="across-two-ranges"),
        pytest.param(17, 17, id="across-three-ranges"),
    ],
)
def test_after_a_reorg_the_tables_are_those_of_a_clean_lake(
    tmp_path: Path, depth: int, new_blocks: int
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    head = pipeline.net.reorg(depth, new_blocks)
    pipeline.run(0, head)
    _assert_as_clean(pipeline, tmp_path / "clean", last=head)
    raw = read_all(pipeline.tables, "raw_blocks")
    assert raw.num_rows == head + 1 + depth, "the replaced side is kept"
    orphans = [row["number"] for row in raw.to_pylist() if not row["canonical"]]
    assert sorted(orphans) == list(range(25 - depth, 25))


def test_a_chain_that_is_shorter_after_a_reorg_is_followed(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    head = pipeline.net.reorg(4, 2)
    assert head == 22
    pipeline.run(0, head)
    _assert_as_clean(pipeline, tmp_path / "clean", last=head)


def test_one_reorg_after_another_keeps_all_sides(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    for _ in range(3):
        pipeline.net.reorg(2, 2)
        pipeline.run(0, 24)
    assert read_all(pipeline.tables, "raw_blocks").num_rows == 25 + 3 * 2
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_reorg_across_ranges_is_healed_range_by_range_from_below(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    pipeline.net.reorg(8, 8)
    source = DevnetSource(pipeline.net)
    with pytest.raises(LinkError) as caught:
        materialize_raw(pipeline.chain, RANGES[2], source=source, tables=pipeline.tables)
    assert caught.value.block == 20
    assert "materialize raw_blocks 000000000010-000000000019 first" in str(caught.value)
    for block_range in RANGES[1:]:
        materialize_raw(pipeline.chain, block_range, source=source, tables=pipeline.tables)
    pipeline.run(0, 24)
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_stale_block_below_a_gap_is_found(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(20, 21)
    pipeline.net.reorg(5, 5)
    pipeline.run(24, 24)
    pipeline.run(20, 24)
    clean = pipeline.into(tmp_path / "clean")
    clean.run(20, 24)
    assert_same(contents(pipeline.tables, canonical_only=True), contents(clean.tables))


def test_a_node_that_lags_takes_no_block_away(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(finality=20))
    pipeline.run(0, 24)
    files = live_files(pipeline.tables)
    pipeline.net.faults = Faults(lag_blocks=3)
    pipeline.run(20, 21)
    assert live_files(pipeline.tables) == files
    assert _canonical(pipeline) == set(range(25))


def test_a_folder_that_ends_earlier_takes_no_block_away(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(3, 8)
    for block in DevnetSource(pipeline.net).blocks(range(6)):
        write_recording(block, tmp_path / "folder", chain="devnet")
    materialize_raw(
        pipeline.chain,
        RANGES[0],
        source=RecordedSource("devnet", tmp_path / "folder"),
        tables=pipeline.tables,
        numbers=range(6),
    )
    assert _canonical(pipeline) == set(range(9))


def test_a_block_of_another_fork_is_refused_and_not_stored(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.net.faults = Faults(rules=(Fault(kind="foreign_block", blocks=frozenset({5})),))
    with pytest.raises(LinkError, match=r"devnet, block [56]"):
        pipeline.run(0, 9)
    assert read_all(pipeline.tables, "raw_blocks").num_rows == 0
    pipeline.net.faults = Faults()
    pipeline.run(0, 9)
    assert _canonical(pipeline) == set(range(10))


def test_below_the_finalized_block_nothing_is_rewritten(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(finality=2))
    pipeline.run(0, 19)
    pipeline.net.reorg(10, 12)
    with pytest.raises(LinkError, match="devnet, block 20"):
        pipeline.run(0, 24)
    assert _canonical(pipeline) == set(range(20))
    assert read_all(pipeline.tables, "raw_blocks").num_rows == 20
