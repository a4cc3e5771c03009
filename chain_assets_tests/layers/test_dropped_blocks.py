"""What lacks a token and is given up by a person is enriched without it, by whoever comes next."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.defs.chain_state import read_state
from chain_assets.layers.follow_reports import Reports, tell_nobody
from chain_assets.layers.head_step import HeadStep
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.layers.pipeline import write_reference
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.lake_fixtures import Pipeline, read_all, small_chain
from chain_assets_tests.layers.catching import catch_up_all
from chain_assets_tests.layers.followers import enriched

_STRICT = replace(small_chain(), requires=("native_price", "token_metadata"))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 24, of which 0 to 14 are final, and most wait for the names of tokens."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=_STRICT)
    whole = pipeline.reference()
    unknown = replace(whole, tokens=whole.tokens.slice(0, 0))
    write_reference(pipeline.chain, unknown, pipeline.writer())
    pipeline.run(0, 24, reference=False)
    assert len(enriched(pipeline)) < 25
    assert _catch_up(pipeline) == 0, "they wait"
    return pipeline


def _catch_up(pipeline: Pipeline) -> int:
    parts = replace(pipeline.parts(), writer=pipeline.writer(patient=True))
    return len(catch_up_all(pipeline, parts))


def _drop(pipeline: Pipeline) -> None:
    held = [hold.number for hold in pipeline.ops.holds.find()]
    pipeline.ops.holds.drop("devnet", held, who="ada", why="nobody knows them")


def test_catching_up_enriches_them_and_then_has_nothing_to_do(pipeline: Pipeline) -> None:
    _drop(pipeline)
    assert _catch_up(pipeline) == 3
    assert enriched(pipeline).keys() == set(range(25))
    assert _catch_up(pipeline) == 0
    symbols = read_all(pipeline.tables, "enriched_token_transfers")["token_symbol"]
    assert symbols.null_count == len(symbols) > 0


def test_the_sensor_sees_them_as_work(pipeline: Pipeline) -> None:
    def blocks() -> dict[str, int]:
        source, tables = DevnetSource(pipeline.net), pipeline.tables
        state = read_state(pipeline.chain, source=source, tables=tables, ops=pipeline.ops)
        return dict(state.holdings.blocks)

    whole = blocks()
    assert sum(whole.values()) == 25
    _drop(pipeline)
    assert sum(blocks().values()) == len(enriched(pipeline))
    _catch_up(pipeline)
    assert blocks() == whole


def test_they_are_gaps_and_are_mended(pipeline: Pipeline) -> None:
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    _drop(pipeline)
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert {(f.kind, f.table) for f in found} == {("missing", "enriched_blocks")}
    mend(pipeline.chain, found, pipeline.parts())
    assert enriched(pipeline).keys() == set(range(25))
    assert find_gaps(pipeline.chain, pipeline.parts()) == []


def test_a_follower_enriches_those_of_open_ranges(pipeline: Pipeline) -> None:
    parts = replace(pipeline.parts(), writer=pipeline.writer(patient=True))
    reports = Reports(tell_nobody, every=0.0, clock=time.monotonic)
    follower = HeadStep(pipeline.chain, parts, most_blocks=50, reports=reports)
    follower.step()
    assert follower.retry_due() == 0
    _drop(pipeline)
    assert follower.retry_due() == 2
    assert enriched(pipeline).keys() >= set(range(10, 25))
    assert follower.retry_due() == 0, "once"
