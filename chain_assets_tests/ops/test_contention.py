"""Many threads and many processes at once, on both databases, with the real clock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from chain_assets.ops.database import Database, sqlite_url
from chain_assets.ops.hold_rules import Failure
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import open_store
from chain_assets_tests.ops.contenders import (
    KEY,
    contend,
    contend_in,
    hold_through_a_pause,
    open_together,
    take_and_die,
    tokens_seen,
)


def processes(count: int) -> Executor:
    """New interpreters, as they are on different machines."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def assert_one_at_a_time(folder: Path, times: int) -> None:
    tokens = tokens_seen(folder)
    assert len(tokens) == times
    assert tokens == sorted(set(tokens))


def test_of_many_threads_one_has_the_lease_at_a_time(url: str, tmp_path: Path) -> None:
    with open_store(url) as ops, ThreadPoolExecutor(16) as pool:
        done = [pool.submit(contend_in, ops, tmp_path, f"thread {n}", 8) for n in range(16)]
        refused = sum(future.result() for future in done)
    assert refused, "nobody ever met another one: the test showed nothing"
    assert_one_at_a_time(tmp_path, 128)


def test_of_many_processes_one_has_the_lease_at_a_time(url: str, tmp_path: Path) -> None:
    with processes(6) as pool:
        done = [pool.submit(contend, url, tmp_path, f"process {n}", 20, 6) for n in range(6)]
        refused = sum(future.result() for future in done)
    assert refused, "nobody ever met another one: the test showed nothing"
    assert_one_at_a_time(tmp_path, 120)


@pytest.mark.parametrize("executor", [processes, ThreadPoolExecutor], ids=["processes", "threads"])
def test_a_new_store_may_be_opened_by_all_at_once(
    url: str, tmp_path: Path, executor: Callable[[int], Executor]
) -> None:
    with executor(6) as pool:
        done = [pool.submit(open_together, url, tmp_path, f"opener {n}", 6) for n in range(6)]
        assert [future.result() for future in done] == [0] * 6


def test_the_lease_of_a_process_that_died_is_inherited_when_it_runs_out(url: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=take_and_die, args=(url,))
    process.start()
    process.join()
    assert process.exitcode == 9
    with open_store(url) as ops, ops.held(KEY, wait=10) as lease:
        assert lease.inherited
        assert [line.action for line in ops.audit.lines()] == ["lease inherited"]


def test_many_new_stores_may_be_opened_by_threads_of_one_process(tmp_path: Path) -> None:
    urls = [sqlite_url(tmp_path / f"{n}.db") for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda url: open_store(url).close(), urls))
    for url in urls:
        with open_store(url) as ops:
            assert ops.holds.find() == ()


def test_a_store_in_the_hands_of_a_writer_is_opened_when_it_lets_go(tmp_path: Path) -> None:
    """SQLite does not wait by itself where the file is to change its way of journaling."""
    file = tmp_path / "ops.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as writer,
        ThreadPoolExecutor() as pool,
    ):
        writer.execute("BEGIN IMMEDIATE")
        opening = pool.submit(open_store, sqlite_url(file))
        assert not wait([opening], timeout=0.3).done
        writer.execute("ROLLBACK")
        with opening.result() as ops:
            assert ops.holds.find() == ()
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def connection_of(database: Database) -> int:
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        return id(connection.connection.dbapi_connection)


def test_a_forked_child_goes_on_with_a_connection_of_its_own(url: str) -> None:
    database = open_database(url)
    ours = connection_of(database)
    child = os.fork()
    if child == 0:
        # A child of pytest must not go on as pytest, whatever happens.
        try:
            gone_on = connection_of(database) != ours
            database.close()
            os._exit(0 if gone_on else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert connection_of(database) == ours


def test_counts_of_attempts_lose_nothing_to_each_other(url: str) -> None:
    failure = Failure(7, "enrich", "000000000000-000000000999", "no price")
    with open_store(url) as ops, ThreadPoolExecutor(8) as pool:
        done = [pool.submit(ops.holds.put, "ethereum", [failure]) for _ in range(40)]
        attempts = sorted(future.result()[0].attempts for future in done)
    assert attempts == list(range(1, 41))


def test_a_question_that_all_ask_at_once_is_put_to_a_person_once(url: str) -> None:
    with open_store(url) as ops, ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(ops.approvals.request, "backfill", "base", "0-9", what="Fill", by=f"{n}")
            for n in range(16)
        ]
        assert len({future.result().id for future in asked}) == 1
        assert len(ops.approvals.all()) == 1


def test_watermarks_raised_by_all_at_once_end_at_the_highest(url: str) -> None:
    with open_store(url) as ops, ThreadPoolExecutor(8) as pool:
        numbers = [n * 37 % 64 for n in range(64)]
        list(pool.map(lambda n: ops.watermarks.raise_watermark("base", n, bytes([n])), numbers))
        top = ops.watermarks.watermark("base")
    assert top is not None
    assert (top.number, top.hash) == (63, b"\x3f")


def test_a_holder_that_the_system_stopped_learns_that_it_is_too_late(url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=hold_through_a_pause, args=(url, theirs))
    process.start()
    try:
        assert ours.recv() == "held"
        os.kill(process.pid or 0, signal.SIGSTOP)
        with open_store(url) as ops, ops.held(KEY, wait=10) as lease:
            assert lease.inherited
            os.kill(process.pid or 0, signal.SIGCONT)
            ours.send("go on")
            assert ours.recv() == "lost"
            process.join()
            # And it did not give back what was not its own any more.
            assert [live.token for live in ops.leases.live()] == [lease.token]
    finally:
        process.kill()
        process.join()
