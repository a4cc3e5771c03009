"""A follower takes each block through all layers as it comes, and leaves nothing behind it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.errors import ConfigError, LeaseTaken
from chain_assets.core.schemas import RAW_BLOCKS, REORGS, TABLES
from chain_assets.layers.following import Bell, follow, is_followed
from chain_assets.layers.pipeline import write_raw
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets.sources.protocol import Header
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean, small_chain
from chain_assets_tests.layers.followers import POLICY, enriched, following


def _assert_as_clean(pipeline: Pipeline, lake: Path, *, first: int = 0) -> None:
    assert_as_clean(pipeline, lake, first=first, last=pipeline.net.head)


def test_each_block_is_enriched_as_it_comes(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    with following(pipeline) as follower:
        for _ in range(7):
            follower.reach(pipeline.net.advance(1))
    _assert_as_clean(pipeline, tmp_path / "clean")


@pytest.mark.parametrize(
    ("finality", "first"),
    [pytest.param(3, 20, id="the head's own range"), pytest.param(8, 10, id="the range before it")],
)
def test_an_empty_lake_is_begun_with_the_range_in_which_blocks_may_change(
    tmp_path: Path, finality: int, first: int
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=finality))
    with following(pipeline) as follower:
        follower.reach(24)
    assert set(enriched(pipeline)) == set(range(first, 25))
    _assert_as_clean(pipeline, tmp_path / "clean", first=first)


def test_an_open_range_of_which_nothing_is_stored_is_taken_too(tmp_path: Path) -> None:
    """Whoever else writes the chain leaves it to its follower."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=8))
    pipeline.run(20, 22)
    with following(pipeline) as follower:
        follower.reach(24)
    _assert_as_clean(pipeline, tmp_path / "clean", first=10)


