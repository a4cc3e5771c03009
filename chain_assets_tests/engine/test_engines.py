"""Both engines: the same results in the same order, and a task's error as it was raised."""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from chain_assets.core.errors import BlobCorrupt, ChainAssetsError, DecodeError
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.engine.spark import SparkEngine, spark_config
from chain_assets_tests.lake_fixtures import Pipeline, assert_same, contents, spark_engine


@pytest.fixture(params=["local", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return LocalEngine(2) if request.param == "local" else spark_engine()


def test_results_come_in_the_order_of_the_tasks(engine: Engine) -> None:
    tasks = list(range(21))  # more than one wave of Spark's
    assert list(engine.map(_square, tasks)) == [number * number for number in tasks]


def test_no_task_no_result(engine: Engine) -> None:
    assert list(engine.map(_square, [])) == []


def test_our_error_comes_back_with_its_class_and_place(engine: Engine) -> None:
    with pytest.raises(BlobCorrupt) as caught:
        list(engine.map(_fail_at_two, [0, 1, 2, 3]))
    error = caught.value
    assert (error.chain, error.block, error.table) == ("devnet", 2, "raw_blocks")
    assert str(error) == "devnet, block 2, raw_blocks: is damaged. Fetch it again"


def test_the_first_of_several_errors_is_raised(engine: Engine) -> None:
    with pytest.raises(DecodeError, match="block 1"):
        list(engine.map(_fail_always, [1, 2, 3]))


def test_any_other_error_is_not_swallowed(engine: Engine) -> None:
    with pytest.raises(Exception, match="division by zero") as caught:
        list(engine.map(_divide, [1, 0]))
    assert not isinstance(caught.value, ChainAssetsError)


def test_tasks_and_results_keep_bytes_and_nothing(engine: Engine) -> None:
    tasks = [b"\x00\xff", None, ("a", 1)]
    assert list(engine.map(_itself, tasks)) == tasks


def test_after_an_error_no_further_local_task_starts(tmp_path: Path) -> None:
    tasks = [str(tmp_path / str(number)) for number in range(50)]
    with pytest.raises(DecodeError):
        list(LocalEngine(1).map(_touch_then_fail, tasks))
    assert len(list(tmp_path.iterdir())) < len(tasks)


def test_local_tasks_run_in_the_same_threads_however_often() -> None:
    engine = LocalEngine(2)
    threads = {name for _ in range(5) for name in engine.map(_thread, range(8))}
    assert len(threads) == 2


def test_no_local_task_is_still_at_work_when_an_error_is_raised() -> None:
    working: set[int] = set()

    def work(task: int) -> None:
        working.add(task)
        time.sleep(0.02 * task)
        working.discard(task)
        if task == 0:
            raise ValueError("the first")

    with pytest.raises(ValueError, match="the first"):
        list(LocalEngine(3).map(work, range(6)))
    assert working == set()


def test_spark_workers_run_this_interpreter() -> None:
    assert set(spark_engine().map(_interpreter, [1, 2, 3])) == {sys.executable}


def test_a_spark_worker_keeps_its_modules_out_of_each_collection() -> None:
    engine = spark_engine()
    list(engine.map(_square, [1, 2]))
    assert all(count > 10_000 for count in engine.map(_frozen_objects, [1, 2]))


def test_no_session_is_opened_for_no_tasks() -> None:
    assert list(SparkEngine(_no_session).map(_square, [])) == []


def test_only_local_spark_is_kept_off_the_network() -> None:
    assert spark_config("local[*]")["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.driver.bindAddress" not in spark_config("spark://host:7077")


def test_both_engines_make_the_same_tables(tmp_path: Path) -> None:
    local = Pipeline.on_devnet(tmp_path / "local")
    spark = local.into(tmp_path / "spark", engine=spark_engine())
    for pipeline in (local, spark):
        pipeline.run(0, 24)
    assert_same(contents(local.tables), contents(spark.tables))


def test_a_run_with_nothing_to_do_starts_no_session(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 5)
    again = pipeline.into(tmp_path, engine=SparkEngine(_no_session))
    assert not any(report.changed for report in again.run(0, 5))


def _no_session() -> NoReturn:
    raise AssertionError("a JVM would be started for nothing")


def _frozen_objects(_: object) -> int:
    return gc.get_freeze_count()


def _thread(_: int) -> str:
    time.sleep(0.01)
    return threading.current_thread().name


def _square(number: int) -> int:
    return number * number


def _itself(task: object) -> object:
    return task


def _divide(number: int) -> float:
    return 1 / number


def _interpreter(task: int) -> str:
    return sys.executable


def _fail_always(number: int) -> None:
    raise DecodeError("is wrong", chain="devnet", block=number)


def _fail_at_two(number: int) -> int:
    if number == 2:
        raise BlobCorrupt(
            "is damaged", chain="devnet", block=2, table="raw_blocks", todo="Fetch it again"
        )
    return number


def _touch_then_fail(path: str) -> None:
    Path(path).touch()
    raise DecodeError("is wrong")
