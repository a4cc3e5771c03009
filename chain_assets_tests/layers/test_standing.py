"""What is still to be done is counted from the table's log, and right all the same."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange, Delimiter, parse_spans
from chain_assets.layers import standing
from chain_assets.layers.pipeline import heal_raw
from chain_assets.layers.raw_index import IndexRow, read_canonical
from chain_assets.layers.standing import standing_of, to_be_done
from chain_assets.sources.devnet import DevnetSource, FaultKind
from chain_assets_tests.lake_fixtures import Pipeline, small_chain
from chain_assets_tests.layers.catching import faulty, parts_of


def _indexes_read(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the ranges of which the index is read from now on."""
    read: list[str] = []

    def noted(*parts: object, chain: str, block_range: str) -> list[IndexRow]:
        read.append(block_range)
        return read_canonical(pipeline.tables, chain=chain, block_range=block_range)

    patch.setattr(standing, "read_canonical", noted)
    return read


@pytest.mark.parametrize(
    ("asked", "count", "reads"),
    [
        pytest.param("0-9", 0, 0, id="a range that is stored"),
        pytest.param("2-3", 0, 0, id="a part of it"),
        pytest.param("10-19", 6, 1, id="one of which a part is stored"),
        pytest.param("10-13", 0, 1, id="that part"),
        pytest.param("14-19", 6, 1, id="the other part"),
        pytest.param("12-13, 18-19", 2, 1, id="something of both"),
        pytest.param("20-39", 20, 0, id="ranges without a block"),
        pytest.param("40-44", 0, 1, id="a range with both sides of a fork"),
        pytest.param("0-49", 6 + 20 + 5, 2, id="all of these"),
    ],
)
def test_blocks_that_are_stored_are_not_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, count: int, reads: int
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(blocks=45))
    for first, last in ((0, 9), (10, 13), (40, 44)):
        pipeline.run(first, last)
    pipeline.net.reorg(4, 4)
    parts = parts_of(pipeline)
    heal_raw(pipeline.chain, parts.source, parts.writer)
    read = _indexes_read(pipeline, monkeypatch)
    assert to_be_done(pipeline.chain, parse_spans(asked), pipeline.tables) == count
    assert len(read) == reads


def test_a_large_history_is_counted_without_a_list_of_its_blocks(tmp_path: Path) -> None:
    chain = replace(small_chain(), ranges=(Delimiter(0, 10_000),))
    pipeline = Pipeline.on_devnet(tmp_path, chain=chain)
    tracemalloc.start()
    try:
        assert to_be_done(chain, [BlockRange(0, 20_000_000)], pipeline.tables) == 20_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("kind", "reads"),
    [
        pytest.param("missing_log", 1, id="held blocks that have no rows are counted"),
        pytest.param("null_block", 3, id="where they may have rows these are read"),
    ],
)
def test_holds_of_closed_ranges_rest_without_a_look_at_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: FaultKind, reads: int
) -> None:
    """Blocks 0 to 34 are final: the ranges 0 and 10, each with a held block, are closed."""
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(blocks=45))
    pipeline.net.faults = faulty(kind, 6, 16)
    pipeline.run(0, 19)
    pipeline.run(40, 44)
    read = _indexes_read(pipeline, monkeypatch)
    behind = standing_of(pipeline.chain, DevnetSource(pipeline.net), pipeline.tables, pipeline.ops)
    assert {s.block_range.start: s.missing for s in behind} == {20: 10, 30: 10}
    assert len(read) == reads
    pipeline.ops.holds.wake("devnet", numbers=[16])
    behind = standing_of(pipeline.chain, DevnetSource(pipeline.net), pipeline.tables, pipeline.ops)
    assert {s.block_range.start: s.missing for s in behind} == {10: 1, 20: 10, 30: 10}
