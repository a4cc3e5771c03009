"""From a block's arrival to its enriched rows by Dagster's sensor and runs, for bench_healing.

    a devnet behind JSON-RPC ─→ the sensor's tick ─→ a queued run ─→ its process ─→ all layers

`dagster dev` runs as a person starts it: daemon, code server and UI in processes of their own, with
the repository's dagster.yaml, the local engine, and DAGSTER_HOME in a temporary folder. Before and
after it a follower takes blocks of the same node into the same lake, to compare like with like.
"""

from __future__ import annotations

import random
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from benchmarks.healing_lake import RANGE, Bench, Watch, bench_chain, followed
from benchmarks.measure import Row
from chain_assets.config import load_settings
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.run_history import run_in_progress
from chain_assets.layers.pipeline import Parts
from chain_assets.ops.database import sqlite_url
from chain_assets.sources.devnet import serve
from chain_assets.sources.rpc.source import RpcSource
from chain_assets_tests.defs.server import ROOT, dagster_dev, wait_until

Pause = Callable[[], None]
BLOCKS = 20
STORED = 300
# A chain with a block a second has the fastest sensor that there is.
_TICK_SECONDS = 5.0
_GIVEN_UP_AFTER = 180.0
# As bench_chain has it, but behind a node: the devnet's head moves in this process, and others see
# it over the network only. What a node tells holds no price of its native token.
_CHAINS = f"""
[chains.devnet]
source = "rpc"
rpc_url_env = ["BENCH_RPC_URL"]
ranges = [{{ from = 0, size = {RANGE} }}]
block_time_seconds = 1.0
requires = []
"""


class _Way(NamedTuple):
    """Seconds of a block's way: from its arrival until a run was asked for, from there until the
    run's process was at work, and from there until the enriched rows were committed."""

    tick: float
    launch: float
    run: float


@dataclass(frozen=True)
class _Served(Bench):
    """A lake of the devnet behind the node at `url`."""

    url: str

    def parts(self, *, patient: bool = False) -> Parts:
        """What the layers work with: the source is the node."""
        name, number, depth = self.chain.name, self.chain.chain_id, self.chain.finality
        source = RpcSource(name, number, (self.url,), finality_depth=depth)
        return replace(super().parts(patient=patient), source=source)


def sensor_path(folder: Path, *, blocks: int = BLOCKS) -> list[Row]:
    """Blocks one by one, each at a random moment between two ticks after the one before is done:
    by a follower, and by the sensor."""
    moments = random.Random(4)

    def pause() -> None:
        time.sleep(moments.uniform(0.0, _TICK_SECONDS))

    with _ended_by_sigterm(), _served(folder) as (bench, environment):
        bench.fill()
        # Half of them before and half after: what else the machine does changes in minutes.
        by_follower = _by_follower(bench, blocks // 2, pause)
        ways = _by_dagster(bench, folder / "home", environment, blocks, pause)
        by_follower += _by_follower(bench, blocks - blocks // 2, pause)
    return _rows(by_follower, ways)


@contextmanager
def _served(folder: Path) -> Iterator[tuple[_Served, Mapping[str, str]]]:
    """The node, a lake of it, and what Dagster's processes have in their environment to find both.

    Lake and ops store lie where `Bench.into` puts them.
    """
    bench = Bench.into(folder, bench_chain(blocks=STORED))
    chains = folder / "chains.toml"
    chains.write_text(_CHAINS)
    with serve(bench.net) as url:
        environment = {
            "CHAIN_ASSETS_CHAINS": str(chains),
            "CHAIN_ASSETS_ENABLED": bench.chain.name,
            "CHAIN_ASSETS_LAKE": bench.tables.storage.uri,
            "CHAIN_ASSETS_OPS": sqlite_url(folder / "ops.db"),
            "CHAIN_ASSETS_ENGINE": "local",
            "BENCH_RPC_URL": url,
        }
        chain = load_settings(environment).chain(bench.chain.name)
        yield _Served(chain, bench.net, bench.tables, bench.ops, url), environment


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does, by way of what ends Dagster's processes."""
    former = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _by_follower(bench: Bench, blocks: int, pause: Pause) -> list[float]:
    watch, taken = Watch(bench), []
    with followed(bench) as bell:
        for _ in range(blocks):
            pause()
            started = time.perf_counter()
            head = bench.net.advance(1)
            bell.ring()
            taken.append(watch.seconds_until(head, since=started))
    return taken


def _by_dagster(
    bench: Bench, home: Path, environment: Mapping[str, str], blocks: int, pause: Pause
) -> list[_Way]:
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    with dagster_dev(home, environment), dg.DagsterInstance.from_config(str(home)) as instance:
        # The first tick and the first run open the range and fill the caches of the disk.
        _by_sensor(bench, instance)
        ways = []
        for _ in range(blocks):
            pause()
            ways.append(_by_sensor(bench, instance))
        # A run that is killed at its checks keeps its lease for a while, in the next one's way.
        wait_until(
            lambda: not run_in_progress(bench.chain, instance, now=time.time()),
            seconds=_GIVEN_UP_AFTER,
            what="the last run to end",
        )
    return ways


def _by_sensor(bench: Bench, instance: dg.DagsterInstance) -> _Way:
    """A block comes. Raises AssertionError where it is not enriched in time."""
    # The clock of Dagster's history.
    arrived = time.time()
    head = bench.net.advance(1)
    block = bench.net.canonical_block(head)
    assert block is not None
    wait_until(
        lambda: bench.enriched(head) == block.hash,
        seconds=_GIVEN_UP_AFTER,
        what=f"block {head} to be enriched by a run of the sensor",
        # Seldom enough to leave the two processors to Dagster.
        every=0.05,
    )
    committed = time.time()
    job = dg.RunsFilter(job_name=layers_job_name(bench.chain))
    record = instance.get_run_records(job, limit=1)[0]
    asked, began = record.create_timestamp.timestamp(), record.start_time
    assert began is not None
    assert arrived < asked < began < committed, "the block was not taken by a run of its own"
    return _Way(asked - arrived, began - asked, committed - began)


def _rows(by_follower: list[float], ways: list[_Way]) -> list[Row]:
    (usual, late), (median, worst) = _spread(by_follower), _spread([sum(way) for way in ways])
    tick, launch, run = (statistics.median(part) for part in zip(*ways, strict=True))
    return [
        ("follow, the same node, median", f"{usual * 1000:.0f} ms", f"of {len(ways)} blocks"),
        ("follow, 95th percentile", f"{late * 1000:.0f} ms", f"{late / usual:.1f} x the median"),
        ("sensor, median", f"{median:.1f} s", f"{median / usual:.0f} x follow's"),
        ("sensor, 95th percentile", f"{worst:.1f} s", f"{worst / late:.0f} x follow's"),
        (
            f"of it: a tick every {_TICK_SECONDS:.0f} s + queue and process + layers",
            f"{tick:.1f} + {launch:.1f} + {run:.1f} s",
            "medians",
        ),
    ]


def _spread(taken: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    return statistics.median(taken), sorted(taken)[round(0.95 * len(taken)) - 1]
