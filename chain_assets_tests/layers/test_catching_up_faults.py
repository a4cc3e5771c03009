"""Catching up comes to its end whatever fails: memory, the node, a blob, another writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.catch_up import Chunks
from chain_assets.core.errors import SourceUnavailable
from chain_assets.layers.catching_up import Pace, catch_up
from chain_assets.layers.pipeline import Parts, write_raw
from chain_assets.ops.hold_rules import Failure, Stage
from chain_assets.ops.leases import LeaseKey
from chain_assets.sources.budget import Budget
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets.sources.protocol import Header, RawBlock
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    read_all,
    small_chain,
)
from chain_assets_tests.layers.catching import (
    TooMuch,
    assert_complete,
    catch_up_all,
    faulty,
    parts_of,
    starts,
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 44; 0 to 34 are final."""
    return Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))


def test_what_memory_does_not_suffice_for_is_halved(pipeline: Pipeline, tmp_path: Path) -> None:
    source = TooMuch(DevnetSource(pipeline.net), 3, MemoryError)
    catch_up_all(pipeline, parts_of(pipeline, source=source))
    assert source.asked[:3] == [5, 2, 2]
    assert max(source.asked[1:]) == 2, "a size that was refused is not tried again"
    assert_complete(pipeline, tmp_path)


def test_one_block_that_memory_does_not_suffice_for_is_an_error(pipeline: Pipeline) -> None:
    source = TooMuch(DevnetSource(pipeline.net), 0, MemoryError)
    with pytest.raises(MemoryError):
        catch_up_all(pipeline, parts_of(pipeline, source=source))


def test_a_node_that_has_a_bad_minute_is_asked_for_less_and_then_for_more_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.net.faults = faulty("time_out", 0, 1, 2, times=1)
    source = TooMuch(DevnetSource(pipeline.net), 10, SourceUnavailable)
    caught = catch_up_all(pipeline, parts_of(pipeline, source=source))
    assert {one.error for one in caught} == {None}
    assert source.asked[2:] == [10, 9, 8, 5, 5, 10, 10]
    assert_complete(pipeline, tmp_path)


def test_blocks_that_the_node_never_gives_keep_no_other_range_waiting(pipeline: Pipeline) -> None:
    pipeline.net.faults = faulty("time_out", *range(12, 18))
    caught = {one.block_range.start: one for one in catch_up_all(pipeline)}
    assert isinstance(caught[10].error, SourceUnavailable)
    assert caught[20].written == 10
    there = set(read_all(pipeline.tables, "enriched_blocks")["number"].to_pylist())
    assert there >= set(range(45)) - set(range(10, 20))
    # The next time too it comes to an end, whatever is left there by then.
    assert starts(catch_up_all(pipeline)) in ([10], [])


def test_a_node_that_is_down_ends_it_at_once(pipeline: Pipeline) -> None:
    catch_up_all(pipeline, most_ranges=1)
    parts = parts_of(pipeline)
    pipeline.net.faults = Faults(rules=(Fault(kind="refuse"),))
    with pytest.raises(SourceUnavailable):
        catch_up_all(pipeline, parts)


def test_a_node_that_gives_heads_but_no_block_ends_it_after_some_ranges(
    pipeline: Pipeline,
) -> None:
    parts = parts_of(pipeline)
    # But for the final one and the newest of each range.
    pipeline.net.faults = faulty("time_out", *({*range(44)} - {34, 39}))
    taken = catch_up(pipeline.chain, parts, Pace(Chunks(500), Budget()))
    assert [next(taken).block_range.start for _ in range(3)] == [40, 30, 0]
    with pytest.raises(SourceUnavailable):
        next(taken)
    assert not pipeline.ops.holds.find(), "it is the node"


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damaged_blobs_are_fetched_anew(pipeline: Pipeline, tmp_path: Path, damage: str) -> None:
    parts = parts_of(pipeline)
    catch_up_all(pipeline, parts, most_ranges=2)
    _store_raw_of(pipeline, parts, start=0)
    for number in (3, 7):
        (blob,) = (tmp_path / "lake" / "raw").rglob(f"{number:012d}-*.zst")
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        if damage == "gone":
            blob.unlink()
        else:
            blob.write_bytes(data[:-5] if damage == "cut" else data)
    assert {one.error for one in catch_up_all(pipeline, parts)} == {None}
    assert_complete(pipeline, tmp_path)


def _store_raw_of(pipeline: Pipeline, parts: Parts, *, start: int) -> None:
    """As where it was killed before it decoded."""
    write_raw(pipeline.chain, BlockRange(start, start + 10), parts.source, parts.writer)


def test_a_range_that_another_writer_is_at_work_on_is_left_to_it(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain_assets.layers.pipeline.WAIT_SECONDS", 0.0)
    key = LeaseKey("devnet", "000000000010-000000000019", "decoded")
    with pipeline.ops.held(key, owner="another"):
        caught = catch_up_all(pipeline)
        assert [one.block_range.start for one in caught if one.error] == [10]
        assert "another has the lease" in str(next(one.error for one in caught if one.error))
    assert starts(catch_up_all(pipeline)) == [10]
    assert_complete(pipeline, tmp_path)


def test_one_block_that_times_out_each_time_counts_its_tries(pipeline: Pipeline) -> None:
    pipeline.net.faults = faulty("time_out", 13)
    catch_up_all(pipeline)
    for attempts in (2, 3):
        pipeline.ops.holds.wake("devnet", numbers=[13])
        assert [one.error for one in catch_up_all(pipeline)] == [None]
        assert pipeline.ops.holds.find()[0].attempts == attempts


@dataclass
class Swaying:
    """Two nodes behind one URL, of which one is two blocks behind the other."""

    source: DevnetSource
    asked: int = 0

    def head(self) -> Header:
        self.asked += 1
        head = self.source.head()
        return head if self.asked % 2 else self.source.header(head.number - 2)

    def finalized(self) -> Header | None:
        return self.source.finalized()

    def header(self, number: int) -> Header:
        return self.source.header(number)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        return self.source.blocks(numbers)


@pytest.mark.parametrize("asked", [0, 1])
def test_a_head_that_goes_back_ends_nothing(pipeline: Pipeline, tmp_path: Path, asked: int) -> None:
    for _ in range(3):
        source = Swaying(DevnetSource(pipeline.net), asked)
        caught = catch_up_all(pipeline, parts_of(pipeline, source=source))
        assert {one.error for one in caught} <= {None}
        assert not pipeline.ops.holds.find()
    catch_up_all(pipeline)
    assert_complete(pipeline, tmp_path)


@pytest.mark.parametrize("stage", ["fetch", "prove", "enrich"])
def test_a_hold_that_is_due_is_tried_though_its_block_is_there(
    pipeline: Pipeline, tmp_path: Path, stage: Stage
) -> None:
    catch_up_all(pipeline)
    # As in an ops store that was brought back from the day before.
    failure = Failure(3, stage, "000000000000-000000000009", "it was so yesterday")
    pipeline.ops.holds.put("devnet", [failure])
    assert catch_up_all(pipeline) == [], "it rests"
    pipeline.ops.holds.wake("devnet", numbers=[3])
    assert starts(catch_up_all(pipeline)) == [0]
    assert_complete(pipeline, tmp_path)
