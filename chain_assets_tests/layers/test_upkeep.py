"""Upkeep finds by itself what is to be merged, and leaves alone what is not worth it, or taken."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import LeaseTaken, StorageFailed
from chain_assets.core.schemas import BLOCK_CHANGES, RAW_BLOCKS, TABLES, Table
from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.lake import merging
from chain_assets.lake.snapshots import open_snapshot
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.upkeep import tidy
from chain_assets.layers.upkeep import compact_closed, merges_due, tidy_lake
from chain_assets.ops.leases import LeaseKey
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_same,
    contents,
    live_files,
    small_chain,
)

_CLOSED = [BlockRange(0, 10), BlockRange(10, 20)]
_OPEN = BlockRange(20, 30)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """25 blocks that came by fives; 0 to 19 are final."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=25, finality=5))
    for first in range(0, 25, 5):
        pipeline.run(first, first + 4, reference=first == 0)
    return pipeline


def _compact(pipeline: Pipeline, **named: float) -> tuple[int, int, int, int]:
    done = compact_closed(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops, **named)  # type: ignore[arg-type]
    return done.merges, done.ranges, done.busy, done.left


def _files(pipeline: Pipeline, table: Table, block_range: BlockRange) -> int:
    partition = {"chain": "devnet", "block_range": block_range.key}
    return len(pipeline.tables.live_files(table, **partition))


def test_final_ranges_are_compacted_and_open_ones_are_not(pipeline: Pipeline) -> None:
    before = contents(pipeline.tables)
    due = merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops)
    assert {merge.block_range for merge in due} == set(_CLOSED)
    assert _files(pipeline, TRANSACTIONS, _CLOSED[0]) == 2
    merges, ranges, busy, left = _compact(pipeline)
    assert (merges, ranges, busy, left) == (len(due), 2, 0, 0)
    assert [_files(pipeline, TRANSACTIONS, r) for r in (*_CLOSED, _OPEN)] == [1, 1, 1]
    assert _files(pipeline, RAW_BLOCKS, _OPEN) == 1
    assert_same(contents(pipeline.tables), before)
    assert _compact(pipeline) == (0, 0, 0, 0)


def test_of_a_chain_of_which_nothing_was_seen_final_nothing_is_due(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(blocks=5, finality=9))
    assert merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops) == []
    assert _compact(pipeline) == (0, 0, 0, 0)


def test_it_is_bounded_by_a_number_of_merges_and_by_time(pipeline: Pipeline) -> None:
    whole = len(merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops))
    assert _compact(pipeline, most_merges=3)[::3] == (3, whole - 3)
    assert _compact(pipeline, most_seconds=0.0)[::3] == (0, whole - 3)
    seconds = iter(range(100))
    done = compact_closed(
        pipeline.chain,
        tables=pipeline.tables,
        ops=pipeline.ops,
        most_seconds=3.0,
        clock=lambda: next(seconds),
    )
    assert (done.merges, done.left) == (2, whole - 5)


def test_what_another_writes_is_left_for_the_next_time(pipeline: Pipeline) -> None:
    whole = len(merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops))
    with pipeline.ops.held(LeaseKey("devnet", _CLOSED[0].key, "decoded"), owner="a run"):
        merges, _, busy, left = _compact(pipeline)
        assert busy > 3
        assert (merges + busy, left) == (whole, 0)
        assert _files(pipeline, TRANSACTIONS, _CLOSED[0]) == 2
    assert _compact(pipeline) == (busy, 1, 0, 0)


def _sized(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> None:
    """As if raw_blocks had files of these sizes in the first range, and no other table any."""

    def live_files(self: LakeTables, table: Table, **partition: str) -> list[dict[str, object]]:
        if table is not RAW_BLOCKS:
            return []
        return [
            {
                "path": f"{place}",
                "size_bytes": size,
                "min.number": place,
                "max.number": place,
                "partition.block_range": _CLOSED[0].key,
            }
            for place, size in enumerate(sizes)
        ]

    monkeypatch.setattr(LakeTables, "live_files", live_files)


_MB = 1024 * 1024


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        pytest.param((60 * _MB,), [], id="one"),
        pytest.param((60 * _MB, 1), [], id="a-repaired-block-beside-a-large-file"),
        pytest.param((40 * _MB, *[_MB] * 7), [], id="a-few"),
        pytest.param((40 * _MB, *[_MB] * 8), [8], id="more-than-a-few-become-one"),
        pytest.param((40 * _MB, 4 * _MB, 6 * _MB), [3], id="a-fair-part-of-the-whole"),
        pytest.param((5, 5), [2], id="two-alike"),
        pytest.param((3 * _MB, 1), [2], id="little-as-a-whole"),
        pytest.param((60 * _MB, 60 * _MB, 60 * _MB), [], id="none-fits-with-another"),
        pytest.param((30 * _MB, 30 * _MB, 30 * _MB), [2], id="as-many-as-fit"),
    ],
)
def test_a_large_file_is_written_again_only_for_a_fair_part(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], merged: list[int]
) -> None:
    _sized(monkeypatch, *sizes)
    due = merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops)
    assert [len(merge.paths) for merge in due] == merged


