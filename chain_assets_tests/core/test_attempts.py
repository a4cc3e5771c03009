"""When a range whose run failed may run again, and with which others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.attempts import (
    MOST_FAILURES,
    NO_FAILURES,
    Attempts,
    FailedRun,
    Failures,
    failures_by_range,
    runs_of,
)
from chain_assets.core.block_range import BlockRange

RANGES = [BlockRange(start, start + 10) for start in range(0, 60, 10)]


def failed(*, blocks: int = 10, **counts: int) -> Attempts:
    """Ranges by their first block, `r20=1`, that failed so often, long ago, last in a run over so
    many blocks."""
    found = {
        BlockRange(int(name[1:]), int(name[1:]) + 10).key: Failures(count, 0.0, blocks)
        for name, count in counts.items()
    }
    return Attempts(found, now=1e9)


@pytest.mark.parametrize(
    ("count", "rest"),
    [(1, 30.0), (2, 60.0), (5, 480.0), (7, 1_800.0), (MOST_FAILURES - 1, 1_800.0)],
)
def test_each_failure_doubles_the_rest_up_to_half_an_hour(count: int, rest: float) -> None:
    failures = {RANGES[0].key: Failures(count, last_at=100.0, blocks=10)}
    assert not Attempts(failures, now=99.9 + rest).may_run(RANGES[0])
    assert Attempts(failures, now=100.0 + rest).may_run(RANGES[0])
    assert Attempts(failures, now=0.0).next_due(RANGES) == 100.0 + rest


def test_a_range_that_failed_too_often_is_left_to_a_person() -> None:
    attempts = failed(r0=MOST_FAILURES)
    assert not attempts.may_run(RANGES[0])
    assert attempts.next_due(RANGES) is None
    assert attempts.may_run(RANGES[1])


def test_a_try_is_told_from_those_before_also_when_these_are_forgotten() -> None:
    failures = {RANGES[0].key: Failures(2, 100.0, 10), RANGES[1].key: Failures(1, 200.0, 10)}
    assert Attempts(failures, now=300.0).tried(RANGES) == "200.0"
    assert Attempts(failures, now=300.0).tried(RANGES[:1]) == "100.0"
    days = [Attempts(now=300.0 + day * 86_400.0).tried(RANGES) for day in range(2)]
    assert days == ["1970-01-01", "1970-01-02"]


def test_a_failed_run_counts_for_each_of_its_ranges_that_was_not_made_good_since() -> None:
    runs = [
        FailedRun(BlockRange(0, 30), 10.0),
        FailedRun(BlockRange(10, 20), 20.0),
        FailedRun(BlockRange(20, 60), 20.0),
    ]
    found = failures_by_range(runs, RANGES, made_good={RANGES[0].key: 15.0, RANGES[1].key: 15.0})
    assert found == {
        RANGES[1].key: Failures(1, 20.0, 10),
        RANGES[2].key: Failures(2, 20.0, 30),
        **{r.key: Failures(1, 20.0, 40) for r in RANGES[3:]},
    }


@pytest.mark.parametrize(
    ("attempts", "runs"),
    [
        pytest.param(NO_FAILURES, [[0, 10, 20], [30, 40, 50]], id="none failed"),
        pytest.param(failed(r10=1), [[0], [10], [20, 30, 40], [50]], id="one failed"),
        pytest.param(
            failed(r30=2, r40=1), [[0, 10, 20], [30], [40], [50]], id="two neighbours failed"
        ),
    ],
)
def test_a_range_that_failed_alone_runs_alone(attempts: Attempts, runs: list[list[int]]) -> None:
    found = runs_of(RANGES, most=3, attempts=attempts)
    assert [[r.start for r in run] for run in found] == runs


@pytest.mark.parametrize(
    ("blocks", "runs"),
    [
        pytest.param(2_000, [25] * 8, id="of 200 ranges"),
        pytest.param(250, [3] * 66 + [2], id="of 25"),
        pytest.param(30, [1] * 200, id="of 3"),
        pytest.param(20, [1] * 200, id="of 2"),
    ],
)
def test_what_failed_in_one_run_is_run_by_eighths_of_it(blocks: int, runs: list[int]) -> None:
    ranges = [BlockRange(10 * n, 10 * n + 10) for n in range(200)]
    attempts = failed(blocks=blocks, **{f"r{10 * n}": 1 for n in range(200)})
    assert [len(run) for run in runs_of(ranges, most=200, attempts=attempts)] == runs


@given(
    starts=st.sets(st.integers(0, 12)),
    most=st.integers(1, 40),
    bad=st.sets(st.integers(0, 12)),
    blocks=st.integers(1, 400),
)
def test_every_range_is_in_one_run_and_runs_are_of_neighbours(
    starts: set[int], most: int, bad: set[int], blocks: int
) -> None:
    ranges = [BlockRange(10 * n, 10 * n + 10) for n in sorted(starts)]
    attempts = failed(blocks=blocks, **{f"r{10 * n}": 1 for n in bad})
    runs = runs_of(ranges, most=most, attempts=attempts)
    assert [r for run in runs for r in run] == ranges
    for run in runs:
        assert 1 <= len(run) <= most
        assert all(a.stop == b.start for a, b in pairwise(run))
        assert len(run) <= max(1, blocks // 80) or not {r.start // 10 for r in run} & bad
