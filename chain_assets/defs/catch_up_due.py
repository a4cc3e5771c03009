"""Which of the ranges that are behind a run may take now, and what keeps the others from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chain_assets.core.attempts import Attempts
from chain_assets.core.catch_up import Standing
from chain_assets.defs.partitions import NO_PARTITION
from chain_assets.defs.run_history import UnderWay

_RESTS = "rest whose runs failed"
_NO_PARTITION = f"{NO_PARTITION} loads them"
_FOLLOWED = "are open, and left to the follower"
_MET = "wait for a run over their blocks that is under way"
_TAKEN = "were taken within the last hour"


@dataclass(frozen=True)
class Facts:
    """What is behind, in order; the head, and the lowest block that is not final; whether a
    follower takes what is open."""

    behind: Sequence[Standing]
    head: int
    first_open: int
    followed: bool


@dataclass(frozen=True)
class Due:
    """The ranges that may be taken now, in order, and why the others may not: how many ranges by
    what is said of them."""

    ranges: Sequence[Standing]
    kept: Counter[str]

    def why_nothing_runs(self) -> str:
        """For the case that no run is asked for: those that may be taken were so lately."""
        reasons = self.kept + Counter({_TAKEN: len(self.ranges)})
        return ", ".join(f"{count:,} ranges {why}" for why, count in reasons.items())


def due_of(facts: Facts, attempts: Attempts, under_way: UnderWay, *, opened: set[str]) -> Due:
    """What of `facts` may be taken now; `opened` are the keys of the partitions that there are."""
    ranges: list[Standing] = []
    kept: Counter[str] = Counter()
    for standing in facts.behind:
        why = _obstacle(standing, facts, attempts, under_way, opened)
        if why is None:
            ranges.append(standing)
        else:
            kept[why] += 1
    return Due(ranges, kept)


def _obstacle(
    standing: Standing, facts: Facts, attempts: Attempts, under_way: UnderWay, opened: set[str]
) -> str | None:
    block_range = standing.block_range
    if not attempts.may_run(block_range):
        return _RESTS
    if block_range.key not in opened:
        return _NO_PARTITION
    if facts.followed and block_range.stop > facts.first_open:
        return _FOLLOWED
    return _MET if under_way.meets([block_range]) else None
