"""Blocks below the start block are nobody's business, and count for none of those above it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.head_plan import HeadPolicy, plan_head
from chain_assets.defs.chain_state import read_state, shape_of
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.lake_fixtures import Pipeline, small_chain
from chain_assets_tests.layers.catching import catch_up_all, starts
from chain_assets_tests.layers.followers import enriched


@pytest.fixture(params=[(25, 27), (27, 48)], ids=["in an open range", "in a final one"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Pipeline:
    """Blocks from 20 on are stored, and from now on the chain begins with 22."""
    last, head = request.param
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=head + 1))
    pipeline.run(20, last)
    return replace(pipeline, chain=replace(pipeline.chain, start_block=22))


def test_catching_up_takes_all_from_the_start_block_on(pipeline: Pipeline) -> None:
    assert 20 in starts(catch_up_all(pipeline))
    assert set(enriched(pipeline)) == set(range(20, pipeline.net.head + 1))
    assert catch_up_all(pipeline) == []


def test_the_sensor_sees_that_the_newest_are_missing(pipeline: Pipeline) -> None:
    source = DevnetSource(pipeline.net)
    state = read_state(pipeline.chain, source=source, tables=pipeline.tables, ops=pipeline.ops)
    plan = plan_head(
        shape_of(pipeline.chain),
        state.heights,
        state.holdings,
        registered=[],
        policy=HeadPolicy(history=True),
    )
    assert 20 in [block_range.start for block_range in plan.run]
