"""A blob that is lost, and that no node gives again, holds its own block and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.layers.mending import find_gaps
from chain_assets.layers.pipeline import heal_raw, write_decoded, write_raw
from chain_assets.sources.devnet import Faults
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_as_clean,
    assert_same,
    contents,
    live_files,
    read_all,
    small_chain,
)
from chain_assets_tests.layers.catching import assert_complete, catch_up_all, faulty, parts_of
from chain_assets_tests.layers.followers import enriched, following

_OPEN = BlockRange(20, 30)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline.on_devnet(tmp_path / "lake")


def _lose(pipeline: Pipeline, number: int, block_hash: bytes = b"") -> None:
    """The blob, and the block: the node has pruned it."""
    name = f"{number:012d}-{block_hash.hex()}*.zst"
    (blob,) = (Path(pipeline.tables.storage.uri) / "raw").rglob(name)
    blob.unlink()
    pipeline.net.faults = faulty("null_block", number)


def _held(pipeline: Pipeline) -> list[tuple[int, str]]:
    return [(hold.number, hold.stage) for hold in pipeline.ops.holds.find()]


def _store_raw(pipeline: Pipeline, block_range: BlockRange) -> None:
    """As where it was killed before it decoded."""
    parts = pipeline.parts()
    write_raw(pipeline.chain, block_range, parts.source, parts.writer)


def test_catching_up_decodes_the_other_blocks_of_its_range(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))
    parts = parts_of(pipeline)
    catch_up_all(pipeline, parts, most_ranges=2)
    _store_raw(pipeline, BlockRange(0, 10))
    _lose(pipeline, 3)
    assert [one.error for one in catch_up_all(pipeline, parts)] == [None] * 3
    assert set(enriched(pipeline)) == set(range(45)) - {3}
    assert _held(pipeline) == [(3, "fetch")]
    assert catch_up_all(pipeline, parts) == [], "it rests"
    assert {(f.kind, f.numbers) for f in find_gaps(pipeline.chain, parts)} == {("lost", (3,))}
    pipeline.net.faults = Faults()
    pipeline.ops.holds.wake("devnet", numbers=[3])
    catch_up_all(pipeline, parts)
    assert_complete(pipeline, tmp_path)


def test_a_follower_goes_on_with_the_blocks_after_it(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run(0, 22)
    _store_raw(pipeline, _OPEN)
    _lose(pipeline, 23)
    with following(pipeline) as follower:
        follower.reach(24)
        follower.reach(pipeline.net.advance(1))
        assert 23 not in enriched(pipeline)
        assert _held(pipeline) == [(23, "fetch")]
        pipeline.net.faults = Faults()
        pipeline.ops.holds.wake("devnet", numbers=[23])
        follower.reach(23)
        follower.until(lambda: not _held(pipeline))
    assert_as_clean(pipeline, tmp_path / "clean", last=25)


def test_its_hold_stays_while_other_blocks_of_its_range_are_fetched(pipeline: Pipeline) -> None:
    pipeline.run(0, 24)
    _lose(pipeline, 23)
    pipeline.run(20, 24)
    pipeline.net.advance(1)
    pipeline.run(25, 25)
    assert _held(pipeline) == [(23, "fetch")]


def test_its_rows_stay_where_the_others_are_made_anew(pipeline: Pipeline) -> None:
    pipeline.run(0, 24)
    _lose(pipeline, 23)
    pipeline.run(20, 24)
    rows, partition = contents(pipeline.tables), {"chain": "devnet", "block_range": _OPEN.key}
    pipeline.tables.mark_blocks(
        BLOCKS, partition=partition, numbers={22, 23}, column="decoder_version", text="0+old"
    )
    parts = pipeline.parts(refreshes=True)
    report = write_decoded(pipeline.chain, _OPEN, parts.engine, parts.registry, parts.writer)
    assert (report.written, report.removed) == (1, 0)
    assert report.present == frozenset(range(20, 25))
    files = live_files(pipeline.tables)
    for repair in ((), (23,)):
        again = write_decoded(
            pipeline.chain, _OPEN, parts.engine, parts.registry, parts.writer, repair=repair
        )
        assert not again.changed
    assert live_files(pipeline.tables) == files
    pipeline.net.faults = Faults()
    pipeline.run(20, 24, refreshes=True)
    assert_same(contents(pipeline.tables), rows)


def test_rows_of_the_block_that_it_replaced_go(pipeline: Pipeline) -> None:
    pipeline.run(0, 24)
    pipeline.net.reorg(2, 2)
    parts = pipeline.parts()
    heal_raw(pipeline.chain, parts.source, parts.writer)
    new = pipeline.net.canonical_block(23)
    assert new is not None
    _lose(pipeline, 23, new.hash)
    pipeline.run(20, 24)
    assert set(enriched(pipeline)) == set(range(25)) - {23}
    assert 23 not in read_all(pipeline.tables, "decoded_transactions")["block_number"].to_pylist()
