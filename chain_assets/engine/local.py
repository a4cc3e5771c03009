"""Tasks in threads of this process: for a few blocks, for tests, and where there is no Java."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class LocalEngine:
    """Reading, (de)compression and Parquet leave the GIL, so threads overlap them.

    The threads stay as long as the engine does. New ones for each range would leave the memory of
    those before them in pieces: over thousands of ranges the process would grow and grow.
    """

    name = "local"

    def __init__(self, parallelism: int | None = None) -> None:
        self.parallelism = parallelism or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self.parallelism, thread_name_prefix="chain-assets")

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """The results, in the order of the tasks; after an error no further task starts."""
        if len(tasks) <= 1 or self.parallelism == 1:
            yield from (function(task) for task in tasks)
            return
        ended = Event()

        def run(task: T) -> R:
            # Tasks start in order, so the error that ended it is met before any of these.
            if ended.is_set():
                raise CancelledError
            try:
                return function(task)
            except BaseException:
                ended.set()
                raise

        futures = [self._pool.submit(run, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        finally:
            ended.set()
            # Whoever goes on after an error must not meet a task that is still writing.
            wait(futures)
