"""Catching up fills the lake as a run does, whatever stops it, and never stands still."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.catch_up import Chunks
from chain_assets.core.errors import BudgetSpent
from chain_assets.layers.catching_up import Pace, catch_up
from chain_assets.layers.mending import find_gaps
from chain_assets.layers.pipeline import heal_raw, write_reference
from chain_assets.layers.standing import standing_of
from chain_assets.sources.budget import Budget, BudgetedSource
from chain_assets.sources.devnet import DevnetSource, FaultKind, Faults
from chain_assets_tests.killing import killed_at
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    read_all,
    small_chain,
)
from chain_assets_tests.layers.catching import (
    assert_complete,
    catch_up_all,
    faulty,
    parts_of,
    starts,
)
from chain_assets_tests.layers.journal import assert_replays


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 44; 0 to 34 are final."""
    return Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))


def test_all_is_filled_the_head_first_and_a_second_time_nothing_is_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    caught = catch_up_all(pipeline)
    assert starts(caught) == [40, 30, 0, 10, 20]
    assert [one.written for one in caught] == [5, 10, 10, 10, 10]
    assert [one.blocks_left for one in caught] == [40, 30, 20, 10, 0]
    assert [one.seconds_left is None for one in caught] == [False] * 5
    assert_complete(pipeline, tmp_path)
    assert not catch_up_all(pipeline)


def test_the_start_block_is_where_it_begins(pipeline: Pipeline) -> None:
    later = replace(pipeline, chain=replace(pipeline.chain, start_block=27))
    assert starts(catch_up_all(later)) == [40, 30, 20]
    assert sorted(read_all(later.tables, "enriched_blocks")["number"].to_pylist()) == list(
        range(27, 45)
    )


def test_so_many_ranges_and_no_more(pipeline: Pipeline, tmp_path: Path) -> None:
    assert starts(catch_up_all(pipeline, most_ranges=2)) == [40, 30]
    assert starts(catch_up_all(pipeline, most_ranges=2)) == [0, 10]
    catch_up_all(pipeline)
    assert_complete(pipeline, tmp_path)


def _count(pipeline: Pipeline) -> int:
    return int(read_all(pipeline.tables, "enriched_blocks").num_rows)


@pytest.mark.parametrize("total", [40, 60, 75])
def test_any_budget_comes_to_the_end_in_the_end(
    pipeline: Pipeline, tmp_path: Path, total: int
) -> None:
    for _ in range(20):
        budget = Budget(total=total)
        source = BudgetedSource(DevnetSource(pipeline.net), budget, "devnet")
        parts, before = parts_of(pipeline, source=source), _count(pipeline)
        try:
            for _ in catch_up(pipeline.chain, parts, Pace(Chunks(500), budget)):
                pass
        except BudgetSpent:
            assert _count(pipeline) > before, "a budget is spent for nothing"
        else:
            break
        assert budget.spent <= total
    assert_complete(pipeline, tmp_path)


def test_a_reorg_deeper_than_a_budget_is_followed_by_several(tmp_path: Path) -> None:
    chain = replace(small_chain(blocks=60, finality=55), max_reorg_depth=50)
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=chain)
    catch_up_all(pipeline)
    pipeline.net.reorg(45, 46)
    for _ in range(5):
        budget = Budget(total=70)
        source = BudgetedSource(DevnetSource(pipeline.net), budget, "devnet")
        with suppress(BudgetSpent):
            list(catch_up(chain, parts_of(pipeline, source=source), Pace(Chunks(500), budget)))
    assert_complete(pipeline, tmp_path)
    assert_replays(pipeline)


@pytest.mark.parametrize("kind", ["null_block", "missing_log"])
def test_held_blocks_are_tried_when_they_are_due_and_not_before(
    pipeline: Pipeline, tmp_path: Path, kind: FaultKind
) -> None:
    pipeline.net.faults = faulty(kind, 6)
    caught = {one.block_range.start: one for one in catch_up_all(pipeline)}
    assert (caught[0].written, caught[0].held) == (9, 1)
    assert not catch_up_all(pipeline), "it rests"
    pipeline.ops.holds.wake("devnet", numbers=[6])
    assert starts(catch_up_all(pipeline)) == [0]
    (hold,) = pipeline.ops.holds.find()
    assert hold.attempts == 2
    pipeline.net.faults = Faults()
    assert not catch_up_all(pipeline)
    pipeline.ops.holds.retry("devnet", [6], who="ada")
    assert starts(catch_up_all(pipeline)) == [0]
    assert_complete(pipeline, tmp_path)


def test_a_dropped_block_that_was_enriched_without_its_token_hides_no_other(
    tmp_path: Path,
) -> None:
    strict = replace(small_chain(blocks=45), requires=("token_metadata",))
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=strict)
    reference = pipeline.reference()
    without = replace(reference, tokens=reference.tokens.slice(0, 0))
    write_reference(pipeline.chain, without, pipeline.writer())
    pipeline.run(0, 4, reference=False)
    held = [hold.number for hold in pipeline.ops.holds.find()]
    assert held
    pipeline.ops.holds.drop("devnet", held, who="ada", why="unknown tokens")
    pipeline.run(0, 4, reference=False)
    parts = pipeline.parts()
    behind = standing_of(pipeline.chain, parts.source, pipeline.tables, pipeline.ops)
    assert {s.block_range.start: s.missing for s in behind}[0] == 5


def test_a_reorg_meanwhile_is_followed_in_all_layers(pipeline: Pipeline, tmp_path: Path) -> None:
    taken = []
    for caught in catch_up(pipeline.chain, parts_of(pipeline), Pace(Chunks(500), Budget())):
        taken.append(caught.block_range.start)
        if taken == [40, 30, 0]:
            pipeline.net.reorg(8, 9)
    assert taken[:3] == [40, 30, 0]
    assert {30, 40} <= set(taken[3:])
    assert_complete(pipeline, tmp_path)


def test_a_reorg_to_the_same_height_is_followed_where_nothing_else_is_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    catch_up_all(pipeline)
    pipeline.net.reorg(8, 8)
    assert starts(catch_up_all(pipeline)) == [40, 30]
    assert_complete(pipeline, tmp_path)


def test_rows_that_a_reorg_left_behind_before_a_kill_are_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    catch_up_all(pipeline)
    pipeline.net.reorg(3, 3)
    parts = parts_of(pipeline)
    heal_raw(pipeline.chain, parts.source, parts.writer)
    assert starts(catch_up_all(pipeline)) == [40]
    assert_complete(pipeline, tmp_path)


@pytest.mark.parametrize("killed", [False, True])
def test_rows_above_a_head_that_a_reorg_has_lowered_go(tmp_path: Path, killed: bool) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=22, finality=15))
    catch_up_all(pipeline)
    assert pipeline.net.reorg(3, 1) == 19
    if killed:
        with killed_at("reorg followed"):
            catch_up_all(pipeline)
    catch_up_all(pipeline)
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert_complete(pipeline, tmp_path)
