"""A run whose process was killed, with all of Dagster or alone, ends and is retried; one whose code
location was reloaded is alive, and goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.partitions import range_tags
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.deployment import Deployment, deployment
from chain_assets_tests.defs.server import Server, dagster_dev, wait_until

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "chain_assets") { __typename } }"""
_PID = """
query Log($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } }
} } } }"""
_RUNS = """
{ runsOrError { ... on Runs { results { runId status parentRunId stepStats { stepKey } } } } }
"""


def test_a_run_whose_process_was_killed_with_all_of_dagster_fails_and_is_retried(
    tmp_path: Path,
) -> None:
    with deployment(tmp_path) as deployed:
        keys = _opened_with_a_late_last_range(deployed, seconds=60)
        with dagster_dev(deployed.home, deployed.environment) as server:
            run_id = _at_work(server, layers_job_name(deployed.chain), keys[3:5])
            server.kill()
        deployed.devnet.faults = Faults()

        with dagster_dev(deployed.home, deployed.environment) as server:
            assert _runs(server)[run_id]["status"] in ("STARTED", "FAILURE")
            retried = wait_until(
                lambda: [r for r in _runs(server).values() if r["parentRunId"] == run_id],
                seconds=60,
                what="a retry",
            )
            assert _runs(server)[run_id]["status"] == "FAILURE"
            wait_until(
                lambda: _runs(server)[retried[0]["runId"]]["status"] == "SUCCESS",
                seconds=60,
                what="the retry to succeed",
            )
        assert deployed.numbers(BLOCKS) == list(range(30, 48))


def test_a_run_goes_on_when_its_code_location_is_reloaded_and_is_retried_only_when_it_is_killed(
    tmp_path: Path,
) -> None:
    with deployment(tmp_path) as deployed:
        keys = _opened_with_a_late_last_range(deployed, seconds=90)
        with dagster_dev(deployed.home, deployed.environment) as server:
            run_id = _at_work(server, layers_job_name(deployed.chain), keys[3:5])
            server.graphql(_RELOAD)
            # The monitor looks every 10 seconds.
            time.sleep(25)
            assert {id: run["status"] for id, run in _runs(server).items()} == {run_id: "STARTED"}

            deployed.devnet.faults = Faults()
            os.kill(_pid(server, run_id), signal.SIGKILL)
            wait_until(
                lambda: [
                    run
                    for run in _runs(server).values()
                    if run["parentRunId"] == run_id and run["status"] == "SUCCESS"
                ],
                seconds=60,
                what="a retry that succeeds",
            )
        assert deployed.numbers(BLOCKS) == list(range(30, 48))


def _opened_with_a_late_last_range(deployed: Deployment, *, seconds: float) -> list[str]:
    """All ranges are open; the node answers each question about the last one so much too late, and
    a run over it hangs there."""
    late = Fault(kind="time_out", blocks=frozenset(range(40, 48)))
    deployed.devnet.faults = Faults(rules=(late,), delay_seconds=seconds)
    return deployed.open_ranges()


def _at_work(server: Server, job: str, keys: list[str]) -> str:
    """A run over these ranges, once its first step has begun."""
    run_id = _launch(server, job, keys)
    wait_until(lambda: _runs(server)[run_id]["stepStats"], seconds=60, what="the run's first step")
    return run_id


def _pid(server: Server, run_id: str) -> int:
    """The process of the run, as its log has it."""
    events = server.graphql(_PID, run=run_id)["logsForRun"]["events"]
    entries = [entry for event in events for entry in event.get("metadataEntries", ())]
    return next(int(entry["text"]) for entry in entries if entry["label"] == "pid")


def _launch(server: Server, job: str, keys: list[str]) -> str:
    tags = range_tags([BlockRange.from_key(key) for key in keys])
    params = {
        "selector": {
            "repositoryLocationName": "chain_assets",
            "repositoryName": "__repository__",
            "jobName": job,
        },
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
    }
    launched = server.graphql(_LAUNCH, params=params)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id: str = launched["run"]["runId"]
    return run_id


def _runs(server: Server) -> dict[str, Any]:
    return {run["runId"]: run for run in server.graphql(_RUNS)["runsOrError"]["results"]}
