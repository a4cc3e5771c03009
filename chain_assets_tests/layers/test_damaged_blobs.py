"""A blob that proves damaged when rows are made anew is fetched again, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import SourceUnavailable
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.layers.refreshing import Refreshed, refresh
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean
from chain_assets_tests.layers.catching import faulty

_RANGES = [BlockRange(0, 10), BlockRange(10, 20), BlockRange(20, 30)]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 24, made by an older decoder; the blobs of 3 and 13 are damaged."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    for block_range in _RANGES:
        pipeline.tables.mark_blocks(
            BLOCKS,
            partition={"chain": "devnet", "block_range": block_range.key},
            numbers=set(block_range.numbers()),
            column="decoder_version",
            text="0+old",
        )
    for number in (3, 13):
        _damage(pipeline, number)
    return pipeline


def _damage(pipeline: Pipeline, number: int) -> None:
    (blob,) = (Path(pipeline.tables.storage.uri) / "raw").rglob(f"{number:012d}-*.zst")
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)


def test_a_refresh_fetches_it_anew(pipeline: Pipeline, tmp_path: Path) -> None:
    assert list(refresh(pipeline.chain, _RANGES, pipeline.parts())) == [
        Refreshed(_RANGES[0], 10),
        Refreshed(_RANGES[1], 10),
        Refreshed(_RANGES[2], 5),
    ]
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_refresh_holds_what_no_node_has_any_more(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.net.faults = faulty("null_block", 3)
    first, *others = refresh(pipeline.chain, _RANGES, pipeline.parts())
    # Its enriched rows follow the old decoded ones, which stay.
    assert first == Refreshed(_RANGES[0], 9, 1, held=1)
    assert others == [Refreshed(_RANGES[1], 10), Refreshed(_RANGES[2], 5)]
    assert [(h.number, h.stage) for h in pipeline.ops.holds.find()] == [(3, "fetch")]
    pipeline.net.faults = Faults()
    pipeline.run(0, 24, refreshes=True)
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_a_refresh_without_a_node_leaves_just_its_range(pipeline: Pipeline) -> None:
    pipeline.net.faults = Faults(rules=(Fault(kind="refuse"),))
    done = list(refresh(pipeline.chain, _RANGES, pipeline.parts()))
    assert [isinstance(one.error, SourceUnavailable) for one in done] == [True, True, False]
    assert done[2] == Refreshed(_RANGES[2], 5)


def test_mending_fetches_it_anew(pipeline: Pipeline, tmp_path: Path) -> None:
    mend(pipeline.chain, find_gaps(pipeline.chain, pipeline.parts()), pipeline.parts())
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


def test_mending_goes_on_where_one_range_cannot_be_mended(pipeline: Pipeline) -> None:
    found = find_gaps(pipeline.chain, pipeline.parts())
    pipeline.net.faults = faulty("time_out", 3, 13)
    _damage(pipeline, 24)
    mend(pipeline.chain, found, pipeline.parts())
    left = find_gaps(pipeline.chain, pipeline.parts())
    assert {(f.kind, f.layer, f.numbers) for f in left if f.kind != "stale"} == {
        ("lost", "raw", (3,)),
        ("lost", "raw", (13,)),
    }
