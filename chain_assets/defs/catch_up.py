"""A schedule per chain that loads its history, a run at a time: `chain-assets catch-up` in Dagster.

    what is behind, in the command's order ─→ less what rests, runs, or is a follower's ─→ the
    first, with its neighbours ─→ a run of all layers over these partitions, one tick later again

The head's sensor begins no history of a node's chain: that may take weeks and millions of requests.
Who switches this schedule on asks for it.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
import time
from collections.abc import Callable, Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from chain_assets.chains import Chain
from chain_assets.core.attempts import Attempts
from chain_assets.core.block_range import BlockRange
from chain_assets.core.catch_up import Course, Standing, group_from
from chain_assets.core.errors import ChainAssetsError
from chain_assets.defs.catch_up_due import Facts, due_of
from chain_assets.defs.catch_up_history import (
    BLOCKS_TAG,
    HEAD_TAG,
    LEFT_TAG,
    TAG,
    Lately,
    read_lately,
)
from chain_assets.defs.names import identifier
from chain_assets.defs.partitions import open_up_to, registered_keys
from chain_assets.defs.resources import LakeResource, OpsResource, SourcesResource
from chain_assets.defs.run_history import UnderWay, read_attempts, read_under_way
from chain_assets.defs.sensors import run_request
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.finality import read_heights
from chain_assets.layers.following import is_followed
from chain_assets.layers.halts import look_for_reorgs
from chain_assets.layers.permission import backfill_approval, catch_up_question, use_up
from chain_assets.layers.standing import standing_of
from chain_assets.ops.store import OpsStore
from chain_assets.sources.one_look import OneLook

# A run keeps the head waiting until it ends: at 20 blocks a second that is some four minutes. One
# range at least, however large ranges are.
BLOCKS_PER_RUN = 5_000


def catch_up_schedule(
    chain: Chain, job: UnresolvedAssetJobDefinition, *, clock: Callable[[], float] = time.time
) -> dg.ScheduleDefinition:
    """The schedule `<chain>_catch_up`. It never runs before a person has switched it on."""

    @dg.schedule(
        name=f"{identifier(chain)}_catch_up",
        cron_schedule="* * * * *",
        job=job,
        description=(
            f"Loads the history of {chain.name}, run by run, until nothing is behind. Switching "
            "it on is the consent to that; its ticks and the tags of its runs say what is left."
        ),
        # A made-up or recorded chain needs it no more: its sensor fills it from the start.
        default_status=dg.DefaultScheduleStatus.STOPPED,
        tags={"chain": identifier(chain)},
    )
    def catch_up(
        context: dg.ScheduleEvaluationContext,
        lake: LakeResource,
        sources: SourcesResource,
        ops: OpsResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        tables, instance = lake.tables(), context.instance
        under_way = read_under_way(chain, instance, now=clock())
        most = _most_now(under_way)
        try:
            with ops.open(tables) as store, sources.open(chain, store, tick=True) as source:
                facts = _read(chain, OneLook(source), tables, store, ask=most > 0)
        except ChainAssetsError as error:
            return dg.SkipReason(f"{type(error).__name__}: {error}")
        if not facts.behind:
            return dg.SkipReason(f"nothing is behind; the head is {facts.head}")
        lately = read_lately(chain, instance, now=clock())
        left = lately.left(facts.behind)
        if most < 1:
            return dg.SkipReason(f"a run that was asked for is not done yet; left: {left}")
        open_up_to(chain, facts.head, instance)
        attempts = read_attempts(chain, instance, now=clock())
        due = due_of(facts, attempts, under_way, opened=set(registered_keys(chain, instance)))
        groups = _groups(due.ranges, lately, attempts, most=most)
        if not groups:
            return dg.SkipReason(f"{due.why_nothing_runs()}; left: {left}")
        at = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        return [_request(group, facts, attempts, left=left, at=at) for group in groups]

    return catch_up


def _read(chain: Chain, source: OneLook, tables: LakeTables, ops: OpsStore, *, ask: bool) -> Facts:
    """Raises SourceError, StorageFailed; and where a run is to be asked for ChainHalted, and
    ApprovalNeeded."""
    head, heights = read_heights(chain, source)
    first_open = heights.first_open(chain.max_reorg_depth)
    behind = standing_of(chain, source, tables, ops)
    if ask:
        if behind:
            look_for_reorgs(chain, source=source, tables=tables, ops=ops)
        history = [standing for standing in behind if standing.block_range.stop <= first_open]
        approval = backfill_approval(
            chain,
            [BlockRange(chain.start_block, head.number + 1)],
            ops,
            blocks=sum(standing.missing for standing in history),
            asked=catch_up_question(chain),
        )
        if not history:
            # Also where nothing is behind: what was approved is done, and the approval would be
            # taken for whatever is lost later.
            use_up(approval, ops)
    return Facts(behind, head.number, first_open, is_followed(chain, ops))


def _most_now(under_way: UnderWay) -> int:
    """How many runs may be asked for: as many as the pool has room for. One also where it has none,
    unless that waits already: it stands in the queue, or on a fast chain, where a run on the head
    is always under way, history would never have its turn."""
    waits = any(TAG in tags for tags in under_way.tags)
    return max(under_way.slots, 0 if waits else 1)


def _groups(
    due: Sequence[Standing], lately: Lately, attempts: Attempts, *, most: int
) -> list[tuple[Standing, ...]]:
    """The next runs, at most so many; no range is in two of them."""
    course, left = lately.course, list(due)
    groups: list[tuple[Standing, ...]] = []
    while len(groups) < most and (first := _next(course, left)) is not None:
        group = group_from(
            first,
            course.left(left),
            most_blocks=lambda block_range: attempts.most_blocks(block_range, BLOCKS_PER_RUN),
        )
        for standing in group[1:]:
            course.note(standing.block_range, standing.expected)
        left = [standing for standing in left if standing not in group]
        groups.append(group)
    return groups


def _next(course: Course, left: Sequence[Standing]) -> Standing | None:
    """As the command has it. It ends there; the schedule goes on with what has grown since."""
    chosen = course.next(left)
    grown = course.grown(left)
    if chosen is not None or not grown:
        return chosen
    course.note(grown[0].block_range, grown[0].expected)
    return grown[0]


def _request(
    group: Sequence[Standing], facts: Facts, attempts: Attempts, *, left: str, at: str
) -> dg.RunRequest:
    return run_request(
        tuple(standing.block_range for standing in group),
        reason=at,
        attempts=attempts,
        tags={
            TAG: "true",
            HEAD_TAG: str(facts.head),
            BLOCKS_TAG: str(sum(standing.missing for standing in group)),
            LEFT_TAG: left,
        },
    )