def test_a_merge_of_the_journal_does_not_disturb_who_appends_to_it(pipeline: Pipeline) -> None:
    with open_snapshot(pipeline.tables, BLOCK_CHANGES) as snapshot:
        assert _compact(pipeline)[0]
        partition = {"chain": "devnet", "block_range": _OPEN.key}
        rows = snapshot.read(snapshot.table.file_schema.names, **partition).slice(0, 1)
        at = rows.column_names.index("sequence")
        rows = rows.set_column(at, rows.schema.field(at), pa.array([26]))
        snapshot.append([(partition, rows)], marker=("sequence/devnet", 26))
    sequence = pipeline.tables.read(BLOCK_CHANGES, columns=["sequence"])["sequence"]
    assert sorted(sequence.to_pylist()) == list(range(1, 27))


def test_the_whole_lake_is_tidied_of_what_is_old(pipeline: Pipeline) -> None:
    last_week = LakeTables(pipeline.tables.storage, clock=lambda: time.time() - 8 * 86_400)
    before = contents(pipeline.tables)
    old = {name: set(paths) for name, paths in live_files(pipeline.tables).items()}
    _compact(replace(pipeline, tables=last_week))
    lake = Path(pipeline.tables.storage.uri)
    sizes = {
        path: (lake / TRANSACTIONS.name / path).stat().st_size for path in old[TRANSACTIONS.name]
    }
    tidied = {one.table: one for one in tidy_lake(pipeline.tables, pipeline.ops)}
    assert tidied.keys() == TABLES.keys()
    gone = old[TRANSACTIONS.name] - live_files(pipeline.tables)[TRANSACTIONS.name]
    assert tidied[TRANSACTIONS.name].files == len(gone) == 4
    assert tidied[TRANSACTIONS.name].size == sum(sizes[path] for path in gone)
    assert not any((lake / TRANSACTIONS.name / path).exists() for path in gone)
    assert_same(contents(LakeTables(pipeline.tables.storage)), before)


def test_one_tidies_the_lake_at_a_time(pipeline: Pipeline) -> None:
    with (
        pipeline.ops.held(LeaseKey("*", "lake", "tidy"), owner="another chain's job"),
        pytest.raises(LeaseTaken, match="another chain's job"),
    ):
        tidy_lake(pipeline.tables, pipeline.ops)
    assert tidy_lake(pipeline.tables, pipeline.ops)


def test_two_that_tidy_one_table_at_once_beside_a_writer_harm_nobody(pipeline: Pipeline) -> None:
    """Their ops stores may be two, where writers of a bucket have none in common."""
    folder = Path(pipeline.tables.storage.uri) / TRANSACTIONS.name
    for number in range(200):
        left = folder / f"left-behind-{number}.parquet"
        left.write_bytes(b"of a run that was killed")
        os.utime(left, (0, 0))
    lakes = [LakeTables(pipeline.tables.storage) for _ in range(3)]
    paths = live_files(pipeline.tables)[TRANSACTIONS.name]
    partition = {"chain": "devnet", "block_range": _CLOSED[0].key}
    first = {path for path in paths if _CLOSED[0].key in path}
    before = contents(pipeline.tables)
    with ThreadPoolExecutor(4) as pool:
        tidied = [pool.submit(tidy, lake, TRANSACTIONS) for lake in lakes]
        assert merging.merge_files(pipeline.tables, TRANSACTIONS, first, partition=partition)
        assert max(one.result().files for one in tidied) == 200
    assert not list(folder.glob("left-behind-*"))
    assert_same(contents(LakeTables(pipeline.tables.storage)), before)


def test_a_lost_file_stops_its_own_merge_only(pipeline: Pipeline) -> None:
    due = merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops)
    lost = next(merge for merge in due if merge.table is TRANSACTIONS)
    Path(pipeline.tables.storage.path(TRANSACTIONS.name, min(lost.paths))).unlink()
    with pytest.raises(StorageFailed, match="is gone"):
        _compact(pipeline)
    left = merges_due(pipeline.chain, tables=pipeline.tables, ops=pipeline.ops)
    assert [(merge.table, merge.block_range) for merge in left] == [
        (TRANSACTIONS, lost.block_range)
    ]


def test_a_table_that_cannot_be_tidied_stops_no_other(pipeline: Pipeline) -> None:
    log = Path(pipeline.tables.uri(TRANSACTIONS)) / "_delta_log"
    for entry in log.glob("*.json"):
        entry.write_text("no log")
    others = [table for table in TABLES.values() if table is not TRANSACTIONS]
    before = {table.name: _checkpoints(pipeline, table) for table in others}
    tables = LakeTables(pipeline.tables.storage)
    with pytest.raises(StorageFailed):
        tidy_lake(tables, pipeline.ops)
    written = [t for t in others if pipeline.tables.live_files(t)]
    assert all(_checkpoints(pipeline, t) > before[t.name] for t in written)


def _checkpoints(pipeline: Pipeline, table: Table) -> int:
    log = Path(pipeline.tables.uri(table)) / "_delta_log"
    return len(list(log.glob("*.checkpoint*.parquet")))
