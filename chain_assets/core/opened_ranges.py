"""The ranges that are open as partitions, in the order in which they were opened.

    0 10 20 30 | 0-19 | 500 | 40 50     keys as Dagster lists them; `0-19` and `500` a person added
    0 10 20 30 40 50                    what opening goes on from: each begins where one before ends

Partitions are kept in the order in which they were added, and a run over several slices that order.
So all ranges are opened ascending; a person can add any text as a partition at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain_assets.core.block_range import BlockRange, Delimiter, range_of


def chain_ranges(keys: Sequence[str], delimiters: Sequence[Delimiter]) -> list[BlockRange]:
    """Those of `keys` that name ranges of the chain, as ranges, in the same order."""
    found = (_range_named(key, delimiters) for key in keys)
    return [block_range for block_range in found if block_range is not None]


def stray_keys(keys: Sequence[str], delimiters: Sequence[Delimiter]) -> list[str]:
    """Those of `keys` that name no range of the chain."""
    return [key for key in keys if _range_named(key, delimiters) is None]


def ranges_to_open(
    ranges: Sequence[BlockRange], opened: Sequence[BlockRange]
) -> tuple[BlockRange, ...]:
    """Those of `ranges` after the last one opened, but for any that is open.

    Older ones are left out: they would stand behind newer ones for ever. One that a person opened
    above the head keeps none from being opened.
    """
    stop = 0
    for block_range in opened:
        if not stop or block_range.start == stop:
            stop = block_range.stop
    there = set(opened)
    return tuple(r for r in ranges if r.start >= stop and r not in there)


def neighbours(ranges: Sequence[BlockRange], order: Sequence[str]) -> list[list[BlockRange]]:
    """Ascending `ranges` in groups, each without a hole, in which `order` has no other key."""
    place = {key: position for position, key in enumerate(order)}
    groups: list[list[BlockRange]] = []
    for block_range in ranges:
        before = groups[-1][-1] if groups else None
        if (
            before is None
            or before.stop != block_range.start
            or place[before.key] + 1 != place[block_range.key]
        ):
            groups.append([])
        groups[-1].append(block_range)
    return groups


def _range_named(key: str, delimiters: Sequence[Delimiter]) -> BlockRange | None:
    try:
        block_range = BlockRange.from_key(key)
    except ValueError:
        return None
    return block_range if range_of(block_range.start, delimiters) == block_range else None
