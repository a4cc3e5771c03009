"""What Dagster's history tells of catching up: which ranges were taken lately, and how fast.

Each run that the schedule asks for carries it in its tags, where people see it, too:

chain_assets/catch_up            true
chain_assets/catch_up_head       the head when it was asked for
chain_assets/catch_up_blocks     how many blocks it was asked to do
chain_assets/catch_up_left       what was left then, these included
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.block_range import ranges_between
from chain_assets.core.catch_up import Course, Standing, seconds_left
from chain_assets.core.counted import counted
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.run_history import span_of_run

TAG, HEAD_TAG = "chain_assets/catch_up", "chain_assets/catch_up_head"
BLOCKS_TAG, LEFT_TAG = "chain_assets/catch_up_blocks", "chain_assets/catch_up_left"
# For so long a range that was taken is not taken again, unless it has grown.
_REMEMBERED_SECONDS = 3_600.0
# The rate is that of the newest runs: blocks grow, and nodes change.
_MEASURED_RUNS = 20


@dataclass(frozen=True)
class Lately:
    """The ranges taken in the last hour; and `done` blocks in `elapsed` seconds."""

    course: Course = field(default_factory=Course)
    done: int = 0
    elapsed: float = 0.0

    def left(self, behind: Sequence[Standing]) -> str:
        """How much is behind, and how long that takes at this rate."""
        blocks = sum(standing.missing for standing in behind)
        seconds = seconds_left(done=self.done, left=blocks, elapsed=self.elapsed)
        some = "" if seconds is None else f", some {timedelta(seconds=round(seconds))}"
        return f"{counted(len(behind), 'range')}, {counted(blocks, 'block')}{some}"


def read_lately(chain: Chain, instance: dg.DagsterInstance, *, now: float) -> Lately:
    """What the runs that the schedule asked for did until `now` (Unix seconds): which ranges those
    of the last hour took, all of them, and how fast the newest ones were.

    Runs that failed are no part of it: their ranges are tried again as core.attempts says.
    """
    course = Course()
    since = datetime.fromtimestamp(now - _REMEMBERED_SECONDS, UTC)
    for record in reversed(_records(chain, instance, since=since)):
        _note(chain, record.dagster_run, course)
    newest = _records(chain, instance, most=_MEASURED_RUNS)
    done = [r for r in newest if r.dagster_run.is_success and r.end_time is not None]
    if not done:
        return Lately(course)
    begin = min(record.create_timestamp.timestamp() for record in done)
    end = max(record.end_time or begin for record in done)
    return Lately(course, sum(_number(r.dagster_run, BLOCKS_TAG) for r in done), end - begin)


def _records(
    chain: Chain,
    instance: dg.DagsterInstance,
    *,
    since: datetime | None = None,
    most: int | None = None,
) -> list[dg.RunRecord]:
    """The runs that the schedule asked for and that did not fail, newest first."""
    records = instance.get_run_records(
        filters=dg.RunsFilter(
            job_name=layers_job_name(chain), tags={TAG: "true"}, created_after=since
        ),
        limit=most,
    )
    return [r for r in records if r.dagster_run.status is not dg.DagsterRunStatus.FAILURE]


def _note(chain: Chain, run: dg.DagsterRun, course: Course) -> None:
    span, head = span_of_run(run), _number(run, HEAD_TAG)
    if span is not None:
        for block_range in ranges_between(span.start, span.stop - 1, chain.ranges):
            course.note(block_range, len(block_range.between(chain.start_block, head)))


def _number(run: dg.DagsterRun, tag: str) -> int:
    text = run.tags.get(tag, "")
    return int(text) if text.isdecimal() else 0