def test_a_lake_that_lags_is_caught_up_with_in_batches_without_a_hole(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 3)
    with following(pipeline, replace(POLICY, most_blocks=4)) as follower:
        follower.reach(24)
    raw = [report for report in follower.reports if report.layer == "raw"]
    assert max(report.written for report in raw) == 4
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_reorgs_are_followed_through_all_layers(tmp_path: Path) -> None:
    chain = small_chain(finality=24)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.run(0, 24)
    with following(pipeline) as follower:
        for depth in (1, 7, 14):
            follower.reach(pipeline.net.reorg(depth))
            follower.until(lambda: len(enriched(pipeline)) == pipeline.net.head + 1)
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_a_second_follower_leaves_and_goes_on_once_the_first_has_left(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    assert not is_followed(pipeline.chain, pipeline.ops)
    with following(pipeline) as first:
        first.reach(24)
        assert is_followed(pipeline.chain, pipeline.ops)
        with pytest.raises(LeaseTaken):
            follow(pipeline.chain, pipeline.parts(), Bell(), pause=lambda: 0.02)
    assert not is_followed(pipeline.chain, pipeline.ops)
    with following(pipeline) as second:
        second.reach(pipeline.net.advance(1))


def test_a_second_follower_may_wait_for_the_first_to_leave(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    with following(pipeline) as first:
        first.reach(24)
        with following(pipeline, replace(POLICY, lease_wait=30)) as second:
            first.bell.stop()
            second.reach(pipeline.net.advance(1))


def test_what_an_earlier_one_left_half_done_is_done_without_a_new_block(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 21)
    source = DevnetSource(pipeline.net)
    open_range = BlockRange(20, 30)
    write_raw(pipeline.chain, open_range, source, pipeline.writer(), numbers=[22, 23, 24])
    with following(pipeline) as follower:
        follower.reach(24)
    _assert_as_clean(pipeline, tmp_path / "clean")


@pytest.mark.parametrize("lost", [False, True], ids=["damaged", "lost"])
def test_a_blob_that_is_not_whole_is_fetched_again(tmp_path: Path, lost: bool) -> None:
    """A power cut may take a blob back that the index already names."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    pipeline.net.advance(1)
    source = DevnetSource(pipeline.net)
    write_raw(pipeline.chain, BlockRange(20, 30), source, pipeline.writer(), numbers=[25])
    (blob,) = (tmp_path / "lake" / "raw").rglob("000000000025-*.json.zst")
    if lost:
        blob.unlink()
    else:
        blob.write_bytes(bytes(blob.stat().st_size))
    with following(pipeline) as follower:
        follower.reach(25)
        follower.reach(pipeline.net.advance(1))
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_a_node_that_fails_for_a_while_is_waited_for(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    with following(pipeline) as follower:
        pipeline.net.faults = Faults(rules=(Fault(kind="server_error"),))
        head = pipeline.net.advance(2)
        time.sleep(0.3)
        assert head not in enriched(pipeline)
        pipeline.net.faults = Faults()
        follower.reach(head)


class _Misconfigured(DevnetSource):
    def head(self) -> Header:
        raise ConfigError("it serves another chain", chain="devnet")


def test_what_only_a_person_can_mend_ends_it_and_gives_the_lease_back(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    parts = replace(pipeline.parts(), source=_Misconfigured(pipeline.net))
    with pytest.raises(ConfigError, match="another chain"):
        follow(pipeline.chain, parts, Bell(), pause=lambda: 0.02)
    assert not is_followed(pipeline.chain, pipeline.ops)


def test_a_halted_chain_is_told_once_and_goes_on_when_it_is_approved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain = replace(small_chain(finality=24), max_reorg_depth=4)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.run(0, 24)
    with caplog.at_level(logging.ERROR), following(pipeline) as follower:
        head = pipeline.net.reorg(6)
        follower.until(lambda: bool(pipeline.ops.approvals.all("pending")))
        time.sleep(0.5)
        assert head not in enriched(pipeline)
        (asked,) = pipeline.ops.approvals.all("pending")
        pipeline.ops.approvals.approve(asked.id, who="a person", why="the other side is right")
        follower.reach(head)
    told = [record for record in caplog.records if "stands still" in record.getMessage()]
    assert len(told) == 1
    assert asked.id in told[0].getMessage()
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_a_block_that_is_held_is_tried_again_when_it_is_due(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    pipeline.net.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset({26})),))
    with following(pipeline) as follower:
        head = pipeline.net.advance(4)
        follower.reach(head)
        assert 26 not in enriched(pipeline)
        pipeline.net.faults = Faults()
        pipeline.ops.holds.wake(pipeline.chain.name, numbers=[26])
        follower.reach(26)
    assert not pipeline.ops.holds.find(pipeline.chain.name)
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_a_held_block_above_the_head_of_a_node_that_lags_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.net.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset({21, 23})),))
    pipeline.run(0, 24)
    pipeline.ops.holds.wake(pipeline.chain.name, numbers=[21, 23])
    pipeline.net.faults = Faults(lag_blocks=2)
    with following(pipeline) as follower:
        follower.reach(21)
        time.sleep(0.5)
        assert not caplog.records
        pipeline.net.faults = Faults()
        follower.reach(23)
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_files_do_not_gather_and_a_final_range_has_one_of_each_table(tmp_path: Path) -> None:
    chain = replace(small_chain(blocks=1, finality=5), ranges=(Delimiter(0, 40),))
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)

    def files(start: int) -> int:
        key = BlockRange(start, start + 40).key
        return len(pipeline.tables.live_files(RAW_BLOCKS, chain=chain.name, block_range=key))

    with following(pipeline) as follower:
        for _ in range(38):
            follower.reach(pipeline.net.advance(1))
        # 39 came one by one.
        follower.until(lambda: files(0) < 10)
        follower.reach(pipeline.net.advance(12))
        follower.until(lambda: files(0) == 1)
        follower.until(lambda: all(n == 1 for n in _files_by_table(pipeline).values()))
    _assert_as_clean(pipeline, tmp_path / "clean")


def _files_by_table(pipeline: Pipeline) -> dict[str, int]:
    partition = {"chain": pipeline.chain.name, "block_range": BlockRange(0, 40).key}
    tables = (t for t in TABLES.values() if t.layer != "reference" and t.name != REORGS.name)
    return {t.name: len(pipeline.tables.live_files(t, **partition)) for t in tables}
