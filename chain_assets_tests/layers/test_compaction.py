"""Many small files become few: the same rows, and nothing new for whoever follows the log."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import CommitConflict, LeaseLost, LeaseTaken
from chain_assets.core.schemas import BLOCK_CHANGES, RAW_BLOCKS, REORGS, TABLES, Table
from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake import merging
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.upkeep import tidy
from chain_assets.layers.compaction import compact, due_merges
from chain_assets.ops.leases import LeaseKey
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    live_files,
    read_all,
    small_chain,
)

_RANGE = BlockRange(0, 10)
_PARTITION = {"chain": "devnet", "block_range": _RANGE.key}
# Those of which each block has rows, or most; withdrawals and the like have some.
_TABLES = [t.name for t in TABLES.values() if t.layer != "reference" and t is not REORGS]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Ten blocks that came one by one."""
    pipeline = Pipeline.on_devnet(
        tmp_path_factory.mktemp("filled"), chain=small_chain(blocks=10, finality=9)
    )
    for number in range(10):
        pipeline.run(number, number, reference=number == 0)
    return pipeline


@pytest.fixture
def pipeline(filled: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of it."""
    shutil.copytree(filled.tables.storage.uri, tmp_path / "lake")
    return filled.into(tmp_path / "lake")


def _compact(pipeline: Pipeline, **named: Any) -> int:
    return compact(pipeline.chain, _RANGE, tables=pipeline.tables, ops=pipeline.ops, **named)


def _files(pipeline: Pipeline, table: Table) -> int:
    return len(pipeline.tables.live_files(table, **_PARTITION))


def test_a_closed_range_has_one_sorted_file_of_each_table(pipeline: Pipeline) -> None:
    before = contents(pipeline.tables)
    assert _files(pipeline, RAW_BLOCKS) == 10
    assert _compact(pipeline, closed=True) == len(_TABLES)
    after = live_files(pipeline.tables)
    assert {len(after[name]) for name in _TABLES} == {1}
    assert_same(contents(pipeline.tables), before)
    for name in ("decoded_transactions", "decoded_logs", "raw_blocks", "block_changes"):
        rows = read_all(pipeline.tables, name)
        assert rows.equals(rows.sort_by([(column, "ascending") for column in TABLES[name].key]))
    assert _compact(pipeline, closed=True) == 0
    assert live_files(pipeline.tables) == after


def test_an_open_range_is_left_alone_until_there_are_too_many(pipeline: Pipeline) -> None:
    assert _compact(pipeline) == 0
    before = contents(pipeline.tables)
    assert _compact(pipeline, most_files=4) > 10
    assert _files(pipeline, TRANSACTIONS) == 1
    # What was merged is large now: only new files count.
    pipeline.net.advance(0)
    assert _compact(pipeline, most_files=4) == 0
    assert_same(contents(pipeline.tables), before)


def test_large_files_are_not_written_again_while_the_range_is_open(tmp_path: Path) -> None:
    chain = small_chain(blocks=10, finality=9)
    pipeline = Pipeline.on_devnet(tmp_path, chain=chain)
    written = []
    for number in range(10):
        pipeline.run(number, number, reference=number == 0)
        files = live_files(pipeline.tables)["raw_blocks"]
        _compact(pipeline, most_files=3)
        written.append(len(live_files(pipeline.tables)["raw_blocks"] - files))
    assert written == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    assert _files(pipeline, RAW_BLOCKS) == 4


def test_the_time_that_it_takes_can_be_bounded(pipeline: Pipeline) -> None:
    for left in range(len(_TABLES) - 1, -1, -1):
        assert _compact(pipeline, closed=True, most_merges=1) == 1
        due = due_merges(pipeline.chain, _RANGE, tables=pipeline.tables, closed=True)
        assert len(list(due)) == left


def test_readers_of_the_log_are_not_told_the_rows_again(pipeline: Pipeline) -> None:
    _compact(pipeline, closed=True)
    for table in (RAW_BLOCKS, BLOCK_CHANGES, ENRICHED_BLOCKS):
        actions = list(_last_commit(pipeline.tables, table))
        adds = [action["add"] for action in actions if "add" in action]
        removes = [action["remove"] for action in actions if "remove" in action]
        assert (len(adds), len(removes)) == (1, 10)
        assert not any(action["dataChange"] for action in adds + removes)


def _last_commit(tables: LakeTables, table: Table) -> Iterator[dict[str, Any]]:
    log = Path(tables.storage.uri) / table.name / "_delta_log"
    for line in max(log.glob("*.json")).read_text().splitlines():
        yield json.loads(line)


def test_what_is_written_afterwards_is_as_if_nothing_had_been_merged(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    _compact(pipeline, closed=True)
    files = live_files(pipeline.tables)
    pipeline.run(0, 9)
    assert live_files(pipeline.tables) == files
    fork = Pipeline.on_devnet(tmp_path / "fork", chain=small_chain(blocks=10, finality=9))
    for number in range(10):
        fork.run(number, number, reference=number == 0)
    compact(fork.chain, _RANGE, tables=fork.tables, ops=fork.ops, closed=True)
    fork.net.reorg(4, 4)
    fork.run(0, 9)
    clean = fork.into(tmp_path / "clean")
    clean.run(0, 9)
    assert_same(contents(fork.tables, canonical_only=True), contents(clean.tables))
    assert_no_duplicates(fork.tables)


def test_a_layer_that_is_being_written_is_not_merged(pipeline: Pipeline) -> None:
    before = live_files(pipeline.tables)
    with (
        pipeline.ops.held(LeaseKey("devnet", _RANGE.key, "raw"), owner="a run"),
        pytest.raises(LeaseTaken, match="a run"),
    ):
        _compact(pipeline, closed=True)
    assert live_files(pipeline.tables) == before


def _paths(pipeline: Pipeline) -> set[str]:
    return live_files(pipeline.tables)[TRANSACTIONS.name]


def test_files_that_another_has_replaced_meanwhile_are_left_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = _paths(pipeline)
    original, before = write_data_file, contents(pipeline.tables)

    def overtaken(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(merging, "write_data_file", original)
        other = pipeline.into(Path(pipeline.tables.storage.uri)).tables
        assert merging.merge_files(other, TRANSACTIONS, paths, partition=_PARTITION)
        return original(*arguments, **named)

    monkeypatch.setattr(merging, "write_data_file", overtaken)
    with pytest.raises(CommitConflict):
        merging.merge_files(pipeline.tables, TRANSACTIONS, paths, partition=_PARTITION)
    assert not merging.merge_files(pipeline.tables, TRANSACTIONS, paths, partition=_PARTITION)
    assert_same(contents(pipeline.tables), before)


def test_a_merge_under_a_lease_that_was_taken_over_is_refused(pipeline: Pipeline) -> None:
    key = LeaseKey("devnet", _RANGE.key, "decoded")
    with pipeline.ops.held(key) as old:
        pass
    with pipeline.ops.held(key) as new:
        paths = _paths(pipeline)
        pipeline.tables.leave_token(TRANSACTIONS, partition=_PARTITION, fence=new)
    older = replace(old._lease, expires_at=float("inf"))
    old._lease = older
    with pytest.raises(LeaseLost):
        merging.merge_files(pipeline.tables, TRANSACTIONS, paths, partition=_PARTITION, fence=old)


def test_tidying_up_keeps_what_is_young_and_what_is_live(pipeline: Pipeline) -> None:
    before = contents(pipeline.tables)
    _compact(pipeline, closed=True)
    files = pipeline.tables.store.sizes(TRANSACTIONS.name)
    assert tidy(pipeline.tables, TRANSACTIONS).files == 0
    assert files.keys() <= pipeline.tables.store.sizes(TRANSACTIONS.name).keys()
    assert_same(contents(pipeline.tables), before)


def test_tidying_up_removes_what_is_old(pipeline: Pipeline) -> None:
    before = contents(pipeline.tables)
    last_week = LakeTables(pipeline.tables.storage, clock=lambda: time.time() - 8 * 86_400)
    _compact(replace(pipeline, tables=last_week), closed=True)
    assert tidy(pipeline.tables, TRANSACTIONS).files > 5
    assert tidy(pipeline.tables, TRANSACTIONS).files == 0
    assert_same(contents(pipeline.tables), before)
    assert_same(contents(LakeTables(pipeline.tables.storage)), before)


def test_tidying_up_refuses_what_somebody_may_still_read(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="168 hours"):
        tidy(pipeline.tables, TRANSACTIONS, retention_hours=1)
