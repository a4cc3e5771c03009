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


def failed(**counts: int) -> Attempts:
    """Ranges by their first block, `r20=1`, that failed so often, long ago."""
    found = {
        BlockRange(int(name[1:]), int(name[1:]) + 10).key: Failures(count, 0.0)
        for name, count in counts.items()
    }
    return Attempts(found, now=1e9)


@pytest.mark.parametrize(
    ("count", "rest"),
    [(1, 30.0), (2, 60.0), (5, 480.0), (7, 1_800.0), (MOST_FAILURES - 1, 1_800.0)],
)
def test_each_failure_doubles_the_rest_up_to_half_an_hour(count: int, rest: float) -> None:
    failures = {RANGES[0].key: Failures(count, last_at=100.0)}
    assert not Attempts(failures, now=99.9 + rest).may_run(RANGES[0])
    assert Attempts(failures, now=100.0 + rest).may_run(RANGES[0])
    assert Attempts(failures, now=0.0).next_due(RANGES) == 100.0 + rest


def test_a_range_that_failed_too_often_is_left_to_a_person() -> None:
    attempts = failed(r0=MOST_FAILURES)
    assert not attempts.may_run(RANGES[0])
    assert attempts.next_due(RANGES) is None
    assert attempts.may_run(RANGES[1])


def test_a_try_is_told_from_those_before_also_when_these_are_forgotten() -> None:
    failures = {RANGES[0].key: Failures(2, last_at=100.0), RANGES[1].key: Failures(1, 200.0)}
    assert Attempts(failures, now=300.0).tried(RANGES) == "200.0"
    assert Attempts(failures, now=300.0).tried(RANGES[:1]) == "100.0"
    days = [Attempts(now=300.0 + day * 86_400.0).tried(RANGES) for day in range(2)]
    assert days == ["1970-01-01", "1970-01-02"]


def test_a_failed_run_counts_for_each_of_its_ranges_that_was_not_made_good_since() -> None:
    runs = [FailedRun(BlockRange(0, 30), 10.0), FailedRun(BlockRange(10, 20), 20.0)]
    found = failures_by_range(runs, RANGES, made_good={RANGES[0].key: 15.0, RANGES[1].key: 15.0})
    assert found == {RANGES[1].key: Failures(1, 20.0), RANGES[2].key: Failures(1, 10.0)}


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
def test_a_range_that_failed_runs_alone_where_few_go_together(
    attempts: Attempts, runs: list[list[int]]
) -> None:
    found = runs_of(RANGES, most=3, attempts=attempts)
    assert [[r.start for r in run] for run in found] == runs


@pytest.mark.parametrize(
    ("failures", "runs"),
    [
        pytest.param(0, [200], id="never"),
        pytest.param(1, [25] * 8, id="once"),
        pytest.param(2, [3] * 66 + [2], id="twice"),
        pytest.param(3, [1] * 200, id="three times"),
    ],
)
def test_many_ranges_that_failed_together_run_with_ever_fewer(
    failures: int, runs: list[int]
) -> None:
    ranges = [BlockRange(10 * n, 10 * n + 10) for n in range(200)]
    each = {f"r{10 * n}": failures for n in range(200)} if failures else {}
    assert [len(run) for run in runs_of(ranges, most=200, attempts=failed(**each))] == runs


@given(
    starts=st.sets(st.integers(0, 12)),
    most=st.integers(1, 40),
    bad=st.sets(st.integers(0, 12)),
)
def test_every_range_is_in_one_run_and_runs_are_of_neighbours(
    starts: set[int], most: int, bad: set[int]
) -> None:
    ranges = [BlockRange(10 * n, 10 * n + 10) for n in sorted(starts)]
    runs = runs_of(ranges, most=most, attempts=failed(**{f"r{10 * n}": 1 for n in bad}))
    assert [r for run in runs for r in run] == ranges
    for run in runs:
        assert 1 <= len(run) <= most
        assert all(a.stop == b.start for a, b in pairwise(run))
        assert len(run) <= max(1, most // 8) or not {r.start // 10 for r in run} & bad
