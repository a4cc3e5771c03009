"""Timing for the benchmarks: CPU time, medians, and a table of ratios."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
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


def tree_cpu_seconds() -> float:
    """CPU time so far of this process and of all that it started: Spark's JVM and its workers."""
    parents: dict[int, int] = {}
    times: dict[int, float] = {}
    tick = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The command's name stands in parentheses and may itself hold spaces.
            fields = stat.read_text().rsplit(")", 1)[1].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            times[pid] = sum(map(int, fields[11:15])) / tick
    own = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(times[pid] for pid in own)


def peak_memory() -> float:
    """Megabytes that this process took at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are given as they should read."""
    table = Table(title=title)
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=140).print(table)
