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
# A row of a printed table.
Row = tuple[object, ...]


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
    tick = os.sysconf("SC_CLK_TCK")
    # Of its own, and of children that have ended.
    return sum(sum(map(int, fields[11:15])) for fields in _tree().values()) / tick


def tree_peak_megabytes() -> float:
    """Megabytes that this process and those that it started took, each at its highest, together."""
    total = 0
    for pid in _tree():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return total / 1024


def _tree() -> dict[int, list[str]]:
    """What /proc/PID/stat says of this process and its descendants, from the state on."""
    found: dict[int, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The command's name stands in parentheses and may itself hold spaces.
            found[int(stat.parent.name)] = stat.read_text().rsplit(")", 1)[1].split()
    own = {os.getpid()}
    while more := {pid for pid, fields in found.items() if int(fields[1]) in own} - own:
        own |= more
    return {pid: found[pid] for pid in own}


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
