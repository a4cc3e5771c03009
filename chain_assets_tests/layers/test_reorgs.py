"""Reorgs: after the next run the tables are those of a clean lake over the chain as it is now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.assembly import devnet_spec
from chain_assets.core import fault_points
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ChainHalted, LinkError
from chain_assets.core.fault_points import FaultPoint
from chain_assets.layers.raw import materialize_raw
from chain_assets.sources.devnet import Devnet, DevnetSource, Fault, Faults
from chain_assets.sources.recorded import RecordedSource, write_recording
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_as_clean,
    assert_same,
    contents,
    live_files,
    read_all,
    small_chain,
)

RANGES = (BlockRange(0, 10), BlockRange(10, 20), BlockRange(20, 30))


def _assert_as_clean(pipeline: Pipeline, clean_lake: Path, *, last: int) -> None:
    assert_as_clean(pipeline, clean_lake, last=last)
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


def test_a_range_that_no_longer_links_to_the_one_before_is_refused(tmp_path: Path) -> None:
    """Who skips the look for reorgs is stopped by the parent hash."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 19)
    pipeline.net.reorg(8, 8)
    source = DevnetSource(pipeline.net)
    with pytest.raises(LinkError) as caught:
        materialize_raw(pipeline.chain, RANGES[2], source=source, tables=pipeline.tables)
    assert caught.value.block == 20
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


def _halt(pipeline: Pipeline, last: int) -> str:
    """The approval that a halted run asks for."""
    files = live_files(pipeline.tables)
    with pytest.raises(ChainHalted) as caught:
        pipeline.run(0, last)
    assert live_files(pipeline.tables) == files, "nothing is rewritten"
    (asked,) = pipeline.ops.approvals.all("pending")
    assert asked.id in str(caught.value)
    assert asked.kind == "deep_reorg"
    return asked.id


def test_below_the_finalized_block_nothing_is_rewritten_until_a_person_approves(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=2))
    pipeline.run(0, 19)
    pipeline.net.reorg(10, 12)
    approval = _halt(pipeline, 24)
    assert _halt(pipeline, 24) == approval, "it is asked for once"
    detail = pipeline.ops.approvals.get(approval).detail
    assert (detail["first_block"], detail["depth"]) == (15, 5)
    pipeline.ops.approvals.approve(approval, who="ada", why="the old node was wrong")
    pipeline.run(0, 24)
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)
    assert pipeline.ops.approvals.get(approval).state == "used"


def test_an_approval_that_another_writer_used_up_first_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=2))
    pipeline.run(0, 19)
    pipeline.net.reorg(10, 12)
    approval = _halt(pipeline, 24)
    pipeline.ops.approvals.approve(approval, who="ada", why="the old node was wrong")

    def other_writer(point: FaultPoint, part: str) -> None:
        if point == "reorg followed":
            pipeline.ops.approvals.use(approval, by="another writer of the same reorg")

    monkeypatch.setattr(fault_points, "_hook", other_writer)
    pipeline.run(0, 24)
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_reorg_deeper_than_the_chain_allows_halts_it(tmp_path: Path) -> None:
    chain = replace(small_chain(finality=24), max_reorg_depth=4)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.run(0, 24)
    pipeline.net.reorg(5, 6)
    approval = _halt(pipeline, 25)
    pipeline.ops.approvals.reject(approval, who="ada", why="the node is broken")
    with pytest.raises(ChainHalted, match="rejected"):
        pipeline.run(0, 25)
    assert _canonical(pipeline) == set(range(25))


def test_a_halted_chain_goes_on_by_itself_when_the_node_is_back_on_our_side(tmp_path: Path) -> None:
    chain = replace(small_chain(finality=24), max_reorg_depth=4)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.run(0, 19)
    strayed = pipeline.into(tmp_path / "lake")
    strayed = replace(strayed, net=Devnet(devnet_spec(chain)))
    strayed.net.reorg(12, 13)
    _halt(strayed, 25)
    pipeline.run(0, 24)
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_reorg_that_reaches_below_the_ranges_looked_at_is_followed_to_its_fork(
    tmp_path: Path,
) -> None:
    chain = replace(small_chain(finality=3), max_reorg_depth=24)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.run(0, 24)  # all below 22 is final
    pipeline.net.reorg(19, 19)
    approval = _halt(pipeline, 24)
    assert pipeline.ops.approvals.get(approval).detail["first_block"] == 6
    pipeline.ops.approvals.approve(approval, who="ada", why="it is a test")
    pipeline.run(0, 24)
    _assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_source_that_says_nothing_of_finality_is_followed_all_the_same(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=12, finality=50))
    pipeline.run(0, 11)
    pipeline.net.reorg(6, 6)
    pipeline.run(0, 11)
    _assert_as_clean(pipeline, tmp_path / "clean", last=11)
