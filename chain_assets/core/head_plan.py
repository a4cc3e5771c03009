"""Following the head: which ranges to open, and which to run next.

    head, finalized     from the source
    registered          keys of the ranges that are open, in the order in which they were opened
    held                blocks of a range that all layers hold alike
    fork                lowest stored block that the source no longer has at its number

    plan_head()  →  open these keys (ascending), run these ranges (ascending, side by side)

Partitions are ordered by when they were added, and a run over a range of them slices that order.
So all ranges from the chain's start to the head are opened before anything runs, ascending, and
later ones are only appended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chain_assets.core.block_range import BlockRange, Delimiter, range_of, ranges_between
from chain_assets.core.errors import LinkError

# Dagster advises at most 25,000 additions of partitions a sensor tick.
MOST_OPENED = 25_000
# How far back a chain that was not followed for a while is caught up with, and how far back the
# daily schedule looks. What lies before that is history, and a backfill's business.
RECENT_SECONDS = 3 * 86_400


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
    """What the lake holds of a chain: blocks that all layers hold alike, by range key."""

    blocks: Mapping[str, int] = field(default_factory=dict)
    fork: int | None = None


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

    def range_at(self, number: int) -> BlockRange:
        """The range that holds block `number`."""
        return range_of(number, self.ranges)

    def expected(self, block_range: BlockRange, head: int) -> int:
        """How many blocks the range has, now that the head is there."""
        return max(0, min(block_range.stop, head + 1) - max(block_range.start, self.start_block))


@dataclass(frozen=True)
class HeadPlan:
    """`open` are keys to register, `run` the ranges of one run; both ascending."""

    open: tuple[str, ...] = ()
    run: tuple[BlockRange, ...] = ()


def plan_head(
    shape: ChainShape,
    heights: Heights,
    holdings: Holdings,
    *,
    registered: Sequence[str],
    policy: HeadPolicy,
) -> HeadPlan:
    """What to open and what to run, for the lake to become what the source is.

    The run is the newest group of neighbouring ranges that are behind, its oldest first, at most
    `policy.ranges_per_run` of them; the next plan goes on from there.
    """
    if heights.head < shape.start_block:
        return HeadPlan()
    ranges = list(ranges_between(shape.start_block, heights.head, shape.ranges))
    opening = ranges_to_open(ranges, registered)
    if len(opening) > MOST_OPENED:
        # Nothing runs before all are open: a range opened later would come after newer ones.
        return HeadPlan(open=opening[:MOST_OPENED])
    runnable = {*registered, *opening}
    floor = _floor(shape, heights, holdings, policy)
    behind = [
        block_range
        for block_range in ranges
        if block_range.stop > floor
        and block_range.key in runnable
        and _is_behind(block_range, shape, heights, holdings)
    ]
    group = _last_neighbours(behind)
    return HeadPlan(open=opening, run=tuple(group[: policy.ranges_per_run]))


def plan_recent(
    shape: ChainShape, heights: Heights, *, registered: Sequence[str]
) -> tuple[BlockRange, ...]:
    """The open ranges of the last days, whether behind or not: the daily safety net."""
    if heights.head < shape.start_block:
        return ()
    known = set(registered)
    recent = ranges_between(shape.recent(heights.head), heights.head, shape.ranges)
    return tuple(_last_neighbours([r for r in recent if r.key in known]))


def ranges_to_open(ranges: Sequence[BlockRange], registered: Sequence[str]) -> tuple[str, ...]:
    """The keys of `ranges` after the last one registered.

    Older ones are left out: they would stand behind newer ones for ever.
    """
    newest = max(registered, default="")
    return tuple(r.key for r in ranges if r.key > newest)


def find_fork(
    stored: Mapping[int, bytes],
    *,
    head: int,
    hash_at: Callable[[int], bytes],
    max_depth: int,
    chain: str,
) -> int | None:
    """The lowest block of `stored` (number → hash) that is not canonical any more, or None.

    Walks down from the highest: stored blocks are linked, so below the first one that is still
    canonical all are. Blocks above the head tell nothing: the node may lag behind.

    Raises LinkError where the reorg is deeper than `max_depth`, and whatever `hash_at` raises: an
    unanswered question is no answer.
    """
    fork = None
    for number in sorted((n for n in stored if n <= head), reverse=True):
        if stored[number] == hash_at(number):
            break
        if max(stored) - number >= max_depth:
            raise LinkError(
                f"the node has replaced more than {max_depth} blocks",
                chain=chain,
                block=number,
                todo="Nothing was rewritten: find out which side is right, then raise "
                "max_reorg_depth or change the node",
            )
        fork = number
    return fork


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
    held = holdings.blocks.get(block_range.key, 0)
    # More than expected is no reason: a node that lags behind does not make blocks untrue.
    return held < shape.expected(block_range, heights.head)


def _last_neighbours(ranges: Sequence[BlockRange]) -> list[BlockRange]:
    group: list[BlockRange] = []
    for block_range in ranges:
        if group and group[-1].stop != block_range.start:
            group = []
        group.append(block_range)
    return group
