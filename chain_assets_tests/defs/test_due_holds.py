"""Every held block that is due gets its turn: whatever fails, and however fast the head moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG

from chain_assets.assembly import open_ops
from chain_assets.core.attempts import MOST_FAILURES, REMEMBERED_SECONDS
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.names import layers_job_name, partitions_name
from chain_assets.defs.partitions import range_tags
from chain_assets.defs.writing import BLOCKS_TAG
from chain_assets.engine.local import LocalEngine
from chain_assets.layers.pipeline import Parts, Writer, run_blocks
from chain_assets.layers.report import no_progress
from chain_assets.ops.store import OpsStore
from chain_assets.sources.devnet import DevnetSource, Fault, Faults
from chain_assets_tests.defs.lab import Lab, failure_of
from chain_assets_tests.lake_fixtures import registry

RANGES = [f"{first:012d}-{first + 9:012d}" for first in range(0, 30, 10)]
NEXT_DAY = REMEMBERED_SECONDS + 3_600


@pytest.fixture
def ops(lab: Lab) -> Iterator[OpsStore]:
    with open_ops(lab.settings, lab.tables) as store:
        yield store


@contextmanager
def _without(lab: Lab, ops: OpsStore, *blocks: int) -> Iterator[None]:
    """What is written in the block lacks these; afterwards they are due, and the node has them."""
    lab.devnet.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset(blocks)),))
    yield
    lab.devnet.faults = Faults()
    ops.holds.wake(lab.chain.name, numbers=blocks)


def _hold(lab: Lab, ops: OpsStore, *blocks: int) -> None:
    with _without(lab, ops, *blocks):
        lab.run(*lab.open_ranges())


def _asked(lab: Lab, *, later: float = 0.0) -> dg.RunRequest | None:
    requests = lab.sensor_tick(later=later).run_requests or ()
    assert len(requests) <= 1
    return next((r for r in requests if isinstance(r, dg.RunRequest)), None)


def _begun(lab: Lab, request: dg.RunRequest | None) -> dg.DagsterRun:
    """The run that Dagster makes of the request; it runs a key only once."""
    assert request is not None
    assert request.run_key
    key = {RUN_KEY_TAG: request.run_key}
    assert not lab.instance.get_runs(dg.RunsFilter(tags=key)), "Dagster skips it"
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    partition = {PARTITION_NAME_TAG: request.partition_key or ""}
    return lab.instance.create_run_for_job(job, tags={**request.tags, **partition, **key})


def _run(lab: Lab, request: dg.RunRequest | None) -> None:
    assert request is not None
    result = lab.run_request(request)
    assert result.success, failure_of(result)


def test_a_range_whose_run_fails_before_it_tries_its_blocks_rests_and_is_asked_for_again(
    lab: Lab, ops: OpsStore
) -> None:
    _hold(lab, ops, 4, 13)
    first = _asked(lab)
    assert first is not None
    assert first.partition_key == RANGES[0]
    lab.instance.report_run_failed(_begun(lab, first))

    for later in (0.0, 40.0):
        second = _asked(lab, later=later)
        assert second is not None
        assert second.partition_key == RANGES[1], "it keeps no other waiting"
    _run(lab, second)
    assert "held blocks of 1 ranges rest, as runs over them failed" in str(
        lab.sensor_tick().skip_reason
    )

    for rest in (30, 60, 120):
        assert _asked(lab, later=rest - 5) is None
        lab.instance.report_run_failed(_begun(lab, _asked(lab, later=rest + 5)))
    _run(lab, _asked(lab, later=245))
    assert not ops.holds.find(lab.chain.name)


def test_after_many_failures_it_is_asked_for_again_the_next_day(lab: Lab, ops: OpsStore) -> None:
    _hold(lab, ops, 4)
    for _ in range(MOST_FAILURES):
        lab.instance.report_run_failed(_begun(lab, _asked(lab, later=2_000)))
    assert _asked(lab, later=2_000) is None
    _begun(lab, _asked(lab, later=NEXT_DAY))


def test_a_run_that_was_canceled_keeps_no_other_waiting_and_is_asked_for_the_next_day(
    lab: Lab, ops: OpsStore
) -> None:
    _hold(lab, ops, 4, 13)
    lab.instance.report_run_canceled(_begun(lab, _asked(lab)))
    other = _asked(lab)
    assert other is not None
    assert other.partition_key == RANGES[1]
    _run(lab, other)
    assert _asked(lab) is None
    again = _asked(lab, later=NEXT_DAY)
    assert again is not None
    assert again.partition_key == RANGES[0]
    _begun(lab, again)


def test_held_blocks_and_a_head_that_moves_with_every_tick_take_turns(
    lab: Lab, ops: OpsStore
) -> None:
    _hold(lab, ops, 4, 13)
    asked = []
    for _ in range(5):
        lab.devnet.advance(1)
        request = _asked(lab)
        _run(lab, request)
        asked.append(request.tags.get(BLOCKS_TAG, "the head") if request else None)
    assert asked == ["4", "the head", "13", "the head", "the head"]
    assert lab.numbers(BLOCKS) == list(range(30))


def test_the_run_on_the_head_takes_what_is_due_in_its_own_range(lab: Lab, ops: OpsStore) -> None:
    _hold(lab, ops, 22)
    lab.devnet.advance(1)
    request = _asked(lab)
    assert request is not None
    assert BLOCKS_TAG not in request.tags
    _run(lab, request)
    assert not ops.holds.find(lab.chain.name)


def test_a_canceled_run_on_the_head_keeps_no_held_block_waiting(lab: Lab, ops: OpsStore) -> None:
    _hold(lab, ops, 4, 13)
    lab.devnet.advance(1)
    for expected in ("4", None, "13"):
        request = _asked(lab)
        assert request is not None
        assert request.tags.get(BLOCKS_TAG) == expected
        if expected is None:
            lab.instance.report_run_canceled(_begun(lab, request))
        else:
            _run(lab, request)


def test_a_held_block_of_no_partition_is_told_and_the_others_go_on(lab: Lab, ops: OpsStore) -> None:
    lab.instance.add_dynamic_partitions(partitions_name(lab.chain), RANGES[1:])
    writer = Writer(lab.tables, ops, "a command")
    parts = Parts(DevnetSource(lab.devnet), writer, LocalEngine(1), registry())
    with _without(lab, ops, 4, 13):
        run_blocks(lab.chain, [BlockRange(0, 25)], parts, progress=lambda layer: no_progress)
    request = _asked(lab)
    assert request is not None
    assert request.partition_key == RANGES[1]
    _run(lab, request)
    reason = str(lab.sensor_tick().skip_reason)
    assert "held blocks of 1 ranges are due that are no partitions" in reason
    assert "chain-assets catch-up tries them" in reason


def test_held_blocks_of_a_range_that_is_being_written_wait_and_the_others_go_on(
    lab: Lab, ops: OpsStore
) -> None:
    _hold(lab, ops, 4, 13)
    lab.instance.event_log_storage.set_concurrency_slots("lab_net", 2)
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    lab.instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.STARTED,
        tags=range_tags([BlockRange(0, 10)]),
    )
    request = _asked(lab)
    assert request is not None
    assert request.partition_key == RANGES[1]
    _run(lab, request)
    assert "wait for a run over them that is under way" in str(lab.sensor_tick().skip_reason)


def test_blocks_above_the_head_of_a_node_that_lags_are_not_asked_for(
    lab: Lab, ops: OpsStore
) -> None:
    _hold(lab, ops, 23)
    lab.devnet.reorg(3, 1)
    assert lab.devnet.head == 22
    request = _asked(lab)
    assert request is not None
    assert BLOCKS_TAG not in request.tags
    _run(lab, request)
    assert [hold.number for hold in ops.holds.due(lab.chain.name)] == [23]
    assert _asked(lab) is None
