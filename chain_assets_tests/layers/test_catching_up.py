"""Catching up fills the lake as a run does, whatever stops it, and never stands still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.catch_up import Chunks
from chain_assets.core.errors import BudgetSpent, SourceUnavailable
from chain_assets.lake.tables import read_all
from chain_assets.layers.catching_up import Caught, Pace, catch_up
from chain_assets.layers.pipeline import Parts, heal_raw, write_raw, write_reference
from chain_assets.layers.standing import standing_of
from chain_assets.ops.leases import LeaseKey
from chain_assets.sources.budget import Budget, BudgetedSource
from chain_assets.sources.devnet import DevnetSource, Fault, FaultKind, Faults
from chain_assets.sources.protocol import BlockSource, Header, RawBlock
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    small_chain,
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 44; 0 to 34 are final."""
    return Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=45))


def _parts(pipeline: Pipeline, *, source: BlockSource | None = None) -> Parts:
    write_reference(pipeline.chain, pipeline.reference(), pipeline.writer())
    own = DevnetSource(pipeline.net)
    return replace(pipeline.parts(), writer=pipeline.writer(patient=True), source=source or own)


def _catch_up(
    pipeline: Pipeline, parts: Parts | None = None, *, most_ranges: int | None = None
) -> list[Caught]:
    pace = Pace(Chunks(500), Budget())
    taken = catch_up(pipeline.chain, parts or _parts(pipeline), pace, most_ranges=most_ranges)
    return list(taken)


def _starts(caught: Sequence[Caught]) -> list[int]:
    return [one.block_range.start for one in caught]


def _assert_complete(pipeline: Pipeline, tmp_path: Path) -> None:
    clean = pipeline.into(tmp_path / "clean")
    clean.run(0, clean.net.head)
    assert_same(
        contents(pipeline.tables, canonical_only=True), contents(clean.tables, canonical_only=True)
    )
    assert_no_duplicates(pipeline.tables)
    assert not pipeline.ops.holds.find()


def test_all_is_filled_the_head_first_and_a_second_time_nothing_is_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    caught = _catch_up(pipeline)
    assert _starts(caught) == [40, 30, 0, 10, 20]
    assert [one.written for one in caught] == [5, 10, 10, 10, 10]
    assert [one.blocks_left for one in caught] == [40, 30, 20, 10, 0]
    assert [one.seconds_left is None for one in caught] == [False] * 5
    _assert_complete(pipeline, tmp_path)
    assert not _catch_up(pipeline)


def test_the_start_block_is_where_it_begins(pipeline: Pipeline) -> None:
    later = replace(pipeline, chain=replace(pipeline.chain, start_block=27))
    assert _starts(_catch_up(later)) == [40, 30, 20]
    assert sorted(read_all(later.tables, "enriched_blocks")["number"].to_pylist()) == list(
        range(27, 45)
    )


def test_so_many_ranges_and_no_more(pipeline: Pipeline, tmp_path: Path) -> None:
    assert _starts(_catch_up(pipeline, most_ranges=2)) == [40, 30]
    assert _starts(_catch_up(pipeline, most_ranges=2)) == [0, 10]
    _catch_up(pipeline)
    _assert_complete(pipeline, tmp_path)


@dataclass
class TooMuch:
    """A source that takes more memory, or more time, than there is for more than `most` blocks."""

    source: DevnetSource
    most: int
    error: type[Exception]
    asked: list[int] = field(default_factory=list)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        self.asked.append(len(numbers))
        if len(numbers) > self.most:
            raise self.error("too much")
        return self.source.blocks(numbers)

    def head(self) -> Header:
        return self.source.head()

    def finalized(self) -> Header | None:
        return self.source.finalized()

    def header(self, number: int) -> Header:
        return self.source.header(number)


def test_what_memory_does_not_suffice_for_is_halved(pipeline: Pipeline, tmp_path: Path) -> None:
    source = TooMuch(DevnetSource(pipeline.net), 3, MemoryError)
    _catch_up(pipeline, _parts(pipeline, source=source))
    assert source.asked[:3] == [5, 2, 2]
    assert max(source.asked[1:]) == 2, "a size that was refused is not tried again"
    _assert_complete(pipeline, tmp_path)


