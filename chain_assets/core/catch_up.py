"""Catching up: which ranges are behind, in which order they are taken, and how much at a time.

    open ranges, newest first       what people look at now
    closed ranges, oldest first     history, so that what is there has no holes

The head moves on meanwhile: between two ranges of history what has come at the head is taken, so
that neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from chain_assets.core.block_range import BlockRange

# A node that does not give even so few in time is down, or has lost them: not one by one is it to
# be asked for each block of a chain.
_LEAST_IN_TIME = 3


@dataclass(frozen=True)
class Standing:
    """A range: how many blocks it has by now, and how many of them are done or held."""

    block_range: BlockRange
    expected: int
    settled: int

    @property
    def missing(self) -> int:
        """Blocks still to be done."""
        return max(0, self.expected - self.settled)


def standings(
    ranges: Sequence[BlockRange], *, start_block: int, head: int, settled: Mapping[str, int]
) -> list[Standing]:
    """Where each range stands; `settled` counts blocks that are done or held, by range key."""
    return [
        Standing(
            block_range,
            len(block_range.between(start_block, head)),
            settled.get(block_range.key, 0),
        )
        for block_range in ranges
    ]


def in_order(standings: Sequence[Standing], *, first_open: int) -> list[Standing]:
    """Those that are behind, in the order to take them; `first_open`: the lowest block that is not
    final."""
    behind = sorted(
        (standing for standing in standings if standing.missing),
        key=lambda standing: standing.block_range.start,
    )
    still_open = [s for s in behind if s.block_range.stop > first_open]
    return [*reversed(still_open), *(s for s in behind if s.block_range.stop <= first_open)]


@dataclass
class Course:
    """Which range is next, and which were taken.

    No range is taken twice, unless it has grown: what is behind after it was taken is so for a
    reason that a repeat does not cure. And one that has grown is taken only after another that was
    not taken before, or a fast chain's head would keep history waiting for ever.
    """

    taken: dict[BlockRange, int] = field(default_factory=dict)
    _last: BlockRange | None = None
    _was_new: bool = False

    def left(self, behind: Sequence[Standing]) -> list[Standing]:
        """Those that were not taken yet."""
        return [standing for standing in behind if standing.block_range not in self.taken]

    def grown(self, behind: Sequence[Standing]) -> list[Standing]:
        """Those that were taken, and have more blocks now."""
        return [s for s in behind if s.expected > self.taken.get(s.block_range, s.expected)]

    def next(self, behind: Sequence[Standing]) -> Standing | None:
        """The one to take now, None at the end; `behind` as `in_order` gives it."""
        left = self.left(behind)
        if not left:
            return None
        grown = [s for s in self.grown(behind) if s.block_range != self._last]
        chosen = grown[0] if grown and self._was_new else left[0]
        self.note(chosen.block_range, chosen.expected)
        return chosen

    def note(self, block_range: BlockRange, expected: int) -> None:
        """This one is taken now, when it has `expected` blocks."""
        self._last, self._was_new = block_range, block_range not in self.taken
        self.taken[block_range] = expected

    def forget(self, ranges: Collection[BlockRange]) -> None:
        """A reorg went through these: they are to be taken again."""
        for block_range in ranges:
            self.taken.pop(block_range, None)


def group_from(
    first: Standing,
    after: Sequence[Standing],
    *,
    most_blocks: Callable[[BlockRange], int],
) -> tuple[Standing, ...]:
    """`first` and those that may go with it in one run, of those that come `after` it in order.

    They are its neighbours upwards, as long as all of them miss at most the `most_blocks` of each:
    so history goes by several ranges, and open ranges, newest first, one by one.
    """
    group, most = [first], most_blocks(first.block_range)
    for standing in after:
        most = min(most, most_blocks(standing.block_range))
        joins = standing.block_range.start == group[-1].block_range.stop
        if not joins or sum(s.missing for s in group) + standing.missing > most:
            break
        group.append(standing)
    return tuple(group)


@dataclass
class Chunks:
    """How many blocks are fetched and committed at a time, at most `most`.

    A size that memory did not suffice for is never tried again. One that took the node too long
    is tried again step by step, once smaller ones go well: the node may have had a bad minute.
    """

    most: int
    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.size or self.most

    def too_large(self, tried: int) -> bool:
        """After `tried` blocks were too many. False where there is nothing to halve."""
        self.most = max(1, min(self.most, tried // 2))
        self.size = min(self.size, self.most)
        return tried > 1

    def too_slow(self, tried: int) -> bool:
        """After `tried` blocks took too long. False where fewer would be no better."""
        if tried < 2 * _LEAST_IN_TIME:
            return False
        self.size = min(self.size, tried // 2)
        return True

    def went_well(self) -> None:
        """After a chunk that was stored."""
        self.size = min(self.most, self.size * 2)


def seconds_left(*, done: int, left: int, elapsed: float) -> float | None:
    """At the rate so far; None before anything is done."""
    return None if done <= 0 or elapsed <= 0 else left * elapsed / done
