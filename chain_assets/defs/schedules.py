"""Schedules of a chain: the daily safety net, and the lag."""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
import time
from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from chain_assets.chains import Chain
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.head_plan import plan_recent
from chain_assets.defs.chain_state import read_state, shape_of
from chain_assets.defs.names import identifier
from chain_assets.defs.partitions import registered_keys
from chain_assets.defs.resources import LakeResource, OpsResource, SourcesResource
from chain_assets.defs.run_history import read_attempts, run_in_progress
from chain_assets.defs.sensors import head_policy, run_request

_DAILY = "17 3 * * *"
_LAG = "*/15 * * * *"


def schedule_status(chain: Chain) -> dg.DefaultScheduleStatus:
    """Like the chain's sensor its schedules run from the start where `follow` says so."""
    return dg.DefaultScheduleStatus.RUNNING if chain.follow else dg.DefaultScheduleStatus.STOPPED


def schedules(
    chain: Chain,
    *,
    layers: UnresolvedAssetJobDefinition,
    lag: UnresolvedAssetJobDefinition,
) -> list[dg.ScheduleDefinition]:
    """The daily safety net, and the lag."""
    status = schedule_status(chain)
    return [_daily(chain, layers, status), _lag_schedule(chain, lag, status)]


def _daily(
    chain: Chain,
    job: UnresolvedAssetJobDefinition,
    status: dg.DefaultScheduleStatus,
    clock: Callable[[], float] = time.time,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{identifier(chain)}_daily",
        cron_schedule=_DAILY,
        job=job,
        description=f"Reconciles the last days of {chain.name} again, also where nothing is due.",
        default_status=status,
        tags={"chain": identifier(chain)},
    )
    def daily(
        context: dg.ScheduleEvaluationContext,
        lake: LakeResource,
        sources: SourcesResource,
        ops: OpsResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        tables = lake.tables()
        try:
            with ops.open(tables) as store, sources.open(chain, store, tick=True) as source:
                state = read_state(chain, source=source, tables=tables, ops=store)
        except ChainAssetsError as error:
            return dg.SkipReason(f"{type(error).__name__}: {error}")
        attempts = read_attempts(chain, context.instance, now=clock())
        runs = plan_recent(
            shape_of(chain),
            state.heights,
            state.holdings,
            registered=registered_keys(chain, context.instance),
            policy=head_policy(chain),
            attempts=attempts,
            followed=state.followed,
        )
        if not runs and state.followed:
            return dg.SkipReason("what is recent is open, and left to the chain's follower")
        if not runs:
            return dg.SkipReason("no recent range is open yet: the sensor opens them")
        if run_in_progress(chain, context.instance, now=clock()):
            return dg.SkipReason("a run of this chain is under way")
        day = f"{context.scheduled_execution_time:%Y-%m-%d}"
        return [run_request(ranges, reason=day, attempts=attempts) for ranges in runs]

    return daily


def _lag_schedule(
    chain: Chain, job: UnresolvedAssetJobDefinition, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{identifier(chain)}_lag",
        cron_schedule=_LAG,
        job=job,
        description=f"How far {chain.name} is behind, also while nothing is materialized.",
        default_status=status,
        tags={"chain": identifier(chain)},
    )
