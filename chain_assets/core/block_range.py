"""Block ranges: half-open in code, inclusive only in the keys that people read.

A chain's numbers are cut into ranges by its delimiters, `from block → size`. A range never
crosses a delimiter, so a key names the same blocks for ever, also after sizes shrink further up.

    delimiters  0 → 10, 20 → 5
    ranges      [0,10) [10,20) [20,25) [25,30) …
    keys        000000000000-000000000009 …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_KEY = re.compile(r"([0-9]{12})-([0-9]{12})")
_SPAN = re.compile(r"([0-9]+)(?:-([0-9]+))?")
NUMBER_LIMIT = 10**12  # twelve digits, so that keys sort as text in the order of their numbers


@dataclass(frozen=True, order=True)
class BlockRange:
    """Blocks `start` (included) to `stop` (excluded)."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop <= NUMBER_LIMIT:
            raise ValueError(f"not a block range: start {self.start}, stop {self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, number: int) -> bool:
        return self.start <= number < self.stop

    def numbers(self) -> range:
        """The block numbers of the range, ascending."""
        return range(self.start, self.stop)

    def between(self, first: int, last: int) -> range:
        """The block numbers of the range from `first` to `last`, both included; maybe none."""
        return range(max(self.start, first), min(self.stop, last + 1))

    @property
    def key(self) -> str:
        """First and last block, 12 digits each: the partition key and the `block_range` column."""
        return f"{self.start:012d}-{self.stop - 1:012d}"

    @classmethod
    def from_key(cls, key: str) -> BlockRange:
        """The range that `key` names. Raises ValueError for a text that is no key."""
        match = _KEY.fullmatch(key)
        if match is None:
            raise ValueError(f"not a block range key: {key!r} (wanted 12 digits, '-', 12 digits)")
        return cls(int(match[1]), int(match[2]) + 1)

    def intersection(self, other: BlockRange) -> BlockRange | None:
        """The blocks that are in both, or None."""
        start, stop = max(self.start, other.start), min(self.stop, other.stop)
        return BlockRange(start, stop) if start < stop else None


@dataclass(frozen=True)
class Delimiter:
    """From block `start` on, ranges hold `size` blocks."""

    start: int
    size: int


def check_delimiters(delimiters: Sequence[Delimiter]) -> None:
    """Raise ValueError unless they start at 0, ascend, and each span is a multiple of its size."""
    if not delimiters or delimiters[0].start != 0:
        raise ValueError("the first delimiter must start at block 0")
    for delimiter in delimiters:
        if delimiter.size < 1:
            raise ValueError(f"a range size must be at least 1, not {delimiter.size}")
    for low, high in pairwise(delimiters):
        if high.start <= low.start:
            raise ValueError(f"delimiters must ascend: {high.start} follows {low.start}")
        if (high.start - low.start) % low.size:
            raise ValueError(
                f"delimiter {high.start} cuts a range of {low.size} blocks that began before it"
            )


def range_of(number: int, delimiters: Sequence[Delimiter]) -> BlockRange:
    """The range that holds block `number`."""
    if number < 0:
        raise ValueError(f"not a block number: {number}")
    delimiter = max((d for d in delimiters if d.start <= number), key=lambda d: d.start)
    start = number - (number - delimiter.start) % delimiter.size
    return BlockRange(start, start + delimiter.size)


def ranges_between(first: int, last: int, delimiters: Sequence[Delimiter]) -> Iterator[BlockRange]:
    """The ranges that hold blocks `first` to `last` (both included), ascending."""
    number = first
    while number <= last:
        block_range = range_of(number, delimiters)
        yield block_range
        number = block_range.stop


def parse_spans(text: str) -> list[BlockRange]:
    """What a person types: `5`, `10-20` (both included), or several, separated by commas.

    Returns disjoint ranges, ascending. Raises ValueError for a reversed or unreadable span.
    """
    spans: list[BlockRange] = []
    for part in text.replace("_", "").split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"not a span of blocks: {part.strip()!r} (wanted A or A-B)")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"a span must not be reversed: {part.strip()!r}")
        spans.append(BlockRange(first, last + 1))
    return _merge(sorted(spans))


def spans_of(numbers: Sequence[int]) -> list[BlockRange]:
    """The fewest ranges that hold exactly `numbers`, ascending."""
    return _merge([BlockRange(number, number + 1) for number in sorted(set(numbers))])


def _merge(spans: Sequence[BlockRange]) -> list[BlockRange]:
    merged: list[BlockRange] = []
    for span in spans:
        if merged and span.start <= merged[-1].stop:
            merged[-1] = BlockRange(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged
