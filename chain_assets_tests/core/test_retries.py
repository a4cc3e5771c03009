"""Waits that double, are spread, and end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.retries import RetryPolicy, is_dead, wait_after

DRAWS = st.floats(0, 1, exclude_max=True)
ATTEMPTS = st.integers(1, 10**9)


@pytest.mark.parametrize(
    ("attempts", "shortest", "middle"),
    [
        pytest.param(1, 24.0, 30.0, id="the first failure"),
        pytest.param(2, 48.0, 60.0, id="doubled"),
        pytest.param(6, 768.0, 960.0, id="doubled five times"),
        pytest.param(7, 1200.0, 1500.0, id="no longer doubled"),
        pytest.param(10_000, 1200.0, 1500.0, id="a power beyond any float"),
    ],
)
def test_waits_double_up_to_the_longest(attempts: int, shortest: float, middle: float) -> None:
    assert wait_after(attempts, draw=0.0) == pytest.approx(shortest)
    assert wait_after(attempts, draw=0.5) == pytest.approx(middle)


@given(attempts=ATTEMPTS, draw=DRAWS)
def test_no_wait_is_longer_than_half_an_hour_or_off_by_more_than_a_fifth(
    attempts: int, draw: float
) -> None:
    middle = wait_after(attempts, draw=0.5)
    wait = wait_after(attempts, draw=draw)
    assert 0.8 * middle <= wait <= 1.2 * middle + 1e-9
    assert 24 <= wait <= 1800 + 1e-9


@given(attempts=ATTEMPTS, low=DRAWS, high=DRAWS)
def test_a_larger_draw_is_a_longer_wait_also_at_the_longest(
    attempts: int, low: float, high: float
) -> None:
    if low > high:
        low, high = high, low
    assert wait_after(attempts, draw=low) <= wait_after(attempts, draw=high)
    if high - low > 0.01:
        assert wait_after(attempts, draw=low) < wait_after(attempts, draw=high)


@given(attempts=ATTEMPTS, draw=DRAWS)
def test_a_wait_is_never_shorter_after_one_more_attempt(attempts: int, draw: float) -> None:
    assert wait_after(attempts, draw=draw) <= wait_after(attempts + 1, draw=draw)


def test_a_policy_without_spread_waits_exactly() -> None:
    policy = RetryPolicy(first_wait=1, longest_wait=10, spread=0)
    waits = [wait_after(n, draw=0.9, policy=policy) for n in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(("attempts", "dead"), [(1, False), (11, False), (12, True), (13, True)])
def test_twelve_failures_are_enough(attempts: int, dead: bool) -> None:
    assert is_dead(attempts) is dead


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"first_wait": 0}, id="no wait"),
        pytest.param({"first_wait": 60, "longest_wait": 30}, id="longest before first"),
        pytest.param({"spread": 1.0}, id="a wait of nothing"),
        pytest.param({"spread": -0.1}, id="a spread below none"),
        pytest.param({"most_attempts": 0}, id="never tried"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        RetryPolicy(**values)


@pytest.mark.parametrize(("attempts", "draw"), [(0, 0.5), (1, 1.0), (1, -0.1)])
def test_an_attempt_or_a_draw_that_is_none_is_refused(attempts: int, draw: float) -> None:
    with pytest.raises(ValueError, match="not a"):
        wait_after(attempts, draw=draw)
