"""The job that keeps tables in shape, by a run of Dagster's, and the schedules that ask for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from chain_assets.assembly import open_ops
from chain_assets.core.abi.registry import load_registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.defs.resources import SourcesResource, build_resources
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.compaction import compact
from chain_assets.layers.pipeline import Parts, Writer, run_blocks
from chain_assets.layers.report import no_progress
from chain_assets.ops.leases import LeaseKey
from chain_assets_tests.defs.lab import Lab, open_lab

NIGHT = datetime(2026, 1, 2, 3, 47, tzinfo=UTC)
_OP = "lab_net_compact_and_tidy"
KEY = "000000000000-000000000009"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Blocks 0 to 9 came by three commands, and all of them are final."""
    with open_lab(tmp_path, monkeypatch, on_disk=True) as lab:
        for span in (BlockRange(0, 4), BlockRange(4, 7), BlockRange(7, 10)):
            with (
                SourcesResource().open(lab.chain) as source,
                open_ops(lab.settings, lab.tables) as ops,
            ):
                writer = Writer(lab.tables, ops, "a command")
                parts = Parts(source, writer, LocalEngine(1), load_registry(None))
                run_blocks(lab.chain, [span], parts, progress=lambda layer: no_progress)
        yield lab


def _run(lab: Lab, **config: Any) -> dict[str, Any]:
    """The metadata that a run of the job shows."""
    result = lab.definitions.resolve_job_def("lab_net_upkeep").execute_in_process(
        instance=lab.instance,
        run_config={
            "ops": {_OP: {"config": config}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
    )
    assert result.success
    (output,) = [
        event.step_output_data for event in result.all_events if event.is_successful_output
    ]
    return {name: value.value for name, value in output.metadata.items()}


def _tick(lab: Lab, name: str) -> dg.RunRequest | dg.SkipReason:
    schedule = lab.definitions.resolve_schedule_def(f"lab_net_{name}")
    resources = build_resources(lab.settings)
    own = {n: resources[n] for n in ("lake", "ops")} if name == "compact" else {}
    with dg.build_schedule_context(
        instance=lab.instance, resources=own, scheduled_execution_time=NIGHT
    ) as context:
        answer = schedule(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def _files(lab: Lab) -> int:
    partition = {"chain": lab.chain.name, "block_range": KEY}
    return len(lab.tables.live_files(TRANSACTIONS, **partition))


def test_small_files_of_what_is_final_become_few_and_the_run_shows_it(lab: Lab) -> None:
    assert _files(lab) > 1
    request = _tick(lab, "compact")
    assert isinstance(request, dg.RunRequest)
    shown = _run(lab, **request.run_config["ops"][_OP]["config"])
    assert _files(lab) == 1
    assert shown["ranges"] == 1
    assert shown["merges"] > 5
    assert shown["files_merged"] > shown["merges"]
    assert shown["bytes_merged"] > 1000
    assert (shown["merges_busy"], shown["merges_left"]) == (0, 0)
    assert "files_removed" not in shown
    assert "no final range" in str(_tick(lab, "compact"))


def test_it_leaves_what_another_writes_and_what_there_is_no_time_for(lab: Lab) -> None:
    assert _run(lab, minutes=0.0, tidy=False)["merges_left"] > 5
    with open_ops(lab.settings, lab.tables) as ops:
        with ops.held(LeaseKey(lab.chain.name, KEY, "decoded"), owner="a run"):
            shown = _run(lab, tidy=False)
        assert shown["merges_busy"] > 3
        with ops.held(LeaseKey("*", "lake", "tidy"), owner="another chain"):
            shown = _run(lab, compact=False)
    assert shown["tidied"] is False
    assert "another chain" in shown["not_tidied"]


def test_old_files_are_removed_and_the_run_shows_how_many(lab: Lab) -> None:
    last_week = LakeTables(lab.tables.storage, clock=lambda: time.time() - 8 * 86_400)
    with open_ops(lab.settings, lab.tables) as ops:
        compact(lab.chain, BlockRange(0, 10), tables=last_week, ops=ops, closed=True)
    request = _tick(lab, "tidy")
    assert isinstance(request, dg.RunRequest)
    shown = _run(lab, **request.run_config["ops"][_OP]["config"])
    assert shown["files_removed"] == sum(shown["files_removed_by_table"].values()) > 10
    assert shown["bytes_removed"] > 1000
    assert "merges" not in shown
    assert _run(lab, compact=False)["files_removed"] == 0


def test_one_chain_tidies_the_lake_for_all(lab: Lab) -> None:
    request = _tick(lab, "tidy")
    assert isinstance(request, dg.RunRequest)
    job = lab.definitions.resolve_job_def("lab_net_upkeep")
    run = lab.instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.STARTED,
        tags=dict(request.tags),
        run_config=request.run_config,
    )
    assert run.run_id in str(_tick(lab, "tidy"))
    lab.instance.report_run_failed(run)
    assert isinstance(_tick(lab, "tidy"), dg.RunRequest)
