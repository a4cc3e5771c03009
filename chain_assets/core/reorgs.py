"""Reorgs: which stored blocks a chain has left behind, and the changes that readers must apply.

stored, linked by parent hash   … 97 ─ 98 ─ 99' ─ 100'        first_orphan → 99
the chain now                   … 97 ─ 98 ─ 99  ─ 100 ─ 101
changes                         -100' -99' +99 +100 +101      in this order
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from chain_assets.core.block_range import BlockRange

# A block by number and hash: what is canonical is a set of these.
BlockId = tuple[int, bytes]
# A block became canonical (1) or ceased to be (-1).
Step = tuple[BlockId, int]


def linked_spans(blocks: Mapping[int, tuple[bytes, bytes]]) -> list[BlockRange]:
    """Runs of neighbouring blocks, ascending, in which each is the child of the one before.

    `blocks` gives hash and parent hash by number.
    """
    spans: list[BlockRange] = []
    for number in sorted(blocks):
        last = spans[-1] if spans else None
        if last and last.stop == number and blocks[number][1] == blocks[number - 1][0]:
            spans[-1] = BlockRange(last.start, number + 1)
        else:
            spans.append(BlockRange(number, number + 1))
    return spans


def first_orphan(span: BlockRange, is_canonical: Callable[[int], bool | None]) -> int | None:
    """The lowest block of a linked span that is not canonical; None where all are.

    Below a block that is canonical all are, above one that is not none is: so the fork is searched
    by doubling steps from the top and halving the last one, some 2 log2(depth) questions.
    `is_canonical` answers None for a block that the source does not have: nothing is taken away
    for that alone, and the next one below is asked.
    """
    known_orphan: int | None = None
    number, step = span.stop - 1, 1
    while number >= span.start:
        verdict = is_canonical(number)
        if verdict:
            break
        if verdict is None:
            number -= 1
            continue
        known_orphan = number
        number, step = max(span.start - 1, number - step), step * 2
    if known_orphan is None:
        return None
    low = max(number, span.start - 1)  # canonical, or below the span
    while known_orphan - low > 1:
        middle = (low + known_orphan) // 2
        if is_canonical(middle) is False:
            known_orphan = middle
        else:
            low = middle
    return known_orphan


@dataclass(frozen=True)
class Changes:
    """What turns one canonical set into another, in the order to apply it: from the old head down
    to the fork, then from the fork up to the new head."""

    removed: tuple[BlockId, ...]
    added: tuple[BlockId, ...]

    def __len__(self) -> int:
        return len(self.removed) + len(self.added)

    def steps(self) -> Iterable[Step]:
        """Each block with -1 or +1."""
        yield from ((block, -1) for block in self.removed)
        yield from ((block, 1) for block in self.added)


def changes_between(published: Collection[BlockId], canonical: Collection[BlockId]) -> Changes:
    """What to publish so that the replay of all changes gives `canonical`."""
    before, after = set(published), set(canonical)
    return Changes(
        removed=tuple(sorted(before - after, reverse=True)),
        added=tuple(sorted(after - before)),
    )


def replay(steps: Iterable[Step]) -> set[BlockId]:
    """The canonical set after all steps. Raises ValueError for a step that cannot be applied."""
    canonical: set[BlockId] = set()
    for block, change in steps:
        if (block in canonical) is (change > 0):
            raise ValueError(f"block {block[0]} changes by {change:+d}, but it did so before")
        if change > 0:
            canonical.add(block)
        else:
            canonical.discard(block)
    return canonical


def reorg_id(chain: str, removed: Sequence[BlockId], *, time: int) -> str:
    """The same for the same blocks, so that a run that was killed halfway names it alike.

    `time` counts how often they have become canonical.
    """
    text = b"".join(number.to_bytes(8, "big") + hash_ for number, hash_ in sorted(removed))
    return sha256(f"{chain}/{time}/".encode() + text).hexdigest()[:16]
