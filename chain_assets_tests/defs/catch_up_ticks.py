"""What tests of the schedule that loads history share: its ticks, and the runs that it asks for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from chain_assets.core.block_range import BlockRange
from chain_assets.defs import catch_up
from chain_assets.defs.jobs import layers_job
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.partitions import RANGE_END, RANGE_START
from chain_assets.defs.resources import build_resources
from chain_assets_tests.defs.lab import Lab, failure_of

MINUTE = datetime(2026, 1, 2, 3, 17, tzinfo=UTC)


def tick(lab: Lab, *, later: float = 0.0) -> list[dg.RunRequest] | dg.SkipReason:
    schedule = catch_up.catch_up_schedule(
        lab.chain, layers_job(lab.chain), clock=lambda: time.time() + later
    )
    resources = build_resources(lab.settings)
    with dg.build_schedule_context(
        instance=lab.instance,
        resources={name: resources[name] for name in ("lake", "ops", "sources")},
        scheduled_execution_time=MINUTE,
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, list | dg.SkipReason)
    return answer


def skipped(lab: Lab, *, later: float = 0.0) -> str:
    answer = tick(lab, later=later)
    assert isinstance(answer, dg.SkipReason), answer
    return str(answer.skip_message)


def asked(lab: Lab, *, later: float = 0.0) -> dg.RunRequest:
    answer = tick(lab, later=later)
    assert isinstance(answer, list), answer
    (request,) = answer
    return request


def span(request: dg.RunRequest) -> tuple[int, int]:
    """First and last block of a run."""
    first = request.partition_key or request.tags[RANGE_START]
    last = request.partition_key or request.tags[RANGE_END]
    return BlockRange.from_key(first).start, BlockRange.from_key(last).stop - 1


def run(lab: Lab, request: dg.RunRequest) -> None:
    result = lab.run_request(request)
    assert result.success, failure_of(result)


def under_way(lab: Lab, tags: Mapping[str, str]) -> dg.DagsterRun:
    """Another run of the chain that has begun, and does not end."""
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    own = {name: value for name, value in tags.items() if name != PARTITION_NAME_TAG}
    return lab.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=own)
