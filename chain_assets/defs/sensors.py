"""A sensor per chain: opens ranges as the head moves, and asks for the run that is due.

It is a shell around core.head_plan: read the facts, plan, ask. A question that nobody answered
(no node, no lake) is a skipped tick that says why, never a chain without news.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.head_plan import HeadPlan, HeadPolicy, plan_head
from chain_assets.defs.chain_state import ChainState, read_state, shape_of
from chain_assets.defs.names import identifier, layer_keys, layers_job_name
from chain_assets.defs.partitions import block_ranges, range_tags, registered_keys
from chain_assets.defs.resources import LakeResource, SourcesResource

# Dagster's sensor loop takes 5 seconds; a slow chain need not be asked that often, and a fast one
# not more often than its runs take.
_SHORTEST, _LONGEST = 5, 30


def head_policy(chain: Chain) -> HeadPolicy:
    """A made-up chain is filled from its start. A real one's history is a backfill's business: it
    may take weeks, and a sensor that began it would do so without being asked."""
    return HeadPolicy(history=chain.source != "rpc")


def head_sensor(
    chain: Chain, job: UnresolvedAssetJobDefinition, policy: HeadPolicy | None = None
) -> dg.SensorDefinition:
    """The sensor that follows the chain's head. It runs from the start where `follow` says so."""
    rules = policy or head_policy(chain)

    @dg.sensor(
        name=f"{identifier(chain)}_head",
        job=job,
        description=f"Follows the head of {chain.name}, reorganizations included.",
        minimum_interval_seconds=max(_SHORTEST, min(_LONGEST, round(chain.block_time_seconds))),
        default_status=(
            dg.DefaultSensorStatus.RUNNING if chain.follow else dg.DefaultSensorStatus.STOPPED
        ),
        tags={"chain": identifier(chain)},
    )
    def head(
        context: dg.SensorEvaluationContext, lake: LakeResource, sources: SourcesResource
    ) -> dg.SensorResult:
        registered = registered_keys(chain, context.instance)
        try:
            with sources.open(chain) as source:
                state = read_state(chain, source=source, tables=lake.tables())
        except ChainAssetsError as error:
            return dg.SensorResult(skip_reason=f"{type(error).__name__}: {error}")
        plan = plan_head(
            shape_of(chain), state.heights, state.holdings, registered=registered, policy=rules
        )
        return _result(chain, state, plan, busy=run_in_progress(chain, context.instance))

    return head


def _result(chain: Chain, state: ChainState, plan: HeadPlan, *, busy: bool) -> dg.SensorResult:
    opened = [block_ranges(chain).build_add_request(list(plan.open))] if plan.open else []
    if plan.run and not busy:
        return dg.SensorResult(
            run_requests=[run_request(plan.run, reason=state.head.hash.hex())],
            dynamic_partitions_requests=opened,
        )
    if opened:
        return dg.SensorResult(dynamic_partitions_requests=opened)
    why = "a run of this chain is under way" if busy else "every range holds what the chain has"
    return dg.SensorResult(skip_reason=f"{why}; the head is {state.head.number}")


def run_request(ranges: tuple[BlockRange, ...], *, reason: str) -> dg.RunRequest:
    """One run of all layers over neighbouring ranges.

    `reason`, the head's hash say, tells two runs over the same ranges apart: Dagster runs a key
    only once, and a reorg asks for the same ranges again.
    """
    key = f"{ranges[0].key}/{ranges[-1].key}/{reason}"
    if len(ranges) == 1:
        return dg.RunRequest(run_key=key, partition_key=ranges[0].key)
    return dg.RunRequest(run_key=key, tags=range_tags(ranges))


def run_in_progress(chain: Chain, instance: dg.DagsterInstance) -> bool:
    """Whether a run that writes this chain is queued or under way, whoever asked for it."""
    keys = set(layer_keys(chain))
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    return any(
        run.job_name == layers_job_name(chain) or bool(keys & set(run.asset_selection or ()))
        for run in runs
    )
