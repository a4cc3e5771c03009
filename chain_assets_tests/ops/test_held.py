"""Holding a lease while work is done: extended by a thread, given back, and told when lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from chain_assets.core.errors import LeaseLost, LeaseTaken
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import OpsStore, open_store
from chain_assets_tests.ops.clock import Clock
from chain_assets_tests.ops.statements import change

KEY = LeaseKey("ethereum", "000000000000-000000000999", "decoded")


def lease_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lease ")]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_work_may_take_much_longer_than_the_lease(url: str) -> None:
    with open_store(url) as ops, ops.held(KEY, ttl=1.5) as lease:
        for _ in range(20):
            time.sleep(0.2)
            lease.check()
        with pytest.raises(LeaseTaken):
            ops.leases.acquire(KEY, owner="other", ttl=1)


def test_the_lease_is_given_back_and_its_thread_ends(ops: OpsStore) -> None:
    with ops.held(KEY) as lease:
        assert lease_threads() == [f"lease {KEY}"]
        assert (lease.key, lease.inherited) == (KEY, False)
        assert lease.token == ops.leases.live()[0].token
        assert ops.leases.live()[0].owner == "tester"
    assert lease_threads() == []
    assert ops.leases.live() == ()


def test_the_lease_is_given_back_after_an_error_too(ops: OpsStore) -> None:
    with pytest.raises(ZeroDivisionError), ops.held(KEY):
        _ = 1 / 0
    assert lease_threads() == []
    assert not ops.leases.acquire(KEY, owner="next", ttl=60).inherited


def test_a_holder_that_was_paused_beyond_its_end_is_told_before_it_asks_anybody(
    ops: OpsStore, clock: Clock
) -> None:
    with ops.held(KEY, ttl=60) as lease:
        clock.sleep(59)
        lease.check()
        clock.sleep(1)
        with pytest.raises(LeaseLost, match="run the range again"):
            lease.check()
    # It was not given back: the next one has to expect its late writes.
    assert ops.leases.acquire(KEY, owner="next", ttl=60).inherited


def test_the_thread_tells_that_the_lease_was_taken_over(url: str) -> None:
    with open_store(url) as ops, ops.held(KEY, ttl=6) as lease:
        with open_store(url, clock=lambda: time.time() + 100) as ahead:
            ahead.leases.acquire(KEY, owner="with a clock that is ahead", ttl=60)
        began = time.monotonic()
        wait_until(lambda: lease_threads() == [])
        with pytest.raises(LeaseLost):
            lease.check()
        assert time.monotonic() - began < 6, "the end of the lease told it, not the thread"


def test_a_taken_lease_is_waited_for(ops: OpsStore, clock: Clock) -> None:
    ops.leases.acquire(KEY, owner="one:1", ttl=20)
    with pytest.raises(LeaseTaken), ops.held(KEY, wait=10, sleep=clock.sleep):
        pytest.fail("it was free")
    with ops.held(KEY, wait=10, sleep=clock.sleep) as lease:
        assert lease.inherited


def test_without_a_wait_a_taken_lease_is_refused_at_once(ops: OpsStore) -> None:
    ops.leases.acquire(KEY, owner="one:1", ttl=20)
    with pytest.raises(LeaseTaken), ops.held(KEY, sleep=lambda _: pytest.fail("it slept")):
        pytest.fail("it was free")


def test_a_store_that_is_away_for_a_while_costs_no_lease(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(url)
    with OpsStore(database, actor="t") as ops, ops.held(KEY, ttl=4) as lease:
        change(database, "ALTER TABLE ops_leases RENAME TO ops_gone")
        with caplog.at_level(logging.WARNING):
            wait_until(lambda: "was not extended" in caplog.text)
        lease.check()
        change(database, "ALTER TABLE ops_gone RENAME TO ops_leases")
        time.sleep(4)
        lease.check()


def test_work_that_is_done_does_not_fail_because_the_store_is_away(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(url)
    with OpsStore(database, actor="t") as ops, ops.held(KEY):
        change(database, "DROP TABLE ops_leases")
    assert "was not given back" in caplog.text
