"""JSON to Arrow, ours beside other readers, on one core: `python benchmarks/bench_json.py`.

Each reader runs in a process of its own, so that its peak memory is its own. CPU time counts what
threads do as well. The ratio is to the best of the generic readers, which check less than ours.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.json_peers import READERS
from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, peak_memory, show

BLOCKS = 100
GENERIC = ("orjson by hand", "pyarrow.json", "msgspec", "DuckDB", "Polars")


@dataclass(frozen=True)
class Measured:
    """Median CPU seconds for all blocks, and the megabytes that the reader took at most."""

    seconds: float
    megabytes: float


def measure(name: str, file: Path) -> Measured | str:
    """Runs in a process of its own; why not, where the reader cannot be run."""
    payloads = pickle.loads(file.read_bytes())
    try:
        reader = READERS[name]()
    except ImportError as error:
        return f"{error.name} is not installed"
    before = peak_memory()
    seconds = cpu_seconds(lambda: reader(payloads))
    return Measured(seconds, peak_memory() - before)


def _in_a_process(name: str, file: Path) -> Measured | str:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (name, file))


def main() -> None:
    """Make the blocks, measure, print."""
    # Polars takes its number of threads from here only, at import.
    os.environ["POLARS_MAX_THREADS"] = "1"
    payloads = mainnet_blocks(BLOCKS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "payloads.pickle"
        file.write_bytes(pickle.dumps(payloads))
        results = {name: _in_a_process(name, file) for name in READERS}
    best = min(
        result.seconds
        for name, result in results.items()
        if name in GENERIC and isinstance(result, Measured)
    )
    size = sum(len(raw.payload) for raw in payloads) / 1e6
    rows = [
        (name, result, "", "", "")
        if isinstance(result, str)
        else (
            name,
            f"{size / result.seconds:.0f}",
            f"{BLOCKS / result.seconds:.0f}",
            f"{best / result.seconds:.2f}",
            f"{result.megabytes:.0f}",
        )
        for name, result in results.items()
    ]
    title = f"JSON to Arrow, {BLOCKS} blocks of {1000 * size / BLOCKS:.0f} kB, one core"
    show(title, ("reader", "MB/s", "blocks/s", "ratio", "peak MB"), rows)


if __name__ == "__main__":
    main()
