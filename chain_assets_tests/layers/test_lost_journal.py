"""What lost files of block_changes and reorgs told is worked out and told again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas import BLOCK_CHANGES, RAW_BLOCKS, REORGS, Table
from chain_assets.layers.compaction import compact
from chain_assets.layers.forks import stored_ranges
from chain_assets.layers.mending import find_gaps, mend
from chain_assets_tests.killing import killed_at
from chain_assets_tests.lake_fixtures import Pipeline, assert_same, contents, read_all, small_chain
from chain_assets_tests.layers.catching import catch_up_all
from chain_assets_tests.layers.journal import assert_replays, changes_of

_MIDDLE, _LAST = "000000000010-000000000019", "000000000020-000000000029"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 26, after a reorg from 18 on, one from 24 on, and one back again."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=24))
    pipeline.run(0, 22)
    pipeline.run(23, 24)
    pipeline.net.reorg(7, 8)
    pipeline.run(0, 25)
    first_side = pipeline.net.tip.fork
    pipeline.net.reorg(2, 2)
    pipeline.run(0, 25)
    pipeline.net.switch(first_side)
    pipeline.run(0, 25)
    pipeline.net.advance(1)
    pipeline.run(0, 26)
    return pipeline


def _fresh(pipeline: Pipeline) -> Pipeline:
    # As a command does, which has nothing of the tables in memory.
    return pipeline.into(Path(pipeline.tables.storage.uri))


def _files(pipeline: Pipeline, table: Table, **partition: str) -> list[Path]:
    files = pipeline.tables.live_files(table, chain="devnet", **partition)
    return sorted(
        Path(pipeline.tables.storage.uri) / table.name / str(file["path"]) for file in files
    )


def _mend(pipeline: Pipeline) -> None:
    fresh = _fresh(pipeline)
    mend(fresh.chain, find_gaps(fresh.chain, fresh.parts()), fresh.parts())


def _assert_mended(pipeline: Pipeline) -> None:
    fresh = _fresh(pipeline)
    assert find_gaps(fresh.chain, fresh.parts()) == []
    assert_replays(fresh)
    head = fresh.net.advance(1)
    fresh.net.reorg(2, 2)
    fresh.run(0, head)
    assert_replays(fresh)
    assert find_gaps(fresh.chain, fresh.parts()) == []


def _reorgs(pipeline: Pipeline) -> list[dict[str, Any]]:
    rows = read_all(pipeline.tables, REORGS.name).to_pylist()
    return sorted(rows, key=lambda row: str(row["reorg_id"]))


def test_without_it_a_chain_stands_still_and_the_error_says_what_to_do(pipeline: Pipeline) -> None:
    _files(pipeline, BLOCK_CHANGES, block_range=_LAST)[0].unlink()
    with pytest.raises(StorageFailed, match="`chain-assets gaps --apply` makes"):
        _fresh(pipeline).run(0, 26)
    fresh = _fresh(pipeline)
    (found,) = find_gaps(fresh.chain, fresh.parts())
    assert (found.kind, found.table, found.block_range.key) == ("gone", "block_changes", _LAST)


@pytest.mark.parametrize("merged", [False, True], ids=["as-written", "merged"])
@pytest.mark.parametrize("key", [_MIDDLE, _LAST])
def test_each_file_of_changes_alone(
    pipeline: Pipeline, tmp_path: Path, key: str, merged: bool
) -> None:
    told = [(row["sequence"], row["number"]) for row in changes_of(pipeline)]
    if merged:
        for block_range in stored_ranges(pipeline.chain, pipeline.tables):
            compact(
                pipeline.chain, block_range, tables=pipeline.tables, ops=pipeline.ops, closed=True
            )
    for path in _files(pipeline, BLOCK_CHANGES, block_range=key):
        kept = path.read_bytes()
        path.write_bytes(kept[:-9])
        _mend(pipeline)
        changes = changes_of(_fresh(pipeline))
        assert [row["sequence"] for row in changes] == [at for at, _ in told]
        assert_replays(_fresh(pipeline))
    _assert_mended(pipeline)


@pytest.mark.parametrize("tables", [(BLOCK_CHANGES,), (BLOCK_CHANGES, RAW_BLOCKS)])
def test_all_changes_of_the_chain(pipeline: Pipeline, tables: tuple[Table, ...]) -> None:
    last = len(changes_of(pipeline))
    rows = contents(pipeline.tables, canonical_only=True)
    for table in tables:
        for path in _files(pipeline, table):
            path.unlink()
    _mend(pipeline)
    assert len(changes_of(_fresh(pipeline))) == last
    assert_same(contents(_fresh(pipeline).tables, canonical_only=True), rows)
    _assert_mended(pipeline)


def test_reorgs_are_as_they_were(pipeline: Pipeline) -> None:
    reorgs = _reorgs(pipeline)
    assert len(reorgs) == 3
    for path in _files(pipeline, REORGS):
        path.unlink()
    _mend(pipeline)
    assert _reorgs(_fresh(pipeline)) == reorgs
    _assert_mended(pipeline)


@pytest.mark.parametrize("point", ["commit to make", "commit made"])
def test_killed_in_between_it_is_made_good_by_the_next(pipeline: Pipeline, point: Any) -> None:
    last = len(changes_of(pipeline))
    for table in (BLOCK_CHANGES, REORGS):
        _files(pipeline, table, block_range=_LAST)[0].unlink()
    with killed_at(point, BLOCK_CHANGES.name):
        _mend(pipeline)
    _mend(pipeline)
    assert len(changes_of(_fresh(pipeline))) == last
    _assert_mended(pipeline)


def test_what_was_not_told_yet_is_told_after_it(pipeline: Pipeline) -> None:
    last = len(changes_of(pipeline))
    pipeline.net.advance(1)
    with killed_at("commit to make", BLOCK_CHANGES.name):
        pipeline.run(0, 27)
    for path in _files(pipeline, BLOCK_CHANGES, block_range=_LAST):
        path.unlink()
    _mend(pipeline)
    changes = changes_of(_fresh(pipeline))
    assert len(changes) == last + 1
    assert changes[-1]["number"] == 27
    catch_up_all(_fresh(pipeline))
    _assert_mended(pipeline)
