"""Runs that meet: side by side, or one overtaking the other between two of its steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core import fault_points
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import CommitConflict, LeaseLost
from chain_assets.core.fault_points import FaultPoint
from chain_assets.core.schemas import ENRICHED_TABLES, RAW_BLOCKS, Table
from chain_assets.core.schemas.decoded import BLOCKS as DECODED_BLOCKS
from chain_assets.core.schemas.decoded import TRANSACTIONS, WITHDRAWALS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.compaction import due_merges, make_merge
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.enrich_task import (
    BlockToEnrich,
    EnrichContext,
    InputFile,
    enrich_task,
)
from chain_assets.layers.enriched import materialize_enriched
from chain_assets.ops.held import HeldLease
from chain_assets.ops.leases import LeaseKey
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_as_clean,
    live_files,
    read_all,
    registry,
)


@pytest.fixture
def filled(tmp_path: Path) -> Pipeline:
    """All layers of blocks 0 to 3."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 3)
    return pipeline


def test_runs_of_the_same_blocks_at_once_end_right_or_say_so(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")

    def run(_: int) -> bool:
        try:
            pipeline.into(tmp_path / "lake").run(0, 14)
        except CommitConflict:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(run, range(3)))
    assert any(outcomes)
    pipeline.run(0, 14)
    assert_as_clean(pipeline, tmp_path / "clean", last=14)


def test_runs_of_other_ranges_at_once_all_succeed(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 0)
    spans = [(1, 9), (10, 19), (20, 24)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda span: pipeline.into(tmp_path / "lake").run(*span), spans))
    assert_as_clean(pipeline, tmp_path / "clean", last=24)


class _Overtaken(LakeTables):
    """Right after its read number `at`, counted from 0, something else happens."""

    def __init__(self, storage: Storage, *, at: int, event: Callable[[], object]) -> None:
        super().__init__(storage)
        self._left, self._event = at, event

    def read_files(self, *arguments: Any) -> Any:
        rows = super().read_files(*arguments)
        if self._left == 0:
            self._event()
        self._left -= 1
        return rows


@pytest.mark.parametrize(
    ("layer", "read"),
    [*(("decoded", read) for read in range(2)), *(("enriched", read) for read in range(5))],
)
def test_a_run_that_is_overtaken_takes_no_block_of_the_other_away(
    tmp_path: Path, layer: str, read: int
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 3)
    tables = _Overtaken(pipeline.tables.storage, at=read, event=lambda: pipeline.run(0, 9))
    block_range = BlockRange(0, 10)
    with suppress(CommitConflict):
        if layer == "decoded":
            materialize_decoded(
                pipeline.chain,
                block_range,
                tables=tables,
                engine=pipeline.engine,
                registry=registry(),
            )
        else:
            materialize_enriched(pipeline.chain, block_range, tables=tables, engine=pipeline.engine)
    for name in ("decoded_blocks", "enriched_blocks"):
        assert read_all(pipeline.tables, name).num_rows == 10
    assert_as_clean(pipeline, tmp_path / "clean", last=9)


def test_tables_that_are_read_torn_apart_are_refused(tmp_path: Path) -> None:
    """Blocks of after a commit with transactions of before it must not count as enriched."""
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 3)
    files = {
        name: tuple(InputFile(path, 0, None, None) for path in paths)
        for name, paths in live_files(pipeline.tables).items()
    }
    context = EnrichContext(
        chain=pipeline.chain,
        block_range=BlockRange(0, 10).key,
        storage=pipeline.tables.storage,
        reference=pipeline.reference(),
        files=files,
    )
    blocks = [BlockToEnrich(number, size_bytes=1) for number in range(4)]
    assert enrich_task(context, blocks).blocks == 4
    for name in ("decoded_blocks", "decoded_transactions"):
        torn = replace(context, files={**files, name: ()})
        with pytest.raises(CommitConflict, match="changed while it was read"):
            enrich_task(torn, blocks)


class _RacedTables(LakeTables):
    """A refresh commits just after the files of decoded_blocks were listed to plan on."""

    raced = False

    def live_files(self, table: Table, **partition: str) -> list[dict[str, Any]]:
        files = super().live_files(table, **partition)
        if table is DECODED_BLOCKS and not self.raced:
            self.raced = True
            LakeTables(self.storage).mark_blocks(
                table, partition=partition, numbers={3}, column="decoder_version", text="newer"
            )
        return files


def test_what_is_decoded_meanwhile_is_not_taken_for_enriched(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 3)
    shutil.rmtree(pipeline.tables.uri(ENRICHED_BLOCKS))
    first, second = (
        materialize_enriched(
            pipeline.chain, BlockRange(0, 10), tables=tables, engine=pipeline.engine
        )
        for tables in (_RacedTables(pipeline.tables.storage), LakeTables(pipeline.tables.storage))
    )
    assert (first.written, second.written) == (4, 1)
    assert first.data_version != second.data_version


_FROM_0 = {"chain": "devnet", "block_range": BlockRange(0, 10).key}


def _killed_holder(pipeline: Pipeline, layer: str) -> HeldLease:
    """The lease of a writer that was killed just after it had last looked at it."""
    key = LeaseKey(pipeline.chain.name, _FROM_0["block_range"], layer)
    lease = pipeline.ops.leases.acquire(key, owner="killed", ttl=0.001)
    return HeldLease(lease, clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("layer", "table"),
    [
        *(("raw", table) for table in (RAW_BLOCKS,)),
        *(("decoded", table) for table in WRITTEN),
        *(("enriched", table) for table in ENRICHED_TABLES),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_killed_writers_commit_that_arrives_after_its_heir_has_looked_is_refused(
    filled: Pipeline, monkeypatch: pytest.MonkeyPatch, layer: str, table: Table
) -> None:
    """A bucket may take it after the writer's end. Its heir has nothing to write, or nothing in
    this table, and would never come upon such rows."""
    killed = _killed_holder(filled, layer)

    def heir(point: FaultPoint, part: str) -> None:
        if point == "commit to make":
            monkeypatch.setattr(fault_points, "_hook", None)
            filled.run(0, 3, reference=False)

    monkeypatch.setattr(fault_points, "_hook", heir)
    with pytest.raises(LeaseLost):
        LakeTables(filled.tables.storage).leave_token(table, partition=_FROM_0, fence=killed)


def test_a_merge_that_inherits_the_lease_of_a_killed_writer_shuts_it_out_too(
    filled: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the lease back, so that the next writer does not know of the killed one any more."""
    filled.run(0, 4)
    killed = _killed_holder(filled, "decoded")

    def heir(point: FaultPoint, part: str) -> None:
        if point == "commit to make":
            monkeypatch.setattr(fault_points, "_hook", None)
            due = due_merges(filled.chain, BlockRange(0, 10), tables=filled.tables, closed=True)
            merge = next(merge for merge in due if merge.table is TRANSACTIONS)
            assert make_merge(filled.chain, merge, tables=filled.tables, ops=filled.ops)
            filled.run(0, 4, reference=False)

    monkeypatch.setattr(fault_points, "_hook", heir)
    with pytest.raises(LeaseLost):
        LakeTables(filled.tables.storage).leave_token(WITHDRAWALS, partition=_FROM_0, fence=killed)
