"""A hold is of one block, not of whatever stands at its number: a reorg puts another one there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.enrich import ReferenceTables
from chain_assets.defs.chain_state import read_state
from chain_assets.layers.pipeline import heal_raw, write_reference
from chain_assets.ops.hold_rules import Hold
from chain_assets.sources.devnet import DevnetSource, Faults
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean, read_all, small_chain
from chain_assets_tests.layers.catching import catch_up_all, faulty

_STRICT = replace(small_chain(finality=20), requires=("native_price", "token_metadata"))
_REPLACED = {22, 23, 24}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 24, none of 5 and above final, of which most wait for the names of tokens."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=_STRICT)
    _know(pipeline, without=_tokens(pipeline))
    pipeline.run(0, 24, reference=False)
    assert _holds(pipeline).keys() >= _REPLACED
    return pipeline


def _tokens(pipeline: Pipeline) -> set[bytes]:
    return set(pipeline.reference().tokens["address"].to_pylist())


def _know(pipeline: Pipeline, *, without: Collection[bytes] = ()) -> None:
    whole: ReferenceTables = pipeline.reference()
    known = [address not in without for address in whole.tokens["address"].to_pylist()]
    reference = replace(whole, tokens=whole.tokens.filter(known))
    write_reference(pipeline.chain, reference, pipeline.writer())


def _holds(pipeline: Pipeline) -> dict[int, Hold]:
    return {hold.number: hold for hold in pipeline.ops.holds.find(pipeline.chain.name)}


def _enriched(pipeline: Pipeline) -> set[int]:
    return set(read_all(pipeline.tables, "enriched_blocks")["number"].to_pylist())


def _lacks(pipeline: Pipeline) -> set[int]:
    """The canonical blocks of the replaced ones that hold a token."""
    moved = read_all(pipeline.tables, "decoded_token_transfers")["block_number"].to_pylist()
    return _REPLACED & set(moved)


def test_what_replaces_a_dropped_block_is_not_dropped(pipeline: Pipeline, tmp_path: Path) -> None:
    name = pipeline.chain.name
    pipeline.ops.holds.drop(name, list(_holds(pipeline)), who="ada", why="nobody knows them")
    pipeline.run(0, 24, reference=False)
    assert _enriched(pipeline) == set(range(25))
    pipeline.net.reorg(3, 3)
    pipeline.run(0, 24, reference=False)
    waiting = _lacks(pipeline)
    assert waiting
    assert _enriched(pipeline) == set(range(25)) - waiting
    assert {_holds(pipeline)[n].state for n in waiting} == {"waiting"}
    _know(pipeline)
    pipeline.run(0, 24, refreshes=True)
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_what_was_dropped_stays_so_when_the_chain_comes_back_to_it(pipeline: Pipeline) -> None:
    first_side = pipeline.net.tip.fork
    pipeline.net.reorg(3, 3)
    second_side = pipeline.net.tip.fork
    pipeline.net.switch(first_side)
    name = pipeline.chain.name
    pipeline.ops.holds.drop(name, list(_holds(pipeline)), who="ada", why="nobody knows them")
    pipeline.run(0, 24, reference=False)
    pipeline.net.switch(second_side)
    _know(pipeline)
    pipeline.run(0, 24, reference=False)
    assert _enriched(pipeline) == set(range(25))
    _know(pipeline, without=_tokens(pipeline))
    pipeline.net.switch(first_side)
    pipeline.run(0, 24, reference=False)
    assert _enriched(pipeline) == set(range(25))


def test_a_hold_of_a_replaced_block_is_woken_by_what_the_new_one_misses(
    pipeline: Pipeline,
) -> None:
    before = _holds(pipeline)
    pipeline.net.reorg(3, 3)
    pipeline.run(0, 24, reference=False)
    new = {n: hold for n, hold in _holds(pipeline).items() if n in _REPLACED}
    assert new.keys() == _lacks(pipeline)
    for number, hold in new.items():
        block = pipeline.net.canonical_block(number)
        assert block is not None
        assert (hold.hash, hold.attempts) == (block.hash, 1)
        assert hold.hash != before[number].hash
    _know(pipeline)
    due = {hold.number for hold in pipeline.ops.holds.due(pipeline.chain.name)}
    assert due == _holds(pipeline).keys()


def test_a_dead_letter_keeps_no_block_back_that_took_its_place(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.net.faults = faulty("missing_log", 24)
    pipeline.run(0, 24)
    for _ in range(12):
        pipeline.run(24, 24)
    assert _holds(pipeline)[24].state == "dead"
    pipeline.net.faults = Faults()
    # The chain is shorter for a moment; whoever follows it is killed before it decodes.
    pipeline.net.reorg(3, 2)
    heal_raw(pipeline.chain, DevnetSource(pipeline.net), pipeline.writer())
    pipeline.net.advance(1)
    catch_up_all(pipeline)
    assert not _holds(pipeline)
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


@pytest.mark.parametrize("state", ["waiting", "dropped"])
def test_a_hold_of_a_replaced_block_hides_no_work(pipeline: Pipeline, state: str) -> None:
    name = pipeline.chain.name
    if state == "dropped":
        pipeline.ops.holds.drop(name, list(_holds(pipeline)), who="ada", why="nobody knows them")
        pipeline.run(0, 24, reference=False)
    pipeline.net.reorg(1, 1)
    # Whoever follows it is killed before it decodes.
    heal_raw(pipeline.chain, DevnetSource(pipeline.net), pipeline.writer())
    parts = replace(pipeline.parts(), writer=pipeline.writer(patient=True))
    state_now = read_state(
        pipeline.chain, source=parts.source, tables=pipeline.tables, ops=pipeline.ops
    )
    assert state_now.holdings.blocks["000000000020-000000000029"] == 4
    assert len(catch_up_all(pipeline, parts)) == 1
    block = pipeline.net.canonical_block(24)
    assert block is not None
    if 24 in _lacks(pipeline):
        assert (_holds(pipeline)[24].hash, _holds(pipeline)[24].state) == (block.hash, "waiting")
        assert 24 not in _enriched(pipeline)
    else:
        rows = read_all(pipeline.tables, "enriched_blocks").to_pylist()
        assert block.hash in [row["hash"] for row in rows if row["number"] == 24]
    assert catch_up_all(pipeline, parts) == []
