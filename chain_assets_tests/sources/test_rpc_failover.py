"""Retries, waits and failover: bounded, and never from two nodes at once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from chain_assets.sources.devnet import Devnet, Fault, Faults, serve
from chain_assets.sources.rpc.failover import Timing
from chain_assets_tests.sources.scripted_node import (
    SPEC,
    FakeTime,
    Reply,
    Script,
    calls_of,
    scripted_node,
    source_of,
)

NUMBERS = range(1, 31)
DOWN = Reply(status=503)


def failing(times: int, answer: Reply = DOWN) -> Script:
    """A script that gives `answer` to the first `times` requests."""
    left = [answer] * times
    return lambda _request: left.pop() if left else None


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_failure_that_passes_is_waited_out_and_the_waits_double() -> None:
    time = FakeTime()
    with scripted_node(failing(3)) as node:
        source_of(node.url, time=time, attempts=4).head()
    # Half of each wait is by chance, here 0.5 of that half: 0.75 of 0.5, 1 and 2 seconds.
    assert sum(time.slept) == pytest.approx(0.75 * (0.5 + 1 + 2))


def test_no_question_is_asked_beyond_the_seconds_that_there_are_for_all() -> None:
    time = FakeTime()
    with scripted_node(lambda _: DOWN) as node:
        source = source_of(node.url, time=time, attempts=100, most_seconds=4.0)
        with pytest.raises(SourceUnavailable, match="HTTP 503"):
            source.head()
        asked = len(node.requests)
        assert 1 < asked < 10
        assert sum(time.slept) <= 4.0
        with pytest.raises(SourceUnavailable, match="no answer in the 4 s that there are for all"):
            source.header(1)
        assert len(node.requests) == asked


def test_retries_end_in_the_last_error_with_its_cause() -> None:
    with scripted_node(lambda _: DOWN) as node:
        with pytest.raises(SourceUnavailable, match=r"HTTP 503 \(after 3 attempts\)") as caught:
            source_of(node.url, attempts=3).head()
        assert len(node.requests) == 3
    assert isinstance(caught.value.__cause__, SourceUnavailable)


def test_errors_that_a_retry_cannot_mend_are_not_retried() -> None:
    with scripted_node(lambda _: Reply(status=401)) as node:
        with pytest.raises(SourceError, match="401"):
            source_of(node.url).head()
        assert len(node.requests) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"Retry-After": "7"}, 7, id="seconds"),
        pytest.param(
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            9,
            id="date",
        ),
        pytest.param({"Retry-After": "soon"}, 0.375, id="unreadable"),
        pytest.param({}, 0.375, id="none"),
    ],
)
def test_a_429_is_waited_out_for_as_long_as_it_asks(headers: dict[str, str], wait: float) -> None:
    time = FakeTime()
    with scripted_node(failing(1, Reply(status=429, headers=headers))) as node:
        source_of(node.url, time=time).head()
    assert sum(time.slept) == pytest.approx(wait)


def test_a_429_that_asks_for_an_hour_is_an_error_at_once_and_obeyed_later() -> None:
    time = FakeTime()
    with scripted_node(failing(1, Reply(status=429, headers={"Retry-After": "3600"}))) as node:
        source = source_of(node.url, time=time)
        with pytest.raises(RateLimited):
            source.head()
        with pytest.raises(RateLimited, match="3600 s"):
            source.head()
        assert len(node.requests) == 1
        assert time.slept == []
        time.now += 3600
        assert source.head().number == SPEC.blocks - 1


@pytest.mark.parametrize(
    "answer",
    [
        DOWN,
        Reply(hang_up=True),
        Reply(b"<html>"),
        Reply(status=401),
        Reply(status=429, headers={"Retry-After": "3600"}),
    ],
    ids=["503", "hangs up", "html", "401", "429"],
)
def test_another_provider_stands_in_without_a_wait(answer: Reply) -> None:
    time = FakeTime()
    with scripted_node(lambda _: answer) as first, scripted_node() as second:
        blocks = list(source_of(first.url, second.url, time=time).blocks(NUMBERS))
    assert [block.header.number for block in blocks] == list(NUMBERS)
    assert {block.source for block in blocks} == {"127.0.0.1#1"}
    assert time.slept == []


def test_the_first_provider_is_preferred_rests_after_a_failure_and_comes_back() -> None:
    time = FakeTime()
    with scripted_node(failing(1)) as first, scripted_node() as second:
        source = source_of(first.url, second.url, time=time)
        sources = []
        for now in (0.0, 0.3, 0.5):
            time.now = now
            sources += [block.source for block in source.blocks([5])]
    assert sources == ["127.0.0.1#1", "127.0.0.1#1", "127.0.0.1#0"]


def test_a_provider_that_keeps_failing_rests_longer_and_longer() -> None:
    time = FakeTime()
    with scripted_node(lambda _: DOWN) as first, scripted_node() as second:
        source = source_of(first.url, second.url, time=time)
        for second_of_the_hour in range(0, 3600, 3):
            time.now = float(second_of_the_hour)
            source.header(1)
        # Rests of 0.375, 0.75, 1.5, … up to 22.5 seconds.
        assert 3600 / 30 < len(first.requests) < 3600 / 15


def test_all_providers_down_is_an_error_after_a_bounded_number_of_attempts(
    closed_port: str,
) -> None:
    with scripted_node(lambda _: DOWN) as node:
        with pytest.raises(SourceUnavailable, match="after 6 attempts"):
            source_of(closed_port, node.url, attempts=3).head()
        assert len(node.requests) == 3


def test_a_block_that_one_node_lacks_is_asked_of_the_others_once() -> None:
    lagging = Devnet(SPEC, faults=Faults(lag_blocks=20))
    time = FakeTime()
    with serve(lagging) as first, scripted_node() as second:
        source = source_of(first, second.url, time=time)
        assert [b.header.number for b in source.blocks(NUMBERS)] == list(NUMBERS)
        before = len(second.requests)
        with pytest.raises(BlockNotFound):
            source.header(SPEC.blocks)
        assert len(second.requests) == before + 1
    assert time.slept == []


def test_a_missing_block_is_not_waited_for_where_the_other_node_is_down(closed_port: str) -> None:
    time = FakeTime()
    with scripted_node() as node, pytest.raises(BlockNotFound):
        source_of(node.url, closed_port, time=time).header(SPEC.blocks)
    assert time.slept == []


def test_a_provider_of_another_chain_is_an_error_and_not_passed_over() -> None:
    other_chain = Reply(b'{"id":1,"result":"0x1"}')
    with (
        scripted_node(lambda _: other_chain) as wrong,
        scripted_node() as node,
        pytest.raises(ConfigError, match=r"127\.0\.0\.1#0"),
    ):
        source_of(wrong.url, node.url).head()


def test_a_block_and_its_receipts_come_from_one_provider() -> None:
    def without_receipts(request: Any) -> Reply | None:
        receipts = any("Receipt" in call["method"] for call in calls_of(request))
        return DOWN if receipts else None

    with scripted_node(without_receipts) as first, scripted_node() as second:
        source = source_of(first.url, second.url, max_concurrency=1)
        assert {block.source for block in source.blocks(NUMBERS)} == {"127.0.0.1#1"}
        for block in ("eth_getBlockByNumber", "eth_getBlockReceipts"):
            assert second.methods_called().count(block) == len(NUMBERS)


@pytest.mark.parametrize("kind", ["refuse", "server_error", "rate_limit", "truncated", "malformed"])
def test_a_node_that_fails_every_third_time_still_gives_every_block(kind: Any) -> None:
    faults = Faults(rules=(Fault(kind=kind, probability=1 / 3),), seed=3)
    with serve(Devnet(SPEC, faults=faults)) as url:
        source = source_of(url, attempts=12, batch_size=2)
        blocks = list(source.blocks(NUMBERS))
    assert [block.header.number for block in blocks] == list(NUMBERS)


@pytest.mark.parametrize(
    ("failures", "random", "expected"),
    [(1, 0.0, 0.25), (1, 1.0, 0.5), (3, 1.0, 2.0), (7, 1.0, 30.0), (10_000, 0.0, 15.0)],
)
def test_a_backoff_doubles_up_to_half_a_minute(
    failures: int, random: float, expected: float
) -> None:
    def no_time() -> float:
        raise AssertionError("a backoff does not look at the clock")

    sleep: Callable[[float], None] = FakeTime().sleep
    timing = Timing(clock=no_time, sleep=sleep, random=lambda: random)
    assert timing.backoff(failures) == expected
