"""A run that failed is asked for again: after a rest, its ranges one by one, and not for ever."""

from __future__ import annotations

import re
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG

from chain_assets.core.attempts import FIRST_REST_SECONDS, MOST_FAILURES, REMEMBERED_SECONDS
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import Table
from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.names import DECODED, layers_job_name
from chain_assets.defs.partitions import range_tags
from chain_assets.defs.writing import REFRESH_TAG
from chain_assets.lake.data_files import write_data_file
from chain_assets_tests.defs.lab import Lab

RANGES = ["000000000010-000000000019", "000000000020-000000000029"]


def fail(lab: Lab, *keys: str) -> None:
    """A run of the job over these ranges that fails, for whatever reason."""
    ranges = [BlockRange.from_key(key) for key in keys]
    tags = range_tags(ranges) if len(keys) > 1 else {PARTITION_NAME_TAG: keys[0]}
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    lab.instance.report_run_failed(lab.instance.create_run_for_job(job, tags=tags))


def asked(lab: Lab, *, later: float = 0.0) -> dg.RunRequest:
    """The one run that the sensor asks for."""
    (request,) = lab.sensor_tick(later=later).run_requests or ()
    assert isinstance(request, dg.RunRequest)
    return request


def test_a_failed_run_is_asked_for_again_at_the_same_head_and_a_succeeded_one_is_not(
    lab: Lab,
) -> None:
    first = asked(lab)
    fail(lab, *RANGES)

    resting = lab.sensor_tick()
    assert not resting.run_requests
    assert "tried again at" in str(resting.skip_reason)
    assert RANGES[0] in str(resting.skip_reason)

    keys = []
    for expected in RANGES:
        again = asked(lab, later=FIRST_REST_SECONDS + 1)
        assert again.partition_key == expected, "each of its ranges runs alone"
        assert lab.run_request(again).success
        keys.append(again.run_key)
    assert len({first.run_key, *keys}) == 3, "Dagster runs a key only once"
    assert lab.numbers(BLOCKS) == list(range(10, 25))
    assert "every range holds" in str(lab.sensor_tick(later=3_600).skip_reason)


def test_each_failure_of_a_range_has_a_key_of_its_own_and_a_longer_rest(lab: Lab) -> None:
    asked(lab)
    keys = set()
    for rest in (30, 60, 120):
        fail(lab, RANGES[1])
        assert not [
            r.partition_key
            for r in lab.sensor_tick(later=rest - 5).run_requests or ()
            if r.partition_key == RANGES[1]
        ]
        fail(lab, RANGES[0])
        assert lab.sensor_tick(later=rest - 5).run_requests == []
        keys.add(asked(lab, later=rest + 5).run_key)
    assert len(keys) == 3


def test_a_range_at_fault_keeps_the_others_from_going_on_no_longer_than_a_rest(lab: Lab) -> None:
    asked(lab)
    fail(lab, *RANGES)
    assert asked(lab, later=31).partition_key == RANGES[0]
    fail(lab, RANGES[0])
    other = asked(lab, later=31)
    assert other.partition_key == RANGES[1]
    assert lab.run_request(other).success
    assert lab.numbers(BLOCKS) == list(range(20, 25))


def test_a_failing_check_keeps_the_other_ranges_from_the_next_layer_no_longer_than_a_rest(
    lab: Lab,
) -> None:
    lab.follow()
    copy_a_transaction(lab, RANGES[0])
    lab.devnet.reorg(6)
    assert not lab.run_request(asked(lab)).success
    assert lab.verdicts(DECODED, "duplicates")[RANGES[1]] is True
    assert forked(lab, BLOCKS), "the check of the other range stops the run before enriching"

    for key, good in zip(RANGES, (False, True), strict=True):
        request = asked(lab, later=31)
        assert request.partition_key == key
        assert lab.run_request(request).success == good

    assert [number for number in forked(lab, BLOCKS) if number >= 20] == []


def copy_a_transaction(lab: Lab, key: str) -> None:
    """One row of the range twice in decoded_transactions, of a block that no reorg replaces."""
    partition = {"chain": lab.chain.name, "block_range": key}
    extra = lab.tables.read(TRANSACTIONS, **partition).slice(0, 1)
    file = write_data_file(lab.tables.store, TRANSACTIONS, extra, partition=partition)
    assert file is not None
    lab.tables.replace_blocks(TRANSACTIONS, [file], partition=partition, numbers=[10**9])


def forked(lab: Lab, table: Table) -> list[int]:
    """The blocks of the table that the node does not have any more."""
    rows = lab.tables.read(table, columns=["number", "hash"], chain=lab.chain.name).to_pylist()
    blocks = {row["number"]: lab.devnet.canonical_block(row["number"]) for row in rows}
    return [
        row["number"] for row in rows if getattr(blocks[row["number"]], "hash", None) != row["hash"]
    ]


def test_the_failures_of_a_range_that_was_made_good_by_hand_are_forgotten(lab: Lab) -> None:
    asked(lab)
    fail(lab, *RANGES)
    assert lab.run(*RANGES).success

    lab.devnet.advance(1)
    request = asked(lab)

    assert request.partition_key == RANGES[1]
    assert re.search(r"/\d{4}-\d\d-\d\d$", request.run_key or ""), "no failure on record"


@pytest.mark.parametrize(
    ("later", "again"),
    [
        pytest.param(2_000.0, False, id="the same day"),
        pytest.param(REMEMBERED_SECONDS + timedelta(hours=1).total_seconds(), True, id="the next"),
    ],
)
def test_after_many_failures_it_waits_for_a_person_or_the_next_day(
    lab: Lab, later: float, again: bool
) -> None:
    asked(lab)
    assert lab.run(RANGES[1]).success
    keys = set()
    for _ in range(MOST_FAILURES):
        keys.add(asked(lab, later=2_000.0).run_key)
        fail(lab, RANGES[0])

    result = lab.sensor_tick(later=later)

    requests = [r for r in result.run_requests or () if isinstance(r, dg.RunRequest)]
    assert bool(requests) == again
    assert again or "correct the cause" in str(result.skip_reason)
    assert not keys & {request.run_key for request in requests}, "Dagster runs a key only once"


def test_a_canceled_run_is_no_failure(lab: Lab) -> None:
    request = asked(lab)
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    run = lab.instance.create_run_for_job(job, tags=dict(request.tags))
    lab.instance.report_run_canceled(run)
    assert asked(lab).run_key == request.run_key, "Dagster runs a key once: it stands for the day"


def test_a_refresh_that_is_refused_or_fails_keeps_its_ranges_from_nothing(lab: Lab) -> None:
    request = asked(lab)
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    tags = {**request.tags, REFRESH_TAG: "true"}
    lab.instance.report_run_failed(lab.instance.create_run_for_job(job, tags=tags))
    assert asked(lab).run_key == request.run_key
