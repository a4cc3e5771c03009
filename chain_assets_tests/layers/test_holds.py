"""A block that fails at any stage is held; its range goes on, and it is tried again when due."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from chain_assets.assembly import devnet_spec
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import SourceUnavailable
from chain_assets.layers.pipeline import (
    write_decoded,
    write_enriched,
    write_raw,
    write_reference,
)
from chain_assets.ops.hold_rules import Hold
from chain_assets.sources.devnet import DevnetSource, Fault, FaultKind, Faults
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_same,
    contents,
    live_files,
    read_all,
    registry,
    small_chain,
)

RANGE = BlockRange(0, 10)
STRICT = replace(small_chain(), requires=("native_price", "token_metadata"))


def _faulty(kind: FaultKind, *blocks: int) -> Faults:
    return Faults(rules=(Fault(kind=kind, blocks=frozenset(blocks)),))


def _holds(pipeline: Pipeline) -> dict[int, Hold]:
    return {hold.number: hold for hold in pipeline.ops.holds.find(pipeline.chain.name)}


def _patiently(pipeline: Pipeline) -> None:
    """All layers of the first range, as a run does that nobody has asked for."""
    writer = pipeline.writer(patient=True)
    source = DevnetSource(pipeline.net)
    write_raw(pipeline.chain, RANGE, source, writer, numbers=RANGE.numbers())
    write_decoded(pipeline.chain, RANGE, pipeline.engine, registry(), writer)
    write_enriched(pipeline.chain, RANGE, pipeline.engine, writer)


def _numbers(pipeline: Pipeline, table: str) -> list[int]:
    return sorted(read_all(pipeline.tables, table)["number"].to_pylist())


def _assert_as_clean(pipeline: Pipeline, clean_lake: Path) -> None:
    clean = pipeline.into(clean_lake)
    clean.run(0, 9)
    assert_same(contents(pipeline.tables), contents(clean.tables))
    assert not _holds(pipeline)


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        pytest.param("null_block", "fetch", id="not-there"),
        pytest.param("time_out", "fetch", id="too-late"),
        pytest.param("missing_log", "prove", id="a-log-left-out"),
    ],
)
def test_a_block_that_fails_is_held_alone_and_heals_when_it_is_due(
    tmp_path: Path, kind: FaultKind, stage: str
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.net.faults = _faulty(kind, 6)
    pipeline.run(0, 9)
    (hold,) = _holds(pipeline).values()
    assert (hold.number, hold.stage, hold.state, hold.attempts) == (6, stage, "waiting", 1)
    assert hold.next_try_at > hold.last_at
    for table in ("decoded_blocks", "enriched_blocks"):
        assert _numbers(pipeline, table) == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    pipeline.net.faults = Faults()
    files = live_files(pipeline.tables)
    _patiently(pipeline)
    assert live_files(pipeline.tables) == files, "it is not due yet"
    assert _holds(pipeline)[6].attempts == 1
    pipeline.ops.holds.wake(pipeline.chain.name, numbers=[6])
    _patiently(pipeline)
    _assert_as_clean(pipeline, tmp_path / "clean")


@pytest.mark.parametrize("kind", ["null_block", "missing_log"])
def test_each_try_that_fails_counts_until_the_hold_is_a_dead_letter(
    tmp_path: Path, kind: FaultKind
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.net.faults = _faulty(kind, 6)
    for attempt in range(1, 13):
        pipeline.run(6, 6)
        assert _holds(pipeline)[6].attempts == attempt
    assert _holds(pipeline)[6].state == "dead"
    pipeline.net.faults = Faults()
    _patiently(pipeline)
    assert _holds(pipeline)[6].state == "dead", "only a person, or what it misses, wakes it"
    pipeline.ops.holds.retry(pipeline.chain.name, [6], who="ada")
    _patiently(pipeline)
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_a_node_that_is_down_is_no_property_of_its_blocks(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 3)
    pipeline.net.faults = _faulty("refuse", *range(4, 10))
    with pytest.raises(SourceUnavailable):
        pipeline.run(0, 9)
    assert not _holds(pipeline)
    assert _numbers(pipeline, "raw_blocks") == [0, 1, 2, 3]


def test_a_block_of_another_fork_is_held_where_the_header_tells(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.net.faults = Faults(
        rules=(Fault(kind="foreign_block", blocks=frozenset({5}), times=1),)
    )
    writer = pipeline.writer()
    write_raw(pipeline.chain, RANGE, DevnetSource(pipeline.net), writer, numbers=range(10))
    assert _holds(pipeline)[5].stage == "fetch"
    assert _numbers(pipeline, "raw_blocks") == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    pipeline.run(0, 9)
    _assert_as_clean(pipeline, tmp_path / "clean")


def _without_tokens(pipeline: Pipeline, gone: Collection[bytes]) -> ReferenceTables:
    whole = pipeline.reference()
    known = [address not in gone for address in whole.tokens["address"].to_pylist()]
    return replace(whole, tokens=whole.tokens.filter(known))


def test_a_block_whose_token_is_unknown_waits_for_it_alone(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=STRICT)
    clean = pipeline.into(tmp_path / "clean")
    clean.run(0, 9)
    moved = read_all(clean.tables, "decoded_token_transfers")
    counted = moved.group_by("token_address").aggregate([("block_number", "count_distinct")])
    rarest = counted.sort_by("block_number_count_distinct")["token_address"][0].as_py()
    mine = moved.filter(pc.equal(moved["token_address"], rarest))
    waiting = set(mine["block_number"].to_pylist())
    assert 0 < len(waiting) < 10
    write_reference(pipeline.chain, _without_tokens(pipeline, {rarest}), pipeline.writer())
    pipeline.run(0, 9, reference=False)
    holds = _holds(pipeline)
    assert holds.keys() == waiting
    assert {hold.stage for hold in holds.values()} == {"enrich"}
    assert {hold.missing for hold in holds.values()} == {(f"token:0x{rarest.hex()}",)}
    assert set(_numbers(pipeline, "enriched_blocks")) == set(range(10)) - waiting
    assert not pipeline.ops.holds.due(pipeline.chain.name)
    write_reference(pipeline.chain, pipeline.reference(), pipeline.writer())
    due = pipeline.ops.holds.due(pipeline.chain.name)
    assert {hold.number for hold in due} == waiting, "it wakes at once when it arrives"
    _patiently(pipeline)
    assert not _holds(pipeline)
    assert _numbers(pipeline, "enriched_blocks") == list(range(10))
    # The others were enriched beside fewer tokens than there are now.
    pipeline.run(0, 9, refreshes=True)
    assert_same(contents(pipeline.tables), contents(clean.tables))


def _priced_at(pipeline: Pipeline, *numbers: int) -> ReferenceTables:
    """References whose native token has a price from each of these blocks on, and no other."""
    whole, spec = pipeline.reference(), devnet_spec(pipeline.chain)
    native = whole.prices.filter(pc.is_null(whole.prices["token_address"])).slice(0, 1)
    times = [datetime.fromtimestamp(spec.timestamp(number), UTC) for number in numbers]
    rows = [{**native.to_pylist()[0], "price_at": time} for time in times]
    return replace(whole, prices=pa.Table.from_pylist(rows, schema=whole.prices.schema))


def test_a_price_feed_that_is_behind_holds_the_blocks_after_it(tmp_path: Path) -> None:
    spec = devnet_spec(STRICT)
    age = 3 * spec.block_time_seconds
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=replace(STRICT, max_price_age=age))
    write_reference(pipeline.chain, _priced_at(pipeline), pipeline.writer())
    pipeline.run(0, 1, reference=False)
    assert not _holds(pipeline), "a chain that nobody has prices for waits for none"
    write_reference(pipeline.chain, _priced_at(pipeline, 3), pipeline.writer())
    pipeline.run(0, 9, reference=False)
    # 0 to 2 are from before the first price.
    assert sorted(_holds(pipeline)) == [7, 8, 9]
    assert {hold.missing for hold in _holds(pipeline).values()} == {("price:native",)}
    write_reference(pipeline.chain, _priced_at(pipeline, 3, 7), pipeline.writer())
    _patiently(pipeline)
    assert not _holds(pipeline)
    assert _numbers(pipeline, "enriched_blocks") == list(range(10))


def test_blocks_that_a_person_drops_are_enriched_without_what_they_lack(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=STRICT)
    tokens = set(pipeline.reference().tokens["address"].to_pylist())
    write_reference(pipeline.chain, _without_tokens(pipeline, tokens), pipeline.writer())
    pipeline.run(0, 9, reference=False)
    held = sorted(_holds(pipeline))
    assert held
    pipeline.ops.holds.drop(pipeline.chain.name, held, who="ada", why="nobody knows them")
    pipeline.run(0, 9, reference=False)
    assert _numbers(pipeline, "enriched_blocks") == list(range(10))
    symbols = read_all(pipeline.tables, "enriched_token_transfers")["token_symbol"]
    assert symbols.null_count == len(symbols) > 0
    assert {hold.state for hold in _holds(pipeline).values()} == {"dropped"}
    write_reference(pipeline.chain, pipeline.reference(), pipeline.writer())
    pipeline.ops.holds.retry(pipeline.chain.name, held, who="ada")
    pipeline.run(0, 9, reference=False, refreshes=True)
    _assert_as_clean(pipeline, tmp_path / "clean")


def test_an_ops_store_that_is_lost_costs_no_hold(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.net.faults = _faulty("missing_log", 6)
    pipeline.run(0, 9)
    pipeline.ops.holds.settle(pipeline.chain.name, "prove", [6])
    pipeline.run(0, 5)
    assert _holds(pipeline)[6].stage == "prove"


def test_a_hold_of_a_block_that_was_replaced_is_of_the_new_block(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=10, finality=9))
    pipeline.net.faults = _faulty("missing_log", 8)
    for _ in range(3):
        pipeline.run(0, 9)
    first = _holds(pipeline)[8]
    assert first.attempts == 3
    pipeline.net.reorg(3, 3)
    pipeline.run(0, 9)
    second = _holds(pipeline).get(8)
    assert second is None or (second.hash != first.hash and second.attempts == 1)
    pipeline.net.faults = Faults()
    pipeline.run(0, 9)
    assert not _holds(pipeline)
