"""Cutting the blocks of a range into tasks of about equal bytes, and a task into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar


class Sized(Protocol):
    """Anything that knows its bytes."""

    @property
    def size_bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


def pack(
    items: Sequence[T], *, parallelism: int, target_bytes: int, least_items: int
) -> list[tuple[T, ...]]:
    """Split `items` into runs, in order, each of about equal bytes.

    As many runs as `target_bytes` asks for, at least `parallelism`, but none of fewer than
    `least_items` on average: columnar kernels lose their gain on a few blocks, and a range of
    small blocks would end in many small files. An item larger than a share is a run of its own.
    """
    if not items:
        return []
    total = sum(item.size_bytes for item in items)
    wanted = max(parallelism, -(-total // target_bytes))
    count = max(1, min(wanted, len(items) // least_items))
    share = total / count
    runs: list[list[T]] = [[]]
    filled = 0
    for item in items:
        if runs[-1] and filled + item.size_bytes / 2 > share * len(runs) and len(runs) < count:
            runs.append([])
        runs[-1].append(item)
        filled += item.size_bytes
    return [tuple(run) for run in runs]


def batches(items: Iterable[T], *, most_items: int, most_bytes: int) -> Iterator[tuple[T, ...]]:
    """Split `items` into runs, in order, none of more items or bytes; one item is always a run.

    Of an iterator one item more than a run is asked for before the run is given.
    """
    run: list[T] = []
    filled = 0
    for item in items:
        if run and (len(run) == most_items or filled + item.size_bytes > most_bytes):
            yield tuple(run)
            run, filled = [], 0
        run.append(item)
        filled += item.size_bytes
    if run:
        yield tuple(run)
