"""From raw blobs to committed Delta tables: both engines, beside what others do with the blocks.

    python -m benchmarks.bench_pipeline [blocks [growth]]     1000 and 500,5000,20000 by default

Everyone works in a process of its own, after a run to warm up. Times are the median of several
rounds; in each round one runs after the other, so that a machine that slows down slows all. CPU
time is that of a process and all its children: the JVM, Python workers.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.made_blocks import FIRST, MadeBlocks
from benchmarks.measure import show, tree_cpu_seconds, tree_peak_megabytes
from benchmarks.pipeline_contenders import CONTENDERS, WARM_BLOCKS, Contender, Task
from benchmarks.pipeline_lake import fill

# A whole range.
BLOCKS = 1_000
GROWTH = (500, 5_000, 20_000)
ROUNDS = 5
ENGINES = ("chain_assets, local", "chain_assets, Spark")
BASE = "ethereum-etl's mappers"


@dataclass(frozen=True)
class Measured:
    """One run: seconds, rows made, and the megabytes taken at most until then."""

    cpu: float
    wall: float
    rows: int | None
    megabytes: float


class Process:
    """A contender in a process of its own."""

    def __init__(self, name: str, task: Task) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self.missing: str | None = self._pool.submit(_prepare, name, task).result()

    def measure(self) -> Measured:
        """Run it once more."""
        return self._pool.submit(_measure).result()

    def close(self) -> None:
        """End it."""
        if self.missing is None:
            self._pool.submit(_close).result()
        self._pool.shutdown()


_prepared: list[Contender] = []


def _prepare(name: str, task: Task) -> str | None:
    """Make and warm up the contender of this process; what is not installed for it."""
    try:
        _prepared[:] = [CONTENDERS[name](task)]
    except ImportError as error:
        return f"{error.name} is not installed"
    _prepared[0].warm_up()
    return None


def _measure() -> Measured:
    (contender,) = _prepared
    cpu, wall = tree_cpu_seconds(), time.perf_counter()
    rows = contender.run()
    cpu, wall = tree_cpu_seconds() - cpu, time.perf_counter() - wall
    contender.tidy()
    return Measured(cpu, wall, rows, tree_peak_megabytes())


def _close() -> None:
    _prepared.pop().close()


@contextmanager
def _processes(names: Sequence[str], task: Task) -> Iterator[dict[str, Process]]:
    with ExitStack() as stack:
        found = {}
        for name in names:
            found[name] = Process(name, task)
            stack.callback(found[name].close)
        yield found


def side_by_side(task: Task) -> dict[str, list[Measured] | str]:
    """All rounds of all contenders, or why one does not run."""
    with _processes(list(CONTENDERS), task) as processes:
        rounds: dict[str, list[Measured] | str] = {
            name: process.missing or [] for name, process in processes.items()
        }
        for _ in range(ROUNDS):
            for name, process in processes.items():
                results = rounds[name]
                if not isinstance(results, str):
                    results.append(process.measure())
    return rounds


def comparison(task: Task, json_bytes: int) -> list[tuple[object, ...]]:
    """The rows to show: on one core by CPU time, on several by the clock."""
    rounds = side_by_side(task)

    def seconds(run: Measured) -> float:
        return run.cpu if task.cores == 1 else run.wall

    base = rounds[BASE]
    rows: list[tuple[object, ...]] = []
    for name, runs in rounds.items():
        if isinstance(runs, str):
            rows.append((name, runs, *[""] * 5))
            continue
        taken = statistics.median(map(seconds, runs))
        # Round by round: the machine was the same for both.
        pairs = [] if isinstance(base, str) else zip(base, runs, strict=True)
        ratios = [seconds(one) / seconds(own) for one, own in pairs]
        made = runs[0].rows
        rows.append(
            (
                name,
                f"{1000 * taken / task.blocks:.2f}",
                f"{task.blocks / taken:,.0f}",
                f"{made / taken:,.0f}" if made else "-",
                f"{json_bytes / 1e6 / taken:,.0f}",
                f"{max(run.megabytes for run in runs):,.0f}",
                f"{statistics.median(ratios):.2f}" if ratios else "-",
            )
        )
    return rows


def growth(lake: Path, sizes: Sequence[int]) -> list[tuple[object, ...]]:
    """CPU time a block and peak memory of both engines, for ever more blocks, on one core."""
    rows: list[tuple[object, ...]] = []
    for size in sizes:
        found = []
        for name in ENGINES:
            # One after the other and not both at once: the larger runs take minutes.
            with _processes([name], Task(lake, size, 1)) as processes:
                found.append(processes[name].measure())
        local, spark = found
        rows.append(
            (
                f"{size:,} blocks",
                f"{1000 * local.cpu / size:.2f}",
                f"{1000 * spark.cpu / size:.2f}",
                f"{spark.cpu / local.cpu:.2f}",
                f"{local.megabytes:,.0f}",
                f"{spark.megabytes:,.0f}",
            )
        )
    return rows


def main(arguments: Sequence[str]) -> None:
    """Fill a lake, measure, print."""
    blocks = int(arguments[0]) if arguments else BLOCKS
    sizes = tuple(map(int, arguments[1].split(","))) if len(arguments) > 1 else GROWTH
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        fill(lake, [WARM_BLOCKS, blocks, *sizes])
        numbers = range(FIRST, FIRST + blocks)
        size = sum(len(block.payload) for block in MadeBlocks(blocks).blocks(numbers))
        header = ("blocks/s", "rows/s", "MB/s", "peak MB", f"x {BASE}")
        title = f"Blobs to tables, {blocks} blocks of {size / blocks / 1e3:.0f} kB"
        one = comparison(Task(lake, blocks, 1), size)
        show(f"{title}, one core", ("", "CPU ms a block", *header), one)
        every = comparison(Task(lake, blocks, cores), size)
        show(f"{title}, all {cores} cores", ("", "ms a block", *header), every)
        title = f"Growth, {', '.join(ENGINES)}, one core"
        columns = ("local: CPU ms a block", "Spark", "ratio", "local: peak MB", "Spark")
        show(title, ("", *columns), growth(lake, sizes))


if __name__ == "__main__":
    main(sys.argv[1:])