def test_one_block_that_memory_does_not_suffice_for_is_an_error(pipeline: Pipeline) -> None:
    source = TooMuch(DevnetSource(pipeline.net), 0, MemoryError)
    with pytest.raises(MemoryError):
        _catch_up(pipeline, _parts(pipeline, source=source))


def _faulty(kind: FaultKind, *blocks: int, times: int | None = None) -> Faults:
    return Faults(rules=(Fault(kind=kind, blocks=frozenset(blocks), times=times),))


def test_a_node_that_has_a_bad_minute_is_asked_for_less_and_then_for_more_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.net.faults = _faulty("time_out", 0, 1, 2, times=1)
    source = TooMuch(DevnetSource(pipeline.net), 10, SourceUnavailable)
    caught = _catch_up(pipeline, _parts(pipeline, source=source))
    assert {one.error for one in caught} == {None}
    assert source.asked[2:] == [10, 9, 8, 5, 5, 10, 10]
    _assert_complete(pipeline, tmp_path)


def test_blocks_that_the_node_never_gives_keep_no_other_range_waiting(pipeline: Pipeline) -> None:
    pipeline.net.faults = _faulty("time_out", *range(12, 18))
    caught = {one.block_range.start: one for one in _catch_up(pipeline)}
    assert isinstance(caught[10].error, SourceUnavailable)
    assert caught[20].written == 10
    there = set(read_all(pipeline.tables, "enriched_blocks")["number"].to_pylist())
    assert there >= set(range(45)) - set(range(10, 20))
    # The next time too it comes to an end, whatever is left there by then.
    assert _starts(_catch_up(pipeline)) in ([10], [])


def test_a_node_that_is_down_ends_it_at_once(pipeline: Pipeline) -> None:
    _catch_up(pipeline, most_ranges=1)
    parts = _parts(pipeline)
    pipeline.net.faults = Faults(rules=(Fault(kind="refuse"),))
    with pytest.raises(SourceUnavailable):
        _catch_up(pipeline, parts)


def test_a_node_that_gives_heads_but_no_block_ends_it_after_some_ranges(
    pipeline: Pipeline,
) -> None:
    parts = _parts(pipeline)
    # But for the final one and the newest of each range.
    pipeline.net.faults = _faulty("time_out", *({*range(44)} - {34, 39}))
    taken = catch_up(pipeline.chain, parts, Pace(Chunks(500), Budget()))
    assert [next(taken).block_range.start for _ in range(3)] == [40, 30, 0]
    with pytest.raises(SourceUnavailable):
        next(taken)
    assert not pipeline.ops.holds.find(), "it is the node"


@pytest.mark.parametrize("total", [40, 60, 75])
def test_any_budget_comes_to_the_end_in_the_end(
    pipeline: Pipeline, tmp_path: Path, total: int
) -> None:
    for _ in range(20):
        budget = Budget(total=total)
        source = BudgetedSource(DevnetSource(pipeline.net), budget, "devnet")
        parts, before = _parts(pipeline, source=source), _count(pipeline)
        try:
            for _ in catch_up(pipeline.chain, parts, Pace(Chunks(500), budget)):
                pass
        except BudgetSpent:
            assert _count(pipeline) > before, "a budget is spent for nothing"
        else:
            break
        assert budget.spent <= total
    _assert_complete(pipeline, tmp_path)


def _count(pipeline: Pipeline) -> int:
    return int(read_all(pipeline.tables, "enriched_blocks").num_rows)


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damaged_blobs_are_fetched_anew(pipeline: Pipeline, tmp_path: Path, damage: str) -> None:
    parts = _parts(pipeline)
    _catch_up(pipeline, parts, most_ranges=2)
    _store_raw_of(pipeline, parts, start=0)
    for number in (3, 7):
        (blob,) = (tmp_path / "lake" / "raw").rglob(f"{number:012d}-*.zst")
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        if damage == "gone":
            blob.unlink()
        else:
            blob.write_bytes(data[:-5] if damage == "cut" else data)
    assert {one.error for one in _catch_up(pipeline, parts)} == {None}
    _assert_complete(pipeline, tmp_path)


