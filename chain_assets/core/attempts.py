"""When a range whose run failed is run again: after a rest, with fewer others, and not for ever.

    failed runs of the last day     each over neighbouring ranges, with the time of its end
    made good                       when each range was last brought to its end

    failures_by_range()  →  Attempts: which ranges may run now, which rest

A failed run does not tell which of its ranges was at fault, so each of them counts it, and is then
run in one of an eighth of its blocks, and so on: of a few ranges the one at fault is alone at once,
of hundreds soon, and where it was the node, that was away for a while, hundreds of ranges do not
become hundreds of runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chain_assets.core.block_range import BlockRange

FIRST_REST_SECONDS = 30.0
LONGEST_REST_SECONDS = 1_800.0
# With the rests above these take some four hours: what is still wrong then waits for a person, or
# for the next day, when the failures of this one are forgotten.
MOST_FAILURES = 12
# After each failure the next run has so many times fewer blocks.
_FEWER = 8
REMEMBERED_SECONDS = 86_400.0


@dataclass(frozen=True)
class FailedRun:
    """A run over the blocks of `span` that failed at `ended_at` (Unix seconds)."""

    span: BlockRange
    ended_at: float


@dataclass(frozen=True)
class Failures:
    """How often a range's runs failed since it was last made good, when the last one did, and over
    how many blocks the smallest of them went."""

    count: int
    last_at: float
    blocks: int

    @property
    def due_at(self) -> float | None:
        """When it may be tried again (Unix seconds); None: not any more."""
        if self.count >= MOST_FAILURES:
            return None
        rest = FIRST_REST_SECONDS * 2.0 ** (self.count - 1)
        return self.last_at + min(rest, LONGEST_REST_SECONDS)


@dataclass(frozen=True)
class Attempts:
    """The failures of ranges, by key, as they stand at `now` (Unix seconds)."""

    failures: Mapping[str, Failures] = field(default_factory=dict)
    now: float = 0.0

    def count(self, block_range: BlockRange) -> int:
        """How often runs of the range failed in a row."""
        found = self.failures.get(block_range.key)
        return found.count if found else 0

    def most_blocks(self, block_range: BlockRange, most: int) -> int:
        """How many blocks, at most `most`, a run that this range is in may have. A run of the range
        alone may always be."""
        found = self.failures.get(block_range.key)
        return most if found is None else min(most, found.blocks // _FEWER)

    def tried(self, ranges: Iterable[BlockRange]) -> str:
        """What tells a run over `ranges` now from those before it, for who starts each only once.

        It is when the last of them failed; with no failure on record it is the day, as those of
        the day before are forgotten by then. A count would come down again to one that was used.
        """
        failed = [self.failures[r.key].last_at for r in ranges if r.key in self.failures]
        return str(max(failed)) if failed else f"{datetime.fromtimestamp(self.now, UTC):%Y-%m-%d}"

    def may_run(self, block_range: BlockRange) -> bool:
        """Whether the range never failed, or has rested for long enough."""
        found = self.failures.get(block_range.key)
        return found is None or (found.due_at is not None and found.due_at <= self.now)

    def next_due(self, ranges: Iterable[BlockRange]) -> float | None:
        """When the first of `ranges` may run again; None where none of them may any more."""
        found = [self.failures[r.key].due_at for r in ranges if r.key in self.failures]
        return min((due for due in found if due is not None), default=None)


NO_FAILURES = Attempts()


def failures_by_range(
    failed: Sequence[FailedRun], ranges: Iterable[BlockRange], *, made_good: Mapping[str, float]
) -> dict[str, Failures]:
    """Of each of `ranges` the runs that failed after it was last made good (Unix seconds)."""
    found: dict[str, Failures] = {}
    for block_range in ranges:
        good = made_good.get(block_range.key, 0.0)
        runs = [
            run
            for run in failed
            if run.ended_at > good and run.span.intersection(block_range) is not None
        ]
        if runs:
            last_at = max(run.ended_at for run in runs)
            fewest = min(len(run.span) for run in runs)
            found[block_range.key] = Failures(len(runs), last_at, fewest)
    return found


def runs_of(
    ranges: Sequence[BlockRange], *, most: int, attempts: Attempts
) -> list[tuple[BlockRange, ...]]:
    """Cut ascending `ranges` into runs: of neighbours, at most `most`, and fewer of failed ones."""
    runs: list[list[BlockRange]] = []
    blocks = 0
    for block_range in ranges:
        own = attempts.most_blocks(block_range, sys.maxsize)
        run = runs[-1] if runs else []
        if run and len(run) < most and run[-1].stop == block_range.start:
            blocks = min(blocks, own)
            if block_range.stop - run[0].start <= blocks:
                run.append(block_range)
                continue
        runs.append([block_range])
        blocks = own
    return [tuple(run) for run in runs]
