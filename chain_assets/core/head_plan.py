"""Following the head: which ranges to open, and which to run next.

    head, finalized     from the source
    registered          keys of the ranges that are open, in the order in which they were opened
    held                blocks of a range that all layers hold alike
    fork                lowest stored block that the source no longer has at its number
    attempts            ranges whose runs failed: they rest, and then run with fewer others

    plan_head()    →  open these keys (ascending), run these ranges (ascending, side by side)
    plan_recent()  →  the runs of the daily safety net

Partitions are ordered by when they were added, and a run over a range of them slices that order.
So all ranges from the chain's start to the head are opened before anything runs, ascending, and
later ones are only appended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chain_assets.core.attempts import NO_FAILURES, Attempts, runs_of
from chain_assets.core.block_range import BlockRange, Delimiter, ranges_between
from chain_assets.core.opened_ranges import chain_ranges, neighbours, ranges_to_open

# Dagster advises at most 25,000 additions of partitions a sensor tick.
MOST_OPENED = 25_000
# How far back a chain that was not followed for a while is caught up with, and how far back the
# daily schedule looks. What lies before that is history, and a backfill's business.
RECENT_SECONDS = 3 * 86_400
# Runs that the daily schedule asks for at once: a chain's runs wait for each other, and a chain
# with tiny ranges would otherwise keep its head waiting for hours.
MOST_DAILY_RUNS = 10


@dataclass(frozen=True)
class HeadPolicy:
    """`history`: fill everything since the start block, not only what is recent.

    `ranges_per_run` bounds a run, so that the head is not kept waiting by a long one.
    """

    history: bool = False
    ranges_per_run: int = 20


@dataclass(frozen=True)
class Heights:
    """The chain as its source has it: `finalized` None where nothing is final yet."""

    head: int
    finalized: int | None

    def first_open(self, max_reorg_depth: int) -> int:
        """The lowest block that may still be replaced.

        A source that never says what is final leaves the deepest reorg that is followed.
        """
        if self.finalized is None:
            return max(0, self.head - max_reorg_depth)
        return self.finalized + 1


@dataclass(frozen=True)
class Holdings:
    """What the lake holds of a chain: blocks that all layers hold alike, by range key; the keys
    of the ranges that were begun, by whatever layer; and of those in which blocks were replaced,
    and the layers above have not followed: they are behind however old they are."""

    blocks: Mapping[str, int] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    fork: int | None = None
    replaced: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ChainShape:
    """What of a chain's configuration a plan needs."""

    ranges: Sequence[Delimiter]
    start_block: int
    block_time_seconds: float
    max_reorg_depth: int

    def recent(self, head: int) -> int:
        """The first block that counts as recent."""
        return max(self.start_block, head - round(RECENT_SECONDS / self.block_time_seconds))

    def expected(self, block_range: BlockRange, head: int) -> int:
        """How many blocks the range has, now that the head is there."""
        return len(block_range.between(self.start_block, head))


@dataclass(frozen=True)
class HeadPlan:
    """`open` are keys to register, `run` the ranges of one run; of those that are behind `resting`
    failed too lately or too often to be run now, and `closed` are no partitions and cannot become
    any; all ascending."""

    open: tuple[str, ...] = ()
    run: tuple[BlockRange, ...] = ()
    resting: tuple[BlockRange, ...] = ()
    closed: tuple[BlockRange, ...] = ()


