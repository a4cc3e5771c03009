"""The daily safety net: bounded runs over the last days' ranges that were begun, due or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.chains import DevnetShape
from chain_assets.core.block_range import Delimiter
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.partitions import RANGE_END, RANGE_START
from chain_assets.defs.resources import SourcesResource, build_resources
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.lab import CHAIN, URL_VARIABLE, Lab, open_lab

MORNING = datetime(2026, 1, 2, 3, 17, tzinfo=UTC)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Schedules open Dagster's history by its place on disk."""
    with open_lab(tmp_path, monkeypatch, on_disk=True) as opened:
        yield opened


def daily(lab: Lab) -> list[dg.RunRequest] | dg.SkipReason:
    schedule = lab.definitions.resolve_schedule_def("lab_net_daily")
    resources = build_resources(lab.settings)
    with dg.build_schedule_context(
        instance=lab.instance,
        resources={name: resources[name] for name in ("lake", "ops", "sources")},
        scheduled_execution_time=MORNING,
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, list | dg.SkipReason)
    return answer


def test_it_asks_for_recent_ranges_that_hold_something_and_the_run_makes_them_good(
    lab: Lab,
) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[1], keys[2]).success
    lab.tables.replace_blocks(
        BLOCKS, [], partition={"chain": lab.chain.name, "block_range": keys[1]}, numbers=[14]
    )

    answer = daily(lab)

    assert isinstance(answer, list)
    (request,) = answer
    # The first range is recent, too, but nobody ever asked for it: that would be a backfill.
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (keys[1], keys[2])
    assert "2026-01-02" in (request.run_key or "")
    assert lab.run_request(request).success
    assert lab.numbers(BLOCKS) == list(range(10, 25))


def test_it_asks_for_several_runs_where_one_would_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A made-up chain: all that is recent is due, also where nothing is held yet.
    shape = DevnetShape(blocks=25)
    small = replace(CHAIN, source="devnet", devnet=shape, ranges=(Delimiter(0, 1),))
    with open_lab(tmp_path, monkeypatch, chain=small, on_disk=True) as lab:
        keys = lab.open_ranges()
        answer = daily(lab)
    assert isinstance(answer, list)
    spans = [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in answer]
    assert spans == [(keys[20], keys[24]), (keys[0], keys[19])], "the newest first"


def test_it_says_why_it_asks_for_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no recent range is open" in str(daily(lab))
    monkeypatch.delenv(URL_VARIABLE)
    assert URL_VARIABLE in str(daily(lab))


def test_a_node_that_hangs_is_named_before_dagster_ends_the_tick(lab: Lab) -> None:
    late = Fault(kind="time_out")
    lab.devnet.faults = Faults(rules=(late,), delay_seconds=20)
    hurried = {"sources": SourcesResource(tick_seconds=2.0)}
    began = time.monotonic()
    assert "did not answer in time" in str(lab.sensor_tick(resources=hurried).skip_reason)
    assert time.monotonic() - began < 10


def test_a_tick_says_that_a_run_which_was_canceled_is_not_asked_for_again(lab: Lab) -> None:
    lab.open_ranges()
    (request,) = lab.sensor_tick().run_requests or ()
    job = lab.definitions.resolve_job_def("lab_net_layers")
    tags = {**request.tags, "dagster/run_key": request.run_key or ""}
    run = lab.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    lab.instance.report_run_canceled(run)
    told = str(lab.sensor_tick().skip_reason)
    assert f"whose run at this head is canceled ({run.run_id[:8]})" in told
    lab.devnet.advance()
    assert lab.sensor_tick().run_requests


def test_a_run_that_never_got_into_the_queue_keeps_nobody_waiting(lab: Lab) -> None:
    lab.open_ranges()
    (request,) = lab.sensor_tick().run_requests or ()
    job = lab.definitions.resolve_job_def("lab_net_layers")
    tags = {**request.tags, "dagster/run_key": request.run_key or ""}
    lab.instance.create_run_for_job(job, tags=tags)
    assert "under way" in str(lab.sensor_tick().skip_reason), "it may be put there any moment"
    (again,) = lab.sensor_tick(later=600).run_requests or ()
    assert again.run_key == request.run_key, "Dagster then takes the run that there is"


def test_sensor_and_schedule_wait_for_a_run_of_the_chain_that_is_under_way(lab: Lab) -> None:
    lab.open_ranges()
    job = lab.definitions.resolve_job_def("lab_net_layers")
    run = lab.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "under way" in str(daily(lab))
    assert "under way" in str(lab.sensor_tick().skip_reason)
    lab.instance.report_run_canceled(run)
    assert isinstance(daily(lab), list)
    assert lab.sensor_tick().run_requests
