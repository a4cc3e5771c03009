"""Changes that a journal has lost, worked out from those that are left and from what is canonical.

    sequence    1     2     3     4     5     6
    left       +97   +98   +99'   ?     ?    +100
    canonical   97    98    99               100     → 4 and 5 were -99' +99

Their order among each other may not be that of before: but a reader who applies all changes one by
one can apply each, and ends at the same blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from chain_assets.core.reorgs import BlockId, Step


@dataclass(frozen=True)
class _Lost:
    """A change that must have been there: somewhere between two sequence numbers, excluded."""

    step: Step
    after: int
    before: float = math.inf


def lost_steps(
    told: Mapping[int, Step],
    holes: Sequence[int],
    *,
    canonical: Mapping[int, bytes],
    orphans: Sequence[BlockId],
) -> dict[int, Step]:
    """A change for each of `holes`, the sequence numbers that are lost, ascending.

    `told` are the changes that are left of the same blocks, by sequence number. Blocks in `orphans`
    were canonical once. What is canonical and was never told is left to be told. Raises ValueError
    where no changes fit.
    """
    tracks: dict[int, list[_Lost]] = {}
    for number in sorted({*canonical, *(block[0] for block, _ in told.values())}):
        own = [(at, step) for at, step in sorted(told.items()) if step[0][0] == number]
        tracks[number] = _needed(own, canonical.get(number), number)
    spare = len(holes) - sum(map(len, tracks.values()))
    came_and_went = _with(_forgotten(orphans, told, tracks)[: max(0, spare + 1) // 2], tracks, told)
    try:
        placed, idle = _placed(came_and_went, holes)
    except ValueError:
        placed, idle = _placed(tracks, holes)
    return placed | _there_and_back(idle, {**told, **placed}, canonical)


def _needed(told: Sequence[tuple[int, Step]], canonical: bytes | None, number: int) -> list[_Lost]:
    """The fewest changes without which those that are left of a number cannot be applied."""
    needed: list[_Lost] = []
    now: bytes | None = None
    last = 0

    def become(wanted: bytes | None, before: float) -> None:
        if now is not None and now != wanted:
            needed.append(_Lost(((number, now), -1), last, before))
        if wanted is not None and now != wanted:
            needed.append(_Lost(((number, wanted), 1), last, before))

    for at, ((_, hash_), change) in told:
        become(None if change > 0 else hash_, at)
        now, last = (hash_ if change > 0 else None), at
    become(canonical, math.inf)
    return needed


def _forgotten(
    orphans: Sequence[BlockId], told: Mapping[int, Step], tracks: Mapping[int, Sequence[_Lost]]
) -> list[BlockId]:
    """Those of which no change is left, and none was needed."""
    known = {block for block, _ in told.values()}
    known |= {lost.step[0] for track in tracks.values() for lost in track}
    return [block for block in orphans if block not in known]


def _with(
    blocks: Sequence[BlockId], tracks: Mapping[int, Sequence[_Lost]], told: Mapping[int, Step]
) -> dict[int, list[_Lost]]:
    """`tracks`, and these blocks came and went before all that is known of their numbers."""
    longer = {number: list(track) for number, track in tracks.items()}
    for block in blocks:
        same = [at for at, (other, _) in told.items() if other[0] == block[0]]
        before = min(same, default=math.inf)
        both = [_Lost((block, 1), 0, before), _Lost((block, -1), 0, before)]
        longer[block[0]] = [*both, *longer.get(block[0], [])]
    return longer


def _placed(
    tracks: Mapping[int, Sequence[_Lost]], holes: Sequence[int]
) -> tuple[dict[int, Step], list[int]]:
    """The lost changes at `holes`, those of each number in their order; the holes that are left."""
    gone = [lost.step[0][0] for track in tracks.values() for lost in track if lost.step[1] < 0]
    fork = min(gone, default=math.inf)
    left = {number: list(track) for number, track in tracks.items() if track}
    placed: dict[int, Step] = {}
    idle = []
    for hole in holes:
        fits = [track[0] for track in left.values() if track[0].after < hole < track[0].before]
        if not fits:
            idle.append(hole)
            continue
        chosen = min(fits, key=lambda lost: _urgency(lost, left, fork))
        placed[hole] = chosen.step
        number = chosen.step[0][0]
        left[number].pop(0)
        if not left[number]:
            del left[number]
    if any(lost.before < math.inf for track in left.values() for lost in track):
        raise ValueError("more changes are lost than there are numbers of")
    return placed, idle


def _urgency(
    lost: _Lost, left: Mapping[int, Sequence[_Lost]], fork: float
) -> tuple[float, int, int]:
    """As in a reorg: the old side up to its head, then down to the fork, then the new side up."""
    (number, _), change = lost.step
    if change < 0:
        return lost.before, 1, -number
    goes_again = any(other.step == (lost.step[0], -1) for other in left[number])
    return lost.before, 0 if number < fork or goes_again else 2, number


def _there_and_back(
    idle: Sequence[int], told: Mapping[int, Step], canonical: Mapping[int, bytes]
) -> dict[int, Step]:
    """Changes at `idle`, two by two: a reorg away from a block and back to it leaves no trace.

    One that is over is the first half: the other is left to be told.
    """
    placed: dict[int, Step] = {}
    for first, second in zip_longest(idle[::2], idle[1::2], fillvalue=math.inf):
        all_told = sorted({**told, **placed}.items())
        busy = {block[0] for at, (block, _) in all_told if first < at < second}
        number = max(canonical.keys() - busy, default=None)
        if number is None:
            raise ValueError(f"nothing is known of change {first}")
        before = [step for at, step in all_told if at < first and step[0][0] == number]
        (block, change) = before[-1] if before else ((number, canonical[number]), -1)
        placed[int(first)] = (block, -change)
        if second < math.inf:
            placed[int(second)] = (block, change)
    return placed
