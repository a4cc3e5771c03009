"""Timing for the benchmarks: CPU time, medians, and a table of ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")


def cpu_seconds(function: Callable[[], object], *, times: int = 5) -> float:
    """Median CPU time of this process (all threads) over `times` calls, after one to warm up.

    CPU time, not wall time: machines that run benchmarks run other things too.
    """
    function()
    taken = []
    for _ in range(times):
        gc.collect()
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are given as they should read."""
    table = Table(title=title)
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=140).print(table)
