"""The daily safety net asks for the ranges of the last days, whether something is due or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.partitions import RANGE_END, RANGE_START
from chain_assets.defs.resources import build_resources
from chain_assets_tests.defs.lab import URL_VARIABLE, Lab, open_lab

MORNING = datetime(2026, 1, 2, 3, 17, tzinfo=UTC)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Schedules open Dagster's history by its place on disk."""
    with open_lab(tmp_path, monkeypatch, on_disk=True) as opened:
        yield opened


def daily(lab: Lab) -> dg.RunRequest | dg.SkipReason:
    schedule = lab.definitions.resolve_schedule_def("lab_net_daily")
    with dg.build_schedule_context(
        instance=lab.instance,
        resources={"sources": build_resources(lab.settings)["sources"]},
        scheduled_execution_time=MORNING,
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_it_asks_for_all_recent_ranges_and_the_run_makes_them_good(lab: Lab) -> None:
    keys = lab.open_ranges()
    request = daily(lab)
    assert isinstance(request, dg.RunRequest)
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (keys[0], keys[-1])
    assert "2026-01-02" in (request.run_key or "")
    assert lab.run_tagged(request.tags).success
    assert lab.numbers(BLOCKS) == list(range(25))


def test_it_says_why_it_asks_for_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no recent range is open" in str(daily(lab))
    monkeypatch.delenv(URL_VARIABLE)
    assert URL_VARIABLE in str(daily(lab))


def test_sensor_and_schedule_wait_for_a_run_of_the_chain_that_is_under_way(lab: Lab) -> None:
    lab.open_ranges()
    job = lab.definitions.resolve_job_def("lab_net_layers")
    run = lab.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "under way" in str(daily(lab))
    assert "under way" in str(lab.sensor_tick().skip_reason)
    lab.instance.report_run_canceled(run)
    assert isinstance(daily(lab), dg.RunRequest)
    assert lab.sensor_tick().run_requests
