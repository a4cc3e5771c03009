"""What healing costs: a repair, a reorg, a followed block, a kill.

    python -m benchmarks.bench_healing [repair] [follow] [sensor] [recovery]

All on devnet, with the local engine, into a lake on the local disk:

    repair      1 block of a range of 1,000 through all layers, beside making the whole range
    reorg       20 blocks deep, from the moment at which the node has it to the last enriched row,
                followed by a follower of a chain with a block a second
    follow      from a block's arrival to its enriched rows committed, a block at a time
    sensor      the same by Dagster's sensor and runs, beside a follower of the same node
    recovery    a process is killed with SIGKILL while it writes; how long the next one takes until
                everything is as it should be

Ratios count; times are those of this machine at this moment. Repair and rewriting are CPU seconds.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.healing_lake import Bench, Watch, bench_chain, followed
from benchmarks.measure import Row, show
from benchmarks.repairs import repair
from benchmarks.sensor_path import sensor_path
from chain_assets.chains import Chain
from chain_assets.layers.following import Bell

FOLLOWED = 60
DEPTH = 20
KILLS = 5


def follow_blocks(folder: Path) -> list[Row]:
    """Blocks one by one, each when the one before is done; then a reorg among blocks that come
    every second."""
    bench = Bench.into(folder, bench_chain(blocks=300))
    bench.fill()
    watch = Watch(bench)
    with followed(bench) as bell:
        taken = []
        for _ in range(FOLLOWED):
            time.sleep(0.1)
            started = time.perf_counter()
            head = bench.net.advance(1)
            bell.ring()
            taken.append(watch.seconds_until(head, since=started))
        reorg = _reorg(bench, bell, watch)
    taken.sort()
    median, worst = statistics.median(taken), taken[round(0.95 * len(taken)) - 1]
    return [
        ("follow, median", f"{median * 1000:.0f} ms", f"of {FOLLOWED} blocks"),
        ("follow, 95th percentile", f"{worst * 1000:.0f} ms", f"{worst / median:.1f} x the median"),
        (f"reorg of {DEPTH} blocks", f"{reorg:.2f} s", f"{reorg:.1f} block times of 1 s"),
    ]


def _reorg(bench: Bench, bell: Bell, watch: Watch) -> float:
    started = time.perf_counter()
    head = bench.net.reorg(DEPTH)
    bell.ring()
    ended = threading.Event()

    def blocks_come() -> None:
        while not ended.wait(bench.chain.block_time_seconds):
            bench.net.advance(1)
            bell.ring()

    coming = threading.Thread(target=blocks_come)
    coming.start()
    seconds = watch.seconds_until(head, since=started)
    ended.set()
    coming.join()
    return seconds


def _run_until_killed(folder: Path, chain: Chain, started: Path) -> None:
    bench = Bench.into(folder, chain)
    started.touch()
    bench.fill()


def recovery(folder: Path) -> list[Row]:
    """Kills at random moments of a run over 100 blocks."""
    chain = bench_chain(blocks=100)
    moments = random.Random(3)
    whole, taken = _uninterrupted(folder / "whole", chain), []
    for attempt in range(KILLS):
        place = folder / str(attempt)
        place.mkdir()
        started = place / "started"
        process = multiprocessing.get_context("spawn").Process(
            target=_run_until_killed, args=(place, chain, started)
        )
        process.start()
        while not started.exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.1, 0.9) * whole)
        process.kill()
        process.join()
        taken.append(_recovered(place, chain))
    slowest, median = max(taken), statistics.median(taken)
    return [
        (
            "recovery after SIGKILL, median",
            f"{median:.2f} s",
            f"{median / whole:.2f} x a clean run",
        ),
        ("slowest recovery", f"{slowest:.2f} s", f"of {KILLS} kills"),
    ]


def _uninterrupted(folder: Path, chain: Chain) -> float:
    folder.mkdir()
    started = time.perf_counter()
    Bench.into(folder, chain).fill()
    return time.perf_counter() - started


def _recovered(folder: Path, chain: Chain) -> float:
    """Seconds of the next run, on the machine of the killed one."""
    bench = Bench.into(folder, chain)
    started = time.perf_counter()
    bench.fill()
    return time.perf_counter() - started


BENCHES: dict[str, Callable[[Path], list[Row]]] = {
    "repair": repair,
    "follow": follow_blocks,
    "sensor": sensor_path,
    "recovery": recovery,
}


def main() -> None:
    """Print the table; arguments name the parts that are wanted."""
    rows: list[Row] = []
    for name in sys.argv[1:] or BENCHES:
        with tempfile.TemporaryDirectory() as folder:
            rows += BENCHES[name](Path(folder))
    show("healing", ["", "time", ""], rows)


if __name__ == "__main__":
    main()