def _store_raw_of(pipeline: Pipeline, parts: Parts, *, start: int) -> None:
    """As where it was killed before it decoded."""
    write_raw(pipeline.chain, BlockRange(start, start + 10), parts.source, parts.writer)


def test_a_range_that_another_writer_is_at_work_on_is_left_to_it(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain_assets.layers.pipeline.WAIT_SECONDS", 0.0)
    key = LeaseKey("devnet", "000000000010-000000000019", "decoded")
    with pipeline.ops.held(key, owner="another"):
        caught = _catch_up(pipeline)
        assert [one.block_range.start for one in caught if one.error] == [10]
        assert "another has the lease" in str(next(one.error for one in caught if one.error))
    assert _starts(_catch_up(pipeline)) == [10]
    _assert_complete(pipeline, tmp_path)


@pytest.mark.parametrize("kind", ["null_block", "missing_log"])
def test_held_blocks_are_tried_when_they_are_due_and_not_before(
    pipeline: Pipeline, tmp_path: Path, kind: FaultKind
) -> None:
    pipeline.net.faults = _faulty(kind, 6)
    caught = {one.block_range.start: one for one in _catch_up(pipeline)}
    assert (caught[0].written, caught[0].held) == (9, 1)
    assert not _catch_up(pipeline), "it rests"
    pipeline.ops.holds.wake("devnet", numbers=[6])
    assert _starts(_catch_up(pipeline)) == [0]
    (hold,) = pipeline.ops.holds.find()
    assert hold.attempts == 2
    pipeline.net.faults = Faults()
    assert not _catch_up(pipeline)
    pipeline.ops.holds.retry("devnet", [6], who="ada")
    assert _starts(_catch_up(pipeline)) == [0]
    _assert_complete(pipeline, tmp_path)


def test_one_block_that_times_out_each_time_counts_its_tries(pipeline: Pipeline) -> None:
    pipeline.net.faults = _faulty("time_out", 13)
    _catch_up(pipeline)
    for attempts in (2, 3):
        pipeline.ops.holds.wake("devnet", numbers=[13])
        assert [one.error for one in _catch_up(pipeline)] == [None]
        assert pipeline.ops.holds.find()[0].attempts == attempts


def test_a_dropped_block_that_was_enriched_without_its_token_hides_no_other(
    tmp_path: Path,
) -> None:
    strict = replace(small_chain(blocks=45), requires=("token_metadata",))
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=strict)
    reference = pipeline.reference()
    without = replace(reference, tokens=reference.tokens.slice(0, 0))
    write_reference(pipeline.chain, without, pipeline.writer())
    pipeline.run(0, 4, reference=False)
    held = [hold.number for hold in pipeline.ops.holds.find()]
    assert held
    pipeline.ops.holds.drop("devnet", held, who="ada", why="unknown tokens")
    pipeline.run(0, 4, reference=False)
    parts = pipeline.parts()
    behind = standing_of(pipeline.chain, parts.source, pipeline.tables, pipeline.ops)
    assert {s.block_range.start: s.missing for s in behind}[0] == 5


def test_a_reorg_meanwhile_is_followed_in_all_layers(pipeline: Pipeline, tmp_path: Path) -> None:
    taken = []
    for caught in catch_up(pipeline.chain, _parts(pipeline), Pace(Chunks(500), Budget())):
        taken.append(caught.block_range.start)
        if taken == [40, 30, 0]:
            pipeline.net.reorg(8, 9)
    assert taken[:3] == [40, 30, 0]
    assert {30, 40} <= set(taken[3:])
    _assert_complete(pipeline, tmp_path)


def test_rows_that_a_reorg_left_behind_before_a_kill_are_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    _catch_up(pipeline)
    pipeline.net.reorg(3, 3)
    parts = _parts(pipeline)
    heal_raw(pipeline.chain, parts.source, parts.writer)
    assert _starts(_catch_up(pipeline)) == [40]
    _assert_complete(pipeline, tmp_path)
