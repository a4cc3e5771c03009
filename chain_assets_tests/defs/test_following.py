"""The sensor follows a node: it opens ranges, asks for the runs that are due, and takes reorgs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.partitions import RANGE_END, RANGE_START, registered_keys
from chain_assets_tests.defs.lab import CHAIN, URL_VARIABLE, Lab, open_lab

RANGES = [
    "000000000000-000000000009",
    "000000000010-000000000019",
    "000000000020-000000000029",
    "000000000030-000000000039",
]


def test_all_ranges_are_opened_ascending_before_the_newest_are_run(lab: Lab) -> None:
    result = lab.sensor_tick()

    # The head is 24 and 16 is final: what may still change begins in the second range.
    assert registered_keys(lab.chain, lab.instance) == RANGES[:3]
    (request,) = result.run_requests or ()
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (RANGES[1], RANGES[2])
    head = lab.devnet.canonical_block(24)
    assert head is not None
    assert head.hash.hex() in (request.run_key or "")


def test_the_head_is_followed_to_enriched_blocks(lab: Lab) -> None:
    lab.follow()
    assert lab.numbers(BLOCKS) == list(range(10, 25))

    lab.devnet.advance(7)
    requests = lab.follow()

    assert lab.numbers(BLOCKS) == list(range(10, 32))
    assert [r.tags[RANGE_END] for r in requests] == [RANGES[3]]
    assert lab.sensor_tick().skip_reason is not None


def test_a_chain_that_gained_one_block_is_a_run_over_one_range(lab: Lab) -> None:
    lab.follow()
    lab.devnet.advance(1)
    assert [r.partition_key for r in lab.follow()] == [RANGES[2]]


def test_a_reorg_across_two_ranges_is_taken_into_all_layers(lab: Lab) -> None:
    lab.follow()
    before = lab.numbers(BLOCKS)
    lab.devnet.reorg(6)

    (request, *_) = lab.follow()

    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (RANGES[1], RANGES[2])
    assert lab.numbers(BLOCKS) == [*before, 25]
    stored = lab.tables.read(BLOCKS, columns=["number", "hash"], chain=lab.chain.name)
    for row in stored.to_pylist():
        block = lab.devnet.canonical_block(row["number"])
        assert block is not None
        assert row["hash"] == block.hash
    # Both sides of the fork stay on record, one of them canonical.
    raw = lab.tables.read(RAW_BLOCKS, columns=["number", "canonical"], chain=lab.chain.name)
    assert sorted(r["number"] for r in raw.to_pylist() if not r["canonical"]) == [*range(19, 25)]
    for table in ("raw_blocks", "decoded_blocks"):
        assert all(lab.verdicts(table, "parent_links").values())


def test_the_same_reorg_is_asked_for_under_another_key(lab: Lab) -> None:
    first = lab.follow()
    lab.devnet.reorg(3, 3)
    second = lab.follow()
    assert {r.run_key for r in first} & {r.run_key for r in second} == set()


def test_a_reorg_deeper_than_the_chain_allows_is_left_to_a_person(lab: Lab) -> None:
    lab.follow()
    held = lab.versions()
    lab.devnet.reorg(12)

    result = lab.sensor_tick()

    assert not result.run_requests
    assert "chain-assets approvals show" in str(result.skip_reason)
    assert lab.versions() == held


def test_a_decoded_layer_that_was_left_behind_is_made_good(lab: Lab) -> None:
    lab.follow()
    layer = lab.tables
    layer.replace_blocks(
        BLOCKS,
        [],
        partition={"chain": lab.chain.name, "block_range": RANGES[2]},
        numbers=[23],
    )
    assert [r.partition_key for r in lab.follow()] == [RANGES[2]]
    assert lab.numbers(BLOCKS) == list(range(10, 25))


def test_a_node_that_does_not_answer_is_a_skipped_tick_that_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:9/key-0123456789")
    result = lab.sensor_tick()
    assert not result.run_requests
    assert "SourceUnavailable" in str(result.skip_reason)
    assert "0123456789" not in str(result.skip_reason)


def test_a_chain_without_its_variable_is_a_skipped_tick_that_names_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL_VARIABLE)
    assert URL_VARIABLE in str(lab.sensor_tick().skip_reason)


def test_a_made_up_chain_is_filled_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = replace(CHAIN, source="devnet", devnet=None)
    with open_lab(tmp_path, monkeypatch, chain=recorded) as opened:
        result = opened.sensor_tick()
    (request,) = result.run_requests or ()
    assert request.tags[RANGE_START] == RANGES[0]


def test_a_run_that_has_not_begun_is_not_asked_for_again(lab: Lab) -> None:
    lab.open_ranges()
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    lab.instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    assert "under way" in str(lab.sensor_tick().skip_reason)
