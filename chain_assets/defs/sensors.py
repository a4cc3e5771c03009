"""A sensor per chain: opens ranges as the head moves, and asks for the run that is due.

It is a shell around core.head_plan: read the facts, plan, ask. A question that nobody answered
(no node, no lake) is a skipped tick that says why, never a chain without news.

While a process of its own follows the chain, open ranges and what is held in them are left to it;
once it has stopped, the next tick takes them.

A run that failed is asked for again, at the same head too: after a rest, its ranges one by one, and
not for ever (core.attempts). Held blocks that are due take turns with the head (due_holds.py).
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from chain_assets.assembly import provider_names
from chain_assets.chains import Chain
from chain_assets.core.attempts import Attempts
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.head_plan import HeadPlan, HeadPolicy, followed_from, plan_head
from chain_assets.core.opened_ranges import stray_keys
from chain_assets.defs.chain_state import ChainState, read_state, shape_of
from chain_assets.defs.due_holds import due_holds, in_turn, run_of
from chain_assets.defs.names import identifier
from chain_assets.defs.partitions import NO_PARTITION, block_ranges, range_tags, registered_keys
from chain_assets.defs.resources import LakeResource, OpsResource, SourcesResource
from chain_assets.defs.run_history import read_attempts, read_under_way
from chain_assets.layers.holding import wake_for_providers
from chain_assets.ops.hold_rules import Hold

# Dagster's sensor loop takes 5 seconds; a slow chain need not be asked that often, and a fast one
# not more often than its runs take.
_SHORTEST, _LONGEST = 5, 30
_SHOWN = 3  # resting ranges in the reason of a skipped tick


def head_policy(chain: Chain) -> HeadPolicy:
    """A made-up chain is filled from its start. A real one's history is a backfill's business: it
    may take weeks, and a sensor that began it would do so without being asked."""
    return HeadPolicy(history=chain.source != "rpc")


def head_sensor(
    chain: Chain,
    job: UnresolvedAssetJobDefinition,
    *,
    clock: Callable[[], float] = time.time,
) -> dg.SensorDefinition:
    """The sensor that follows the chain's head. It runs from the start where `follow` says so."""

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
        context: dg.SensorEvaluationContext,
        lake: LakeResource,
        sources: SourcesResource,
        ops: OpsResource,
    ) -> dg.SensorResult:
        instance, tables = context.instance, lake.tables()
        registered = registered_keys(chain, instance)
        try:
            with ops.open(tables) as store, sources.open(chain, store, tick=True) as source:
                wake_for_providers(store, chain, provider_names(chain))
                state = read_state(chain, source=source, tables=tables, ops=store)
                due = _own_holds(chain, state, store.holds.due(chain.name))
        except ChainAssetsError as error:
            return dg.SensorResult(skip_reason=f"{type(error).__name__}: {error}")
        attempts = read_attempts(chain, instance, now=clock())
        plan = plan_head(
            shape_of(chain),
            state.heights,
            state.holdings,
            registered=registered,
            policy=head_policy(chain),
            attempts=attempts,
            followed=state.followed,
        )
        under_way = read_under_way(chain, instance, now=clock())
        # A run on the head tries what is due in its own ranges.
        others = [hold for hold in due if BlockRange.from_key(hold.block_range) not in plan.run]
        held = due_holds(others, attempts, under_way, instance, opened=set(registered))
        busy = under_way.hinders(plan.run)
        due_head = _head_request(state, plan, attempts) if plan.run and not busy else None
        before = run_of(due_head, instance) if due_head else None
        request = in_turn(
            chain,
            instance,
            head=None if before else due_head,
            held=held.request if under_way.slots > 0 else None,
        )
        opened = [block_ranges(chain).build_add_request(list(plan.open))] if plan.open else []
        if request:
            return dg.SensorResult(run_requests=[request], dynamic_partitions_requests=opened)
        why = "a run of this chain is under way" if busy else _why_nothing_runs(plan, attempts)
        if before:
            why = _asked_before(plan, before)
        if state.followed:
            why = f"open ranges are left to the chain's follower; of the others: {why}"
        why += _partitions_told(chain, plan, registered) + held.told()
        if plan.open:
            why = f"{len(plan.open):,} ranges are opened; {why}"
        return dg.SensorResult(
            skip_reason=f"{why}; the head is {state.head.number}",
            dynamic_partitions_requests=opened,
        )

    return head


def _head_request(state: ChainState, plan: HeadPlan, attempts: Attempts) -> dg.RunRequest:
    return run_request(plan.run, reason=state.head.hash.hex(), attempts=attempts)


def _own_holds(chain: Chain, state: ChainState, due: Sequence[Hold]) -> list[Hold]:
    """Those that no follower tries again, of blocks that are to be had: of the chain's own, and no
    higher than a node that lags behind."""
    span = BlockRange(chain.start_block, max(chain.start_block, state.head.number) + 1)
    own = [hold for hold in due if hold.stage == "enrich" or hold.number in span]
    if not state.followed:
        return own
    ceiling = followed_from(state.heights, state.holdings, max_reorg_depth=chain.max_reorg_depth)
    return [hold for hold in own if BlockRange.from_key(hold.block_range).stop <= ceiling]


def _why_nothing_runs(plan: HeadPlan, attempts: Attempts) -> str:
    if not plan.resting:
        others = "every other range" if plan.closed else "every range"
        return f"{others} holds what the chain has"
    due = attempts.next_due(plan.resting)
    then = (
        f"tried again at {datetime.fromtimestamp(due, UTC):%H:%M:%S} UTC"
        if due is not None
        else "too often to be tried again today: correct the cause, then materialize them"
    )
    keys = ", ".join(block_range.key for block_range in plan.resting[:_SHOWN])
    return f"{len(plan.resting)} ranges are behind whose runs failed ({keys}), {then}"


def _asked_before(plan: HeadPlan, run: dg.DagsterRun) -> str:
    """A run that was canceled is a person's will, and not asked for again under the same head."""
    keys = dict.fromkeys((plan.run[0].key, plan.run[-1].key))
    return (
        f"{len(plan.run)} ranges are behind ({' to '.join(keys)}) whose run at this head is "
        f"{run.status.value.lower()} ({run.run_id[:8]}): they are asked for again when the head "
        "moves, or tomorrow; materialize them to have them now"
    )


def _partitions_told(chain: Chain, plan: HeadPlan, registered: Sequence[str]) -> str:
    """What is not as the sensor opens partitions: begins with `; `, or is empty."""
    told = ""
    if plan.closed:
        told += f"; {len(plan.closed):,} ranges are behind that {NO_PARTITION} loads them"
    strays = stray_keys(registered, chain.ranges)
    if strays:
        shown = ", ".join(repr(key) for key in strays[:_SHOWN])
        told += (
            f"; {len(strays):,} partitions are no ranges of the chain ({shown}): delete them, or "
            "correct `ranges` in chains.toml"
        )
    return told


def run_request(
    ranges: tuple[BlockRange, ...],
    *,
    reason: str,
    attempts: Attempts,
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest:
    """One run of all layers over neighbouring ranges.

    Dagster runs a key only once. So `reason`, the head's hash say, tells a run over the same ranges
    after a reorg apart, and the failures before it one that is tried again at the same head.
    """
    key = f"{ranges[0].key}/{ranges[-1].key}/{reason}/{attempts.tried(ranges)}"
    if len(ranges) == 1:
        return dg.RunRequest(run_key=key, partition_key=ranges[0].key, tags=dict(tags or {}))
    return dg.RunRequest(run_key=key, tags={**range_tags(ranges), **(tags or {})})
