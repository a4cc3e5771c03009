"""Tasks on Spark's executors: a DataFrame of one row a task goes through `mapInArrow`.

    driver    one row a task (its index), one Spark partition a task; the pickled tasks travel
              with the function
    executor  mapInArrow: unpickle, run, pickle the result or the error
    driver    collect, in order; commit to Delta (elsewhere)

Only descriptions and results pass the JVM: moving rows through it costs several times the decode.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from chain_assets.core.errors import ChainAssetsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")
R = TypeVar("R")
_RESULT_SCHEMA = "index bigint, result binary, failed boolean"
# Tasks are handed over in waves, so that progress shows and an early error ends a long backfill.
_WAVES_PER_SLOT = 4
# How a worker's allocators (glibc's for NumPy, mimalloc for Arrow) are to keep the memory that one
# batch leaves for the next. By default they give it back, and to have each page of it cleared once
# more takes a tenth of a worker's time. What a worker needs at most stays the same.
_KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MIMALLOC_PURGE_DELAY": "-1",
}


def spark_config(master: str) -> dict[str, Any]:
    """Spark settings for one machine (`local[*]`) or a cluster, each with its reason."""
    config = {
        "spark.master": master,
        "spark.app.name": "chain_assets",
        # Tasks are coarse; no shuffle of ours needs the default of 200 partitions.
        "spark.sql.shuffle.partitions": "8",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        **{f"spark.executorEnv.{name}": value for name, value in _KEPT_MEMORY.items()},
    }
    if master.startswith("local"):
        # Nothing listens on the network, and the JVM only carries task descriptions.
        config |= {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            # So little Java runs that its optimizing compiler and its parallel collector take more
            # time than they save: half of what the JVM takes for a job.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.python.worker.reuse": "true",
        }
    return config


def prepare_python_workers() -> None:
    """Let Spark's Python workers be of this interpreter; its default, `python3`, may be another."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)


class SparkEngine:
    """`session` is called when the first task comes: a run with nothing to do starts no JVM."""

    name = "spark"

    def __init__(self, session: Callable[[], SparkSession]) -> None:
        self._open = session
        self._session: SparkSession | None = None

    @property
    def session(self) -> SparkSession:
        """The session, opened on first use."""
        if self._session is None:
            prepare_python_workers()
            self._session = self._open()
        return self._session

    @property
    def parallelism(self) -> int:
        """Cores of all executors, as Spark counts them."""
        return int(self.session.sparkContext.defaultParallelism)

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """The results, in the order of the tasks. Raises a task's own ChainAssetsError."""
        if not tasks:
            return
        remaining = iter(tasks)
        while wave := list(islice(remaining, self.parallelism * _WAVES_PER_SLOT)):
            yield from self._run(function, wave)

    def _run(self, function: Callable[[T], R], wave: Sequence[T]) -> Iterator[R]:
        # Made of rows that hold the tasks, the frame would pass through Python once more.
        frame = self.session.range(0, len(wave), step=1, numPartitions=len(wave))
        tasks = [pickle.dumps(task) for task in wave]
        results = frame.mapInArrow(_worker(function, tasks), _RESULT_SCHEMA).collect()
        for row in sorted(results, key=lambda row: row["index"]):
            result = pickle.loads(row["result"])
            if row["failed"]:
                raise result
            yield result


def _worker(
    function: Callable[[Any], Any], tasks: Sequence[bytes]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in (index for batch in batches for index in batch[0].to_pylist()):
            try:
                result, failed = function(pickle.loads(tasks[index])), False
            except ChainAssetsError as error:
                # Raised here it would reach the driver as text, without its class and place.
                result, failed = error, True
            yield pa.RecordBatch.from_pylist(
                [{"index": index, "result": pickle.dumps(result), "failed": failed}]
            )
        _exempt_what_is_loaded()

    return run


@cache
def _exempt_what_is_loaded() -> None:
    """Let a worker's garbage collector pass over all that it holds after its first task.

    Spark's Python daemon collects after each task: looking through the modules and the compiled
    kernels each time takes as long as decoding dozens of blocks.
    """
    gc.freeze()