def plan_head(
    shape: ChainShape,
    heights: Heights,
    holdings: Holdings,
    *,
    registered: Sequence[str],
    policy: HeadPolicy,
    attempts: Attempts = NO_FAILURES,
    followed: bool = False,
) -> HeadPlan:
    """What to open and what to run, for the lake to become what the source is.

    The run is the newest group of neighbouring ranges that are behind, its oldest first, at most
    `policy.ranges_per_run` of them; the next plan goes on from there. A range whose run failed is
    left out until it has rested, and then runs with fewer others. Of a chain that is `followed`
    only what its follower leaves is run.
    """
    if heights.head < shape.start_block:
        return HeadPlan()
    ranges = list(ranges_between(shape.start_block, heights.head, shape.ranges))
    opened = chain_ranges(registered, shape.ranges)
    opening = ranges_to_open(ranges, opened)
    keys = tuple(block_range.key for block_range in opening)
    if len(opening) > MOST_OPENED:
        # Nothing runs before all are open: a range opened later would come after newer ones.
        return HeadPlan(open=keys[:MOST_OPENED])
    runnable = {*opened, *opening}
    floor = _floor(shape, heights, holdings, policy)
    ceiling = _ceiling(shape, heights, holdings, followed=followed)
    behind = [
        block_range
        for block_range in ranges
        if block_range.stop <= ceiling
        and (floor < block_range.stop or block_range.key in holdings.replaced)
        and _is_behind(block_range, shape, heights, holdings)
    ]
    due = [r for r in behind if r in runnable and attempts.may_run(r)]
    newest = neighbours(due, [*registered, *keys])[-1:]
    runs = [
        run
        for group in newest
        for run in runs_of(group, most=policy.ranges_per_run, attempts=attempts)
    ]
    return HeadPlan(
        open=keys,
        run=runs[0] if runs else (),
        resting=tuple(r for r in behind if r in runnable and not attempts.may_run(r)),
        closed=tuple(r for r in behind if r not in runnable),
    )


def plan_recent(
    shape: ChainShape,
    heights: Heights,
    holdings: Holdings,
    *,
    registered: Sequence[str],
    policy: HeadPolicy,
    attempts: Attempts = NO_FAILURES,
    followed: bool = False,
) -> list[tuple[BlockRange, ...]]:
    """The runs of the daily safety net, newest first, at most MOST_DAILY_RUNS.

    They are over the open ranges of the last days that were begun, whether behind or not, and over
    those that the head's plan would run; never over history that nobody asked for. A range that
    failed too often for the head's plan gets another chance here. Of a chain that is `followed`
    only what its follower leaves is run.
    """
    if heights.head < shape.start_block:
        return []
    known = set(chain_ranges(registered, shape.ranges))
    floor = _floor(shape, heights, holdings, policy)
    ceiling = _ceiling(shape, heights, holdings, followed=followed)
    recent = [
        block_range
        for block_range in ranges_between(shape.recent(heights.head), heights.head, shape.ranges)
        if block_range in known
        and block_range.stop <= ceiling
        and (block_range.key in holdings.begun or block_range.stop > floor)
    ]
    runs = [
        run
        for group in neighbours(recent, registered)
        for run in runs_of(group, most=policy.ranges_per_run, attempts=attempts)
    ]
    return runs[::-1][:MOST_DAILY_RUNS]


def followed_from(heights: Heights, holdings: Holdings, *, max_reorg_depth: int) -> int:
    """The lowest block that is a follower's business: it takes what is not final, and goes on from
    the newest range that was begun, also where that is final by now."""
    newest = max(holdings.begun, default=None)
    first_open = heights.first_open(max_reorg_depth)
    return first_open if newest is None else min(first_open, BlockRange.from_key(newest).start)


def _ceiling(shape: ChainShape, heights: Heights, holdings: Holdings, *, followed: bool) -> int:
    """What goes on above this block is left to the follower."""
    if not followed:
        return heights.head + max(delimiter.size for delimiter in shape.ranges)
    return followed_from(heights, holdings, max_reorg_depth=shape.max_reorg_depth)


def _floor(shape: ChainShape, heights: Heights, holdings: Holdings, policy: HeadPolicy) -> int:
    """The lowest block that the head's sensor cares for."""
    if policy.history:
        return shape.start_block
    first_open = heights.first_open(shape.max_reorg_depth)
    held = [key for key, blocks in holdings.blocks.items() if blocks]
    if not held:
        return first_open
    # Go on where it was left, so that a pause leaves no hole; but not back to an old backfill.
    left = BlockRange.from_key(max(held)).start
    return min(first_open, max(left, shape.recent(heights.head)))


def _is_behind(
    block_range: BlockRange, shape: ChainShape, heights: Heights, holdings: Holdings
) -> bool:
    if holdings.fork is not None and block_range.stop > holdings.fork:
        return True
    if block_range.key in holdings.replaced:
        return True
    held = holdings.blocks.get(block_range.key, 0)
    # More than expected is no reason: a node that lags behind does not make blocks untrue.
    return held < shape.expected(block_range, heights.head)
