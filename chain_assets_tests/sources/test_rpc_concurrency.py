"""How much is under way at once: it adapts, the window is bounded, threads end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.errors import SourceUnavailable
from chain_assets.sources.rpc.concurrency import AdaptiveLimit
from chain_assets.sources.rpc.failover import never
from chain_assets.sources.rpc.prefetch import in_order
from chain_assets_tests.sources.scripted_node import Reply, calls_of, scripted_node, source_of

REAL_TIME: dict[str, Any] = {"clock": time.monotonic, "sleep": time.sleep}


def one_round(limit: AdaptiveLimit, *, congested: bool | None) -> None:
    """As many requests at once as are allowed, all with the same outcome."""
    tickets = [limit.acquire(never) for _ in range(limit.allowed)]
    for ticket in tickets:
        assert ticket is not None
        limit.release(ticket, congested=congested)


def limits_after(limit: AdaptiveLimit, rounds: int, *, congested: bool | None) -> list[int]:
    limits = []
    for _ in range(rounds):
        one_round(limit, congested=congested)
        limits.append(limit.allowed)
    return limits


def test_a_limit_starts_slowly_grows_and_stays_below_its_maximum() -> None:
    limit = AdaptiveLimit(maximum=16)
    assert limit.allowed == 2
    grown = limits_after(limit, 20, congested=False)
    assert grown == sorted(grown)
    assert grown[-1] == 16


def test_a_round_of_congestion_halves_once_and_growth_is_slower_from_there() -> None:
    limit = AdaptiveLimit(maximum=16, start=16)
    one_round(limit, congested=True)
    assert limit.allowed == 8
    one_round(limit, congested=False)
    assert limit.allowed == 8
    assert limits_after(limit, 20, congested=False)[-1] <= 16


def test_congestion_never_stops_everything() -> None:
    limit = AdaptiveLimit(maximum=16, start=16)
    assert limits_after(limit, 10, congested=True)[-1] == 1


def test_a_limit_that_is_not_used_to_the_full_does_not_grow() -> None:
    limit = AdaptiveLimit(maximum=16)
    for _ in range(50):
        ticket = limit.acquire(never)
        assert ticket is not None
        limit.release(ticket, congested=False)
    assert limit.allowed == 2


@given(maximum=st.integers(1, 64), outcomes=st.lists(st.sampled_from([True, False, None])))
def test_a_limit_is_always_between_one_and_its_maximum(
    maximum: int, outcomes: list[bool | None]
) -> None:
    limit = AdaptiveLimit(maximum=maximum)
    for outcome in outcomes:
        one_round(limit, congested=outcome)
        assert 1 <= limit.allowed <= maximum


def test_waiting_for_a_slot_ends_when_the_work_is_called_off() -> None:
    limit = AdaptiveLimit(maximum=1)
    assert limit.acquire(never) is not None
    assert limit.acquire(lambda: True) is None


class Busy:
    """Counts how many requests a node answers at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.refused = 0
        self._lock = threading.Lock()

    @contextmanager
    def request(self) -> Iterator[int]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            now = self.now
        try:
            yield now
        finally:
            with self._lock:
                self.now -= 1


@pytest.mark.parametrize("stands", [1, 3])
def test_a_node_that_stands_few_requests_at_once_is_not_asked_more_for_long(stands: int) -> None:
    busy = Busy()

    def script(_request: Any) -> Reply | None:
        with busy.request() as now:
            time.sleep(0.005)
            if now <= stands:
                return None
            busy.refused += 1
            return Reply(status=429)

    with scripted_node(script) as node:
        source = source_of(node.url, batch_size=1, max_concurrency=16, attempts=50, **REAL_TIME)
        assert len(list(source.blocks(range(1, 39)))) == 38
    assert busy.most < 16
    assert busy.refused < 38


def test_requests_run_at_once_where_the_node_stands_it() -> None:
    busy = Busy()

    def script(_request: Any) -> Reply | None:
        with busy.request():
            time.sleep(0.01)
        return None

    with scripted_node(script) as node:
        list(source_of(node.url, batch_size=1, max_concurrency=4).blocks(range(1, 39)))
    assert 2 < busy.most <= 4


def test_a_slow_reader_bounds_what_is_fetched_ahead() -> None:
    with scripted_node() as node:
        blocks = source_of(node.url, batch_size=2, max_concurrency=3).blocks(range(1, 39))
        next(blocks)
        time.sleep(0.3)
        asked = sum(
            call["method"] == "eth_getBlockByNumber"
            for request in node.requests
            for call in calls_of(request)
        )
        # One chunk was taken and replaced: six chunks of two at most, of nineteen.
        assert 2 <= asked <= 12


def test_threads_end_when_the_reader_stops_early() -> None:
    before = set(threading.enumerate())
    with scripted_node() as node:
        blocks = source_of(node.url, batch_size=1).blocks(range(1, 39))
        next(blocks)
        assert any(thread.name.startswith("blocks") for thread in threading.enumerate())
        blocks.close()  # type: ignore[attr-defined]  # an Iterator by contract, here a generator
        ours = set(threading.enumerate()) - before
        assert not [thread for thread in ours if thread.name.startswith("blocks")]


def test_stopping_early_cuts_a_wait_between_retries_short() -> None:
    failing = threading.Event()

    def script(request: Any) -> Reply | None:
        if "0x5" in str(calls_of(request)[0]["params"]):
            failing.set()
            return Reply(status=429, headers={"Retry-After": "50"})
        return None

    with scripted_node(script) as node:
        source = source_of(node.url, batch_size=1, max_concurrency=2, **REAL_TIME)
        blocks = source.blocks(range(4, 8))
        next(blocks)
        assert failing.wait(5)
        began = time.monotonic()
        blocks.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 5


def test_results_come_in_order_whatever_the_order_in_which_they_are_ready() -> None:
    def work(task: int, _is_called_off: Callable[[], bool]) -> int:
        time.sleep(0.002 * (10 - task % 10))
        return task

    assert list(in_order(work, range(50), threads=8, window=12)) == list(range(50))


def test_an_error_comes_at_its_place_and_ends_the_threads() -> None:
    def work(task: int, _is_called_off: Callable[[], bool]) -> int:
        if task == 3:
            raise SourceUnavailable("three")
        return task

    results = in_order(work, range(50), threads=4, window=6)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SourceUnavailable, match="three"):
        next(results)
    assert not [t for t in threading.enumerate() if t.name.startswith("blocks")]
