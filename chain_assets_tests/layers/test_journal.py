"""block_changes and reorgs: a reader that follows them holds the canonical chain, exactly once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.snapshots import Snapshot
from chain_assets.layers.changes import publish_changes
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.layers.raw import materialize_raw
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets_tests.killing import Killed
from chain_assets_tests.lake_fixtures import Pipeline, read_all, small_chain
from chain_assets_tests.layers.journal import assert_replays, changes_of


def _assert_a_chain_at_every_step(pipeline: Pipeline) -> None:
    """Applied one by one, the changes never hold two blocks of one number, nor a hole."""
    held: dict[int, bytes] = {}
    for row in changes_of(pipeline):
        if row["change"] > 0:
            assert row["number"] not in held
            assert not held or row["number"] == max(held) + 1
            held[row["number"]] = row["hash"]
        else:
            assert row["number"] == max(held)
            assert held.pop(row["number"]) == row["hash"]


def test_a_chain_that_grows_is_told_block_by_block(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 11)
    pipeline.run(12, 24)
    assert [(row["number"], row["change"]) for row in changes_of(pipeline)] == [
        (number, 1) for number in range(25)
    ]
    assert {row["reorg_id"] for row in changes_of(pipeline)} == {None}
    assert_replays(pipeline)
    assert read_all(pipeline.tables, REORGS.name).num_rows == 0


def test_a_reorg_over_three_ranges_is_told_in_one_go_and_in_order(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(finality=24))
    pipeline.run(0, 24)
    old_head = pipeline.net.canonical_block(24)
    head = pipeline.net.reorg(17, 19)
    pipeline.run(0, head)
    assert_replays(pipeline)
    _assert_a_chain_at_every_step(pipeline)
    (reorg,) = read_all(pipeline.tables, REORGS.name).to_pylist()
    assert (reorg["first_number"], reorg["depth"], reorg["old_head_number"]) == (8, 17, 24)
    assert old_head is not None
    assert reorg["old_head_hash"] == old_head.hash
    sides = read_all(pipeline.tables, "raw_blocks").to_pylist()
    for counted in ("transaction_count", "log_count"):
        name = counted.removesuffix("_count")
        removed = sum(row[counted] for row in sides if not row["canonical"])
        added = sum(row[counted] for row in sides if row["canonical"] and 8 <= row["number"] < 25)
        assert (reorg[f"{name}s_removed"], reorg[f"{name}s_added"]) == (removed, added)
    told = [row for row in changes_of(pipeline) if row["reorg_id"] == reorg["reorg_id"]]
    assert [row["change"] for row in told] == [-1] * 17 + [1] * 17


def test_a_reorg_back_to_the_first_side_is_another_reorg(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(finality=24))
    pipeline.run(0, 24)
    first_side = pipeline.net.tip.fork
    pipeline.net.reorg(3, 3)
    second_side = pipeline.net.tip.fork
    pipeline.run(0, 24)
    for side in (first_side, second_side, first_side):
        pipeline.net.switch(side)
        pipeline.run(0, 24)
        assert_replays(pipeline)
    reorgs = read_all(pipeline.tables, REORGS.name)
    assert len(set(reorgs["reorg_id"].to_pylist())) == reorgs.num_rows == 4
    _assert_a_chain_at_every_step(pipeline)


@pytest.mark.parametrize("append", range(2))
def test_a_run_that_dies_while_it_tells_a_reorg_is_made_up_for(
    tmp_path: Path, append: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path, chain=small_chain(finality=24))
    pipeline.run(0, 24)
    pipeline.net.reorg(6, 6)
    appends, original = [append], Snapshot.append

    def dying(self: Snapshot, *arguments: Any, **named: Any) -> None:
        if not appends[0]:
            raise Killed
        appends[0] -= 1
        original(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "append", dying)
        with pytest.raises(Killed):
            pipeline.run(0, 24)
    pipeline.run(0, 24)
    assert_replays(pipeline)
    _assert_a_chain_at_every_step(pipeline)
    (reorg,) = read_all(pipeline.tables, REORGS.name).to_pylist()
    told = [row for row in changes_of(pipeline) if row["reorg_id"] == reorg["reorg_id"]]
    assert len(told) == 12


def test_ranges_that_are_filled_at_once_share_one_sequence_without_a_gap(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 0)
    spans = [(1, 9), (10, 19), (20, 24)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda span: pipeline.run(*span, reference=False), spans))
    assert_replays(pipeline)


def test_several_that_tell_the_same_change_at_once_tell_it_once(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    block_range = BlockRange(0, 10)
    materialize_raw(
        pipeline.chain, block_range, source=DevnetSource(pipeline.net), tables=pipeline.tables
    )
    assert not changes_of(pipeline)

    def tell(run_id: str) -> None:
        tables = pipeline.into(tmp_path).tables
        publish_changes(pipeline.chain, [block_range], tables=tables, run_id=run_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, "abcd"))
    assert len(changes_of(pipeline)) == 10
    assert_replays(pipeline)


def test_a_change_that_stands_twice_is_named_and_taken_out(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 24)
    told, tables = changes_of(pipeline), pipeline.tables
    partition = {"chain": "devnet", "block_range": "000000000020-000000000029"}
    row = tables.read(BLOCK_CHANGES, **partition).slice(2, 1)
    twice = write_data_file(tables.store, BLOCK_CHANGES, row, partition=partition)
    assert twice is not None
    tables.replace_blocks(BLOCK_CHANGES, [twice], partition=partition, numbers=set())
    with pytest.raises(
        StorageFailed, match=r"devnet, block_changes: .*`chain-assets gaps --apply`"
    ):
        pipeline.run(20, 24)
    found = find_gaps(pipeline.chain, pipeline.parts())
    (number,) = row["number"].to_pylist()
    assert [(f.kind, f.table, f.numbers) for f in found] == [
        ("doubled", BLOCK_CHANGES.name, (number,))
    ]
    mend(pipeline.chain, found, pipeline.parts())
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert changes_of(pipeline) == told
    assert_replays(pipeline)


def test_a_reorg_that_stands_twice_is_named_and_taken_out(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 24)
    pipeline.net.reorg(3, 3)
    pipeline.run(0, 24)
    tables = pipeline.tables
    rows = read_all(tables, REORGS.name)
    partition = {"chain": "devnet", "block_range": "000000000020-000000000029"}
    twice = write_data_file(
        tables.store, REORGS, tables.read(REORGS, **partition), partition=partition
    )
    assert twice is not None
    tables.replace_blocks(REORGS, [twice], partition=partition, numbers=set())
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert [(f.kind, f.table, f.numbers) for f in found] == [("doubled", REORGS.name, (22,))]
    mend(pipeline.chain, found, pipeline.parts())
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert read_all(tables, REORGS.name).equals(rows)


def test_a_block_that_is_held_is_told_when_it_comes(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.net.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset({4})),))
    pipeline.run(0, 9)
    assert [row["number"] for row in changes_of(pipeline)] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    pipeline.net.faults = Faults()
    pipeline.run(0, 9)
    assert changes_of(pipeline)[-1]["number"] == 4
    assert_replays(pipeline)
