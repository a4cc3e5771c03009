"""Blocks of a range as tasks of about equal bytes, run by an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from chain_assets.core.packing import Sized, pack
from chain_assets.engine.protocol import Engine
from chain_assets.layers.report import Progress


class Done(Protocol):
    """What a task gives back; `blocks` is how many it was about."""

    @property
    def blocks(self) -> int: ...


T = TypeVar("T", bound=Sized)
R = TypeVar("R", bound=Done)


def run_tasks(
    task: Callable[[Sequence[T]], R],
    blocks: Sequence[T],
    engine: Engine,
    *,
    target_bytes: int,
    least_blocks: int,
    progress: Progress,
) -> list[R]:
    """The results of `task` over all `blocks`, in their order. Raises what a task raises."""
    if not blocks:
        # An engine that is asked for nothing, its parallelism included, must not start: Spark takes
        # seconds.
        return []
    tasks = pack(
        blocks,
        parallelism=engine.parallelism,
        target_bytes=target_bytes,
        least_items=least_blocks,
    )
    results = []
    for result in engine.map(task, tasks):
        progress(result.blocks)
        results.append(result)
    return results
