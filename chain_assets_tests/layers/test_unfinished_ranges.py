"""Ranges that are final are judged by counting; what a kill left undone in them is known all the
same, and whoever comes next goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ChainHalted
from chain_assets.core.schemas import REORGS
from chain_assets.layers.follow_reports import Reports, tell_nobody
from chain_assets.layers.head_step import HeadStep
from chain_assets.layers.mending import find_gaps
from chain_assets.layers.pipeline import heal_raw, write_decoded, write_enriched
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets_tests.killing import killed_at
from chain_assets_tests.lake_fixtures import Pipeline, read_all, small_chain
from chain_assets_tests.layers.catching import assert_complete, catch_up_all
from chain_assets_tests.layers.followers import following
from chain_assets_tests.layers.journal import assert_replays


def heal(pipeline: Pipeline) -> None:
    heal_raw(pipeline.chain, DevnetSource(pipeline.net), pipeline.writer())


def deep_reorg(tmp_path: Path) -> Pipeline:
    """Blocks 18 to 44 were replaced, of which those up to 34 were final; a person has approved."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))
    catch_up_all(pipeline)
    pipeline.net.reorg(27, 28)
    with pytest.raises(ChainHalted):
        catch_up_all(pipeline)
    (asked,) = pipeline.ops.approvals.all("pending")
    pipeline.ops.approvals.approve(asked.id, who="ada", why="the other side is right")
    return pipeline


def test_an_approved_reorg_below_final_blocks_is_followed_in_all_layers(tmp_path: Path) -> None:
    pipeline = deep_reorg(tmp_path)
    catch_up_all(pipeline)
    assert_complete(pipeline, tmp_path)
    assert_replays(pipeline)
    assert [approval.state for approval in pipeline.ops.approvals.all()] == ["used"]


def test_so_it_is_where_a_run_of_other_ranges_follows_it(tmp_path: Path) -> None:
    pipeline = deep_reorg(tmp_path)
    pipeline.run(40, 45)
    catch_up_all(pipeline)
    assert_complete(pipeline, tmp_path)


@pytest.mark.parametrize("point", ["reorg found", "reorg followed", "reorg told", "approval used"])
def test_an_approved_reorg_goes_on_where_it_was_killed(tmp_path: Path, point: str) -> None:
    pipeline = deep_reorg(tmp_path)
    with killed_at(point):
        catch_up_all(pipeline)
    catch_up_all(pipeline)
    assert_replays(pipeline)
    assert_complete(pipeline, tmp_path)
    (reorg,) = read_all(pipeline.tables, REORGS.name).to_pylist()
    assert (reorg["first_number"], reorg["depth"], reorg["old_head_number"]) == (18, 27, 44)
    assert [approval.state for approval in pipeline.ops.approvals.all()] == ["used"]


def by_catching_up(pipeline: Pipeline) -> None:
    catch_up_all(pipeline)


def by_following(pipeline: Pipeline) -> None:
    with following(pipeline) as follower:
        follower.reach(pipeline.net.head)
        follower.reach(pipeline.net.advance(1))
    # History below what a follower begins with is not its business.
    catch_up_all(pipeline)


