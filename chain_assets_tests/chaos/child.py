"""What a process does that is to be killed: the pipeline, as a user's command runs it.

job ─→ arm the fault points ─→ reference rows, raw, decoded, enriched ─→ outcome
              └─→ a line in the job's log for each point met, and death at the one it was told

Log and outcome are files, since nothing else of the process survives it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import ChainAssetsError, StorageFailed
from chain_assets.core.fault_points import FaultPoint, arm
from chain_assets.core.retries import RetryPolicy
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.storage import ObjectStore, Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Parts, Writer, run_blocks, write_reference
from chain_assets.layers.report import no_progress
from chain_assets.ops.migrate import open_database
from chain_assets.ops.rates import SharedRate
from chain_assets.ops.store import OpsStore, process_name
from chain_assets.sources.budget import Budget, BudgetedSource
from chain_assets.sources.rpc.source import RpcSource
from chain_assets_tests.chaos.points import Place, place_of
from chain_assets_tests.lake_fixtures import registry

# A killed writer's range is free again after so many seconds.
LEASE_SECONDS = 1.0
# Holds are due again, and dead letters, within the storm.
RETRIES = RetryPolicy(first_wait=0.5, longest_wait=4.0, most_attempts=5)
_TIMEOUT_SECONDS = 1.5
# Begins a line of a log: its process was killed there.
KILLED = "!"


@dataclass(frozen=True)
class Ambush:
    """At its `hit`-th visit of `place` the process is killed, stopped (to be let go on later), or
    takes so long that its lease has to be extended."""

    place: Place
    hit: int
    action: Literal["kill", "stop", "linger"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the pipeline. `failing_puts` is how many of the store's puts fail, 0 to 1;
    `retry` has all holds tried again first, as a person's command does."""

    chain: Chain
    url: str
    lake: Storage
    ops_url: str
    log: Path
    spans: tuple[BlockRange, ...]
    seed: int
    reference: ReferenceTables | None = None
    patient: bool = False
    refreshes: bool = False
    retry: bool = False
    ambushes: tuple[Ambush, ...] = ()
    failing_puts: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a job ended by itself: the error's name and text, "" where there was none.

    `expected`: it is one of ours that says that the same may succeed later, or asks a person.
    """

    error: str = ""
    text: str = ""
    expected: bool = True


def run_job(job: Job) -> None:
    """Do `job`, and leave its outcome in the file beside its log."""
    random.seed(job.seed)
    arm(_Watch(job))
    try:
        _run(job)
        outcome = Outcome()
    except ChainAssetsError as error:
        name = type(error).__name__
        outcome = Outcome(name, str(error), error.transient or name == "ChainHalted")
    except BaseException as error:  # noqa: BLE001 - whatever it is, the storm has to hear of it
        outcome = Outcome(type(error).__name__, traceback.format_exc(), expected=False)
    arm(None)
    outcome_file(job).write_text(json.dumps(vars(outcome)))


def outcome_file(job: Job) -> Path:
    """Where a job leaves its outcome; it is not there where the job was killed."""
    return job.log.with_suffix(".json")


def _run(job: Job) -> None:
    tables = LakeTables(job.lake)
    if job.failing_puts:
        tables.store = _Unreliable(tables.store, job.failing_puts, random.Random(job.seed))
    database = open_database(job.ops_url)
    actor = process_name()
    with OpsStore(database, actor=actor, retries=RETRIES, lease_seconds=LEASE_SECONDS) as ops:
        writer = Writer(tables, ops, job.log.stem, job.patient, job.refreshes)
        if job.reference is not None:
            write_reference(job.chain, job.reference, writer)
        if job.retry:
            _retry(ops, job.chain.name)
        node = RpcSource(
            job.chain.name,
            job.chain.chain_id,
            [job.url],
            finality_depth=job.chain.finality,
            attempts=2,
            timeout_seconds=_TIMEOUT_SECONDS,
            sleep=lambda seconds: time.sleep(min(seconds, 0.05)),
        )
        # As a chain's limit has it, but so that nobody waits.
        rate = SharedRate(ops.rates, job.chain.name, per_second=1e6)
        source = BudgetedSource(node, Budget(rate=rate), job.chain.name)
        parts = Parts(source, writer, LocalEngine(1), registry())
        run_blocks(job.chain, job.spans, parts, progress=lambda layer: no_progress)


def _retry(ops: OpsStore, chain: str) -> None:
    ops.holds.retry(chain, {hold.number for hold in ops.holds.find(chain)}, who="a person")


class _Watch:
    """Logs the fault points that a process meets, and springs its ambush."""

    def __init__(self, job: Job) -> None:
        self._file = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._ambushes = job.ambushes
        self._met: Counter[Place] = Counter()

    def __call__(self, point: FaultPoint, part: str) -> None:
        place = place_of(point, part)
        self._write(place)
        self._met[place] += 1
        for ambush in self._ambushes:
            if ambush.place == place and ambush.hit == self._met[place]:
                self._spring(ambush)

    def _spring(self, ambush: Ambush) -> None:
        if ambush.action == "kill":
            self._write(ambush.place, KILLED)
            os.kill(os.getpid(), signal.SIGKILL)
        elif ambush.action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            time.sleep(LEASE_SECONDS / 2)

    def _write(self, place: Place, sign: str = "") -> None:
        # One call a line: other threads, and an end at any moment, leave lines whole.
        os.write(self._file, f"{sign}{place.point}|{place.part}\n".encode())


class _Unreliable:
    """A store of which some puts fail, half of them after the object is there."""

    def __init__(self, store: ObjectStore, share: float, draws: random.Random) -> None:
        self._store, self._share, self._draws = store, share, draws

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        fails = self._draws.random() < self._share
        if not fails or self._draws.random() < 0.5:
            self._store.put(path, data)
        if fails:
            raise StorageFailed(f"{path} cannot be written: the store failed, as it was told to")

    def settle(self, path: str) -> None:
        self._store.settle(path)

    def get(self, path: str) -> bytes:
        return self._store.get(path)

    def open(self, path: str) -> pa.NativeFile:
        return self._store.open(path)

    def sizes(self, prefix: str) -> dict[str, int]:
        return self._store.sizes(prefix)

    def move(self, path: str, to: str) -> None:
        self._store.move(path, to)
