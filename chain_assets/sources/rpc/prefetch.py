"""Work done ahead on threads, handed out in order, within a bounded window."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Task, Callable[[], bool]], Result],
    tasks: Iterable[Task],
    *,
    threads: int,
    window: int,
) -> Generator[Result, None, None]:
    """`work(task, is_called_off)` for each of `tasks`, yielded in their order.

    At most `window` results are under way or wait to be taken: a consumer that is slower than the
    node bounds the memory. An exception of `work` is raised at its place. However the generator
    ends (done, error, closed early), the threads have ended before it returns.
    """
    called_off = threading.Event()
    queue = iter(tasks)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="blocks")
    try:
        for task in islice(queue, window):
            waiting.append(pool.submit(work, task, called_off.is_set))
        while waiting:
            result = waiting.popleft().result()
            for task in islice(queue, 1):
                waiting.append(pool.submit(work, task, called_off.is_set))
            yield result
    finally:
        called_off.set()
        pool.shutdown(wait=True, cancel_futures=True)
