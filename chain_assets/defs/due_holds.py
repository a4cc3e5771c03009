"""Which held blocks the chain's sensor asks for: those that are due of one range, in turn with the
head.

    due ─→ less those of no partition, those of ranges that rest after failed runs or are being
    written, and what was asked for already ─→ the range that failed least, the oldest of these

A run that fails before it tried its blocks leaves their holds as they were. Its range rests then,
as any whose run failed (core.attempts), so that it keeps no other waiting, and is asked for again
under another key: Dagster runs a key only once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

from chain_assets.chains import Chain
from chain_assets.core.attempts import Attempts
from chain_assets.core.block_range import BlockRange
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.partitions import NO_PARTITION
from chain_assets.defs.run_history import UnderWay
from chain_assets.defs.writing import BLOCKS_TAG
from chain_assets.ops.audit import spans_text
from chain_assets.ops.hold_rules import Hold

_NO_PARTITION = f"are due that {NO_PARTITION} tries them"
_RESTS = "rest, as runs over them failed"
_MET = "wait for a run over them that is under way"


@dataclass(frozen=True)
class DueHolds:
    """The run of held blocks that may be asked for, and what keeps others from it: the number of
    ranges by what is said of them."""

    request: dg.RunRequest | None
    kept: dict[str, int]

    def told(self) -> str:
        """For the reason of a skipped tick: begins with `; `, or is empty."""
        return "".join(f"; held blocks of {n:,} ranges {why}" for why, n in self.kept.items())


def due_holds(
    due: Sequence[Hold],
    attempts: Attempts,
    under_way: UnderWay,
    instance: dg.DagsterInstance,
    *,
    opened: Collection[str],
) -> DueHolds:
    """What of `due` may be asked for now; `opened` are the keys of all partitions."""
    by_key: dict[str, list[Hold]] = {}
    for hold in due:
        by_key.setdefault(hold.block_range, []).append(hold)
    kept: dict[str, int] = {}
    free = []
    for block_range in sorted(map(BlockRange.from_key, by_key)):
        why = _obstacle(block_range, attempts, under_way, opened)
        if why is None:
            free.append(block_range)
        else:
            kept[why] = kept.get(why, 0) + 1
    free.sort(key=attempts.count)
    requests = (_request(block_range, by_key[block_range.key], attempts) for block_range in free)
    # One that was canceled would take the turn of all others, tick by tick.
    news = (request for request in requests if run_of(request, instance) is None)
    return DueHolds(next(news, None), kept)


def in_turn(
    chain: Chain,
    instance: dg.DagsterInstance,
    *,
    head: dg.RunRequest | None,
    held: dg.RunRequest | None,
) -> dg.RunRequest | None:
    """Which of the two is asked for now. On a fast chain there is something new at every tick, and
    some node may lack many blocks: each would keep the other waiting for ever."""
    if head is None or held is None:
        return head or held
    newest = instance.get_runs(dg.RunsFilter(job_name=layers_job_name(chain)), limit=1)
    held_was_last = any(BLOCKS_TAG in run.tags for run in newest)
    return head if held_was_last else held


def run_of(request: dg.RunRequest, instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """The run that was asked for under the same key: Dagster skips the request in silence, also
    where that run was canceled. One that never got into the queue it puts there now."""
    runs = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: request.run_key or ""}), limit=1)
    not_queued = dg.DagsterRunStatus.NOT_STARTED
    return next((run for run in runs if run.status is not not_queued), None)


def _obstacle(
    block_range: BlockRange, attempts: Attempts, under_way: UnderWay, opened: Collection[str]
) -> str | None:
    if block_range.key not in opened:
        return _NO_PARTITION
    if not attempts.may_run(block_range):
        return _RESTS
    return _MET if under_way.meets([block_range]) else None


def _request(block_range: BlockRange, holds: Sequence[Hold], attempts: Attempts) -> dg.RunRequest:
    """One run of just these blocks of the range.

    Its key tells the state of the holds, and the tries before that left them so. What failed too
    often, or was canceled, is asked for again the next day.
    """
    state = repr([(hold.number, hold.stage, hold.attempts, hold.next_try_at) for hold in holds])
    digest = sha256(state.encode()).hexdigest()[:16]
    return dg.RunRequest(
        run_key=f"holds/{block_range.key}/{digest}/{attempts.tried([block_range])}",
        partition_key=block_range.key,
        tags={BLOCKS_TAG: spans_text(hold.number for hold in holds)},
    )