@pytest.mark.parametrize("by", [by_catching_up, by_following])
@pytest.mark.parametrize("point", ["reorg followed", "reorg told"])
def test_a_reorg_that_was_killed_is_followed_though_its_blocks_are_final_by_then(
    tmp_path: Path, point: str, by: Callable[[Pipeline], None]
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    catch_up_all(pipeline)
    pipeline.net.reorg(8, 8)
    with killed_at(point):
        heal(pipeline)
    pipeline.net.advance(40)
    by(pipeline)
    assert_complete(pipeline, tmp_path)
    assert_replays(pipeline)


def test_a_follower_decodes_what_another_writer_has_replaced(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    parts = replace(pipeline.parts(), writer=pipeline.writer(patient=True))
    reports = Reports(tell_nobody, every=0, clock=lambda: 0.0)
    step = HeadStep(pipeline.chain, parts, most_blocks=50, reports=reports)
    step.step()
    pipeline.net.reorg(8, 8)
    heal(pipeline)
    step.step()
    assert_complete(pipeline, tmp_path)


@pytest.mark.parametrize("point", ["commit made", "commit to make"])
def test_blocks_of_a_final_range_are_told_though_it_was_killed_before(
    tmp_path: Path, point: str
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))
    # The third range that is taken is the first of the chain.
    with killed_at(point, "raw_blocks", visit=3):
        catch_up_all(pipeline)
    catch_up_all(pipeline)
    assert_replays(pipeline)
    assert_complete(pipeline, tmp_path)


def test_when_all_is_done_no_range_is_unfinished(tmp_path: Path) -> None:
    pipeline = deep_reorg(tmp_path)
    catch_up_all(pipeline)
    ops, chain = pipeline.ops, pipeline.chain.name
    assert not ops.unfinished.keys(chain, "journal")
    assert not ops.unfinished.keys(chain, "layers")
    assert not ops.unfinished.keys(chain, "links")


def test_a_final_block_of_another_fork_halts_the_chain_until_a_person_has_decided(
    tmp_path: Path,
) -> None:
    """It was stored while neither of its neighbours was: nothing told that it is foreign."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))
    foreign = Fault(kind="foreign_block", blocks=frozenset({5}), times=1)
    missing = Fault(kind="null_block", blocks=frozenset({4, 6}))
    pipeline.net.faults = Faults(rules=(foreign, missing))
    catch_up_all(pipeline)
    pipeline.net.faults = Faults()
    pipeline.ops.holds.wake("devnet", numbers=range(45))
    with pytest.raises(ChainHalted, match="block 5: the node has replaced 1 block, below block"):
        catch_up_all(pipeline)
    (asked,) = pipeline.ops.approvals.all("pending")
    pipeline.ops.approvals.approve(asked.id, who="ada", why="compared with another node")
    pipeline.ops.holds.wake("devnet", numbers=range(45))
    catch_up_all(pipeline)
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert_complete(pipeline, tmp_path)
    assert_replays(pipeline)


def test_a_hole_does_not_let_a_reorg_pass_that_is_deeper_than_allowed(tmp_path: Path) -> None:
    chain = replace(small_chain(finality=24), max_reorg_depth=10)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    pipeline.net.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset({15})),))
    pipeline.run(0, 24)
    pipeline.net.faults = Faults()
    pipeline.net.reorg(18, 19)
    with pytest.raises(ChainHalted, match="has replaced 17 blocks, deeper than max_reorg_depth"):
        pipeline.run(0, 25)
    (asked,) = pipeline.ops.approvals.all("pending")
    assert asked.detail["our_head"]["number"] == 24
    pipeline.ops.approvals.approve(asked.id, who="ada", why="it is so")
    pipeline.run(0, 25)
    assert_complete(pipeline, tmp_path)
    (reorg,) = read_all(pipeline.tables, REORGS.name).to_pylist()
    assert (reorg["first_number"], reorg["depth"]) == (7, 17)


@pytest.mark.parametrize("layer", ["decoded", "enriched"])
def test_rows_of_a_final_range_that_were_about_to_be_replaced_are_behind(
    tmp_path: Path, layer: str
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))
    catch_up_all(pipeline)
    parts, final = pipeline.parts(), BlockRange(0, 10)
    with killed_at("rows marked", f"{layer}_blocks"):
        write_decoded(
            pipeline.chain, final, parts.engine, parts.registry, parts.writer, repair={3, 4}
        )
        write_enriched(pipeline.chain, final, parts.engine, parts.writer, repair={3, 4})
    assert [one.block_range for one in catch_up_all(pipeline)] == [final]
    assert_complete(pipeline, tmp_path)
    assert catch_up_all(pipeline) == []
