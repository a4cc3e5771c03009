"""The job of a chain that keeps its tables in shape, and when it runs by itself.

    <chain>_upkeep     compact: small files of final ranges into large ones
                       tidy: old files and commits out of all tables, those of other chains too
    <chain>_compact    each hour, where anything is due        <chain>_tidy    each night

Rows do not change, so it waits for no run of the chain, and no run waits for it: leases keep the
two from one range at the same time, and whoever comes second leaves it for later.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from chain_assets.chains import Chain
from chain_assets.core.errors import ChainAssetsError, LeaseTaken
from chain_assets.defs.names import identifier
from chain_assets.defs.resources import LakeResource, OpsResource
from chain_assets.defs.schedules import schedule_status
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.upkeep import compact_closed, merges_due, tidy_lake
from chain_assets.ops.store import OpsStore

# One at a time, of whatever chain: a merge takes several times the memory of its files.
POOL = "upkeep"
# The day whose tidying a run is: it concerns the whole lake, so one chain's run is enough.
TIDY_TAG = "chain_assets/tidy"
_HOURLY, _NIGHTLY = "43 * * * *", "47 3 * * *"


class Upkeep(dg.Config):
    """What to do, and for how long."""

    compact: bool = True
    tidy: bool = True
    minutes: float = Field(default=20.0, description="No merge is begun after so many minutes.")


def upkeep_job(chain: Chain) -> dg.JobDefinition:
    """The job `<chain>_upkeep`."""

    @dg.op(name=_op(chain), description="Compacts final ranges, and tidies the lake.", pool=POOL)
    def upkeep(
        context: dg.OpExecutionContext, config: Upkeep, lake: LakeResource, ops: OpsResource
    ) -> None:
        tables = lake.tables()
        with ops.open(tables) as store:
            if config.compact:
                context.add_output_metadata(_compact(chain, tables, store, config.minutes))
            if config.tidy:
                context.add_output_metadata(_tidy(tables, store))

    @dg.job(
        name=f"{identifier(chain)}_upkeep",
        description=f"Merge small files of final ranges of {chain.name}; tidy the lake.",
        tags={"chain": identifier(chain)},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        upkeep()

    return job


def upkeep_schedules(chain: Chain, job: dg.JobDefinition) -> list[dg.ScheduleDefinition]:
    """When it runs by itself."""
    status = schedule_status(chain)
    return [_compact_schedule(chain, job, status), _tidy_schedule(chain, job, status)]


def _compact_schedule(
    chain: Chain, job: dg.JobDefinition, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{identifier(chain)}_compact",
        cron_schedule=_HOURLY,
        job=job,
        description=f"Merges small files of {chain.name}, where its blocks are final.",
        default_status=status,
        tags={"chain": identifier(chain)},
    )
    def compact(lake: LakeResource, ops: OpsResource) -> dg.RunRequest | dg.SkipReason:
        tables = lake.tables()
        try:
            with ops.open(tables) as store:
                due = merges_due(chain, tables=tables, ops=store)
        except ChainAssetsError as error:
            return dg.SkipReason(f"{type(error).__name__}: {error}")
        if not due:
            return dg.SkipReason("no final range has more files than it needs")
        return dg.RunRequest(run_config=_config(chain, compact=True, tidy=False))

    return compact


def _tidy_schedule(
    chain: Chain, job: dg.JobDefinition, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{identifier(chain)}_tidy",
        cron_schedule=_NIGHTLY,
        job=job,
        description="Removes files and commits of the lake that are out of use for a week.",
        default_status=status,
        tags={"chain": identifier(chain)},
    )
    def tidy(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = f"{context.scheduled_execution_time:%Y-%m-%d}"
        other = _run_of(day, context.instance)
        if other is not None:
            return dg.SkipReason(f"the run {other.run_id} of {other.job_name} does it for all")
        config = _config(chain, compact=False, tidy=True)
        return dg.RunRequest(run_key=day, run_config=config, tags={TIDY_TAG: day})

    return tidy


def _run_of(day: str, instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """A run that has tidied the lake on `day`, or is about to."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={TIDY_TAG: day}))
    failed = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    return next((run for run in runs if run.status not in failed), None)


def _op(chain: Chain) -> str:
    """Unique: Dagster knows ops by their names, across jobs."""
    return f"{identifier(chain)}_compact_and_tidy"


def _config(chain: Chain, *, compact: bool, tidy: bool) -> dict[str, Any]:
    return {"ops": {_op(chain): {"config": {"compact": compact, "tidy": tidy}}}}


def _compact(chain: Chain, tables: LakeTables, ops: OpsStore, minutes: float) -> Mapping[str, int]:
    done = compact_closed(chain, tables=tables, ops=ops, most_seconds=minutes * 60)
    return {
        "merges": done.merges,
        "ranges": done.ranges,
        "files_merged": done.files,
        "bytes_merged": done.size,
        "merges_busy": done.busy,
        "merges_left": done.left,
    }


def _tidy(tables: LakeTables, ops: OpsStore) -> Mapping[str, Any]:
    try:
        tidied = tidy_lake(tables, ops)
    except LeaseTaken as taken:
        return {"tidied": False, "not_tidied": str(taken)}
    return {
        "tidied": True,
        "files_removed": sum(one.files for one in tidied),
        "bytes_removed": sum(one.size for one in tidied),
        "files_removed_by_table": {one.table: one.files for one in tidied if one.files},
    }
