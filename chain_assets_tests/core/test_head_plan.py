"""Which ranges are opened and run as the head moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.attempts import MOST_FAILURES, Attempts, Failures
from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.head_plan import (
    MOST_DAILY_RUNS,
    MOST_OPENED,
    ChainShape,
    HeadPolicy,
    Heights,
    Holdings,
    plan_head,
    plan_recent,
)

HISTORY = HeadPolicy(history=True, ranges_per_run=3)
HEAD = HeadPolicy(history=False, ranges_per_run=3)
SHAPE = ChainShape(
    ranges=(Delimiter(0, 10),), start_block=0, block_time_seconds=12.0, max_reorg_depth=8
)


def key(start: int) -> str:
    return BlockRange(start, start + 10).key


def full(*starts: int, **more: int) -> Holdings:
    return Holdings({key(start): 10 for start in starts} | more)


def starts(ranges: tuple[BlockRange, ...]) -> list[int]:
    return [block_range.start for block_range in ranges]


@pytest.mark.parametrize(
    ("policy", "heights", "holdings", "run"),
    [
        pytest.param(HEAD, Heights(95, 84), Holdings(), [80, 90], id="nothing held"),
        pytest.param(HEAD, Heights(95, None), Holdings(), [80, 90], id="a node without finality"),
        pytest.param(HEAD, Heights(95, 84), full(50), [60, 70, 80], id="goes on where it was left"),
        pytest.param(HEAD, Heights(89, 70), full(70, 80), [], id="all held"),
        pytest.param(
            HEAD, Heights(95, 84), Holdings({key(80): 10, key(90): 4}), [90], id="head range grew"
        ),
        pytest.param(
            HEAD,
            Heights(95, 84),
            Holdings({key(70): 10, key(80): 10, key(90): 6}, fork=88),
            [80, 90],
            id="a reorg over two ranges that are full",
        ),
        pytest.param(
            HEAD, Heights(91, 84), Holdings({key(80): 10, key(90): 6}), [], id="a node lags behind"
        ),
        pytest.param(
            HEAD,
            Heights(89, 84),
            replace(full(10, 20, 70, 80), replaced=frozenset({key(20)})),
            [20],
            id="an old range whose blocks were replaced",
        ),
        pytest.param(HISTORY, Heights(45, 30), Holdings(), [0, 10, 20], id="history: oldest first"),
        pytest.param(HISTORY, Heights(49, 30), full(0, 20, 30, 40), [10], id="history: a hole"),
        pytest.param(
            HISTORY, Heights(49, 30), full(0, 20), [30, 40], id="history: newest neighbours first"
        ),
    ],
)
def test_the_newest_neighbouring_ranges_that_are_behind_are_run(
    policy: HeadPolicy, heights: Heights, holdings: Holdings, run: list[int]
) -> None:
    plan = plan_head(SHAPE, heights, holdings, registered=(), policy=policy)
    assert starts(plan.run) == run


def test_an_old_backfill_by_hand_is_not_gone_on_with() -> None:
    shape = ChainShape(SHAPE.ranges, 0, block_time_seconds=86_400.0, max_reorg_depth=8)
    plan = plan_head(shape, Heights(95, 90), full(0), registered=(), policy=HEAD)
    assert starts(plan.run) == [90]


@pytest.mark.parametrize(
    ("registered", "opened"),
    [
        pytest.param([], [0, 10, 20], id="all of them at first"),
        pytest.param([0, 10], [20], id="what is new"),
        pytest.param([0, 10, 20], [], id="nothing new"),
        pytest.param([10], [20], id="never an older one"),
    ],
)
def test_ranges_are_opened_ascending_and_only_at_the_end(
    registered: list[int], opened: list[int]
) -> None:
    known = [key(start) for start in registered]
    plan = plan_head(SHAPE, Heights(25, 10), Holdings(), registered=known, policy=HISTORY)
    assert list(plan.open) == [key(start) for start in opened]
    assert {r.key for r in plan.run} <= {*known, *plan.open}


def test_nothing_runs_before_all_ranges_of_a_long_chain_are_open() -> None:
    head = Heights(10 * MOST_OPENED + 5, None)
    first = plan_head(SHAPE, head, Holdings(), registered=(), policy=HEAD)
    assert (len(first.open), first.run) == (MOST_OPENED, ())
    second = plan_head(SHAPE, head, Holdings(), registered=first.open, policy=HEAD)
    assert len(second.open) == 1
    assert second.run


def test_a_chain_below_its_start_block_has_nothing_to_do() -> None:
    shape = ChainShape(SHAPE.ranges, 100, 12.0, 8)
    plan = plan_head(shape, Heights(50, 40), Holdings(), registered=(), policy=HISTORY)
    assert (plan.open, plan.run) == ((), ())
    assert plan_recent(shape, Heights(50, 40), Holdings(), registered=(), policy=HISTORY) == []


def test_the_first_range_is_full_from_the_start_block_on() -> None:
    shape = ChainShape(SHAPE.ranges, 7, 12.0, 8)
    holdings = Holdings({key(0): 3, key(10): 10})
    assert plan_head(shape, Heights(19, 10), holdings, registered=(), policy=HISTORY).run == ()


@pytest.mark.parametrize(
    ("failures", "run", "resting"),
    [
        pytest.param({}, [60, 70, 80], [], id="none failed"),
        pytest.param({70: (1, 0.0)}, [80, 90], [70], id="one rests"),
        pytest.param({60: (1, -60.0)}, [60], [], id="one has rested, and runs alone"),
        pytest.param({90: (1, -60.0)}, [60, 70, 80], [], id="it is the last of its neighbours"),
        pytest.param({80: (1, -60.0), 90: (1, 0.0)}, [60, 70], [90], id="both"),
        pytest.param({60: (MOST_FAILURES, -1e9)}, [70, 80, 90], [60], id="one is given up"),
    ],
)
def test_ranges_whose_run_failed_rest_and_then_run_alone(
    failures: dict[int, tuple[int, float]], run: list[int], resting: list[int]
) -> None:
    attempts = Attempts(
        {key(start): Failures(*found, blocks=10) for start, found in failures.items()}
    )
    plan = plan_head(
        SHAPE, Heights(95, 84), full(50), registered=(), policy=HEAD, attempts=attempts
    )
    assert (starts(plan.run), starts(plan.resting)) == (run, resting)


def daily(
    heights: Heights, holdings: Holdings, registered: list[int], policy: HeadPolicy = HEAD
) -> list[list[int]]:
    """Runs of the daily safety net, on a chain of four blocks a day: twelve blocks are recent."""
    shape = ChainShape(SHAPE.ranges, 0, block_time_seconds=6 * 3600.0, max_reorg_depth=8)
    known = [key(start) for start in registered]
    runs = plan_recent(shape, heights, holdings, registered=known, policy=policy)
    return [starts(run) for run in runs]


def begun(*ranges: int) -> Holdings:
    return Holdings({key(n): 10 for n in ranges}, frozenset(key(n) for n in ranges))


@pytest.mark.parametrize(
    ("holdings", "policy", "runs"),
    [
        pytest.param(begun(), HEAD, [[90]], id="nothing held: what may still change"),
        pytest.param(begun(80, 90), HEAD, [[80, 90]], id="held: not the history before it"),
        pytest.param(begun(10, 90), HEAD, [[90]], id="held from long ago: it is history"),
        pytest.param(begun(), HISTORY, [[80, 90]], id="history: what is recent"),
    ],
)
def test_the_daily_runs_are_over_recent_ranges_that_hold_something_or_are_due(
    holdings: Holdings, policy: HeadPolicy, runs: list[list[int]]
) -> None:
    registered = list(range(0, 100, 10))
    assert daily(Heights(92, 89), holdings, registered, policy) == runs


def test_the_daily_runs_never_begin_history_and_are_bounded() -> None:
    # A block every 2 seconds: 129,600 blocks are recent, 12,960 ranges.
    shape = ChainShape(SHAPE.ranges, 0, block_time_seconds=2.0, max_reorg_depth=8)
    registered = [key(start) for start in range(0, 200_000, 10)]
    heights, held = Heights(199_995, 199_980), begun(150_000, 199_980)
    runs = plan_recent(shape, heights, held, registered=registered, policy=HEAD)
    assert [starts(run) for run in runs] == [[199_980, 199_990], [150_000]]

    everything = begun(*range(0, 200_000, 10))
    runs = plan_recent(shape, heights, everything, registered=registered, policy=HEAD)
    assert len(runs) == MOST_DAILY_RUNS
    assert all(len(run) <= HEAD.ranges_per_run for run in runs)
    assert runs[0][-1].start == 199_990, "the newest come first"


@given(head=st.integers(0, 200), limit=st.integers(1, 5), lag=st.integers(0, 30))
def test_running_what_is_planned_ends_with_everything_held(head: int, limit: int, lag: int) -> None:
    heights = Heights(head, head - lag if head >= lag else None)
    policy = HeadPolicy(history=True, ranges_per_run=limit)
    held: dict[str, int] = {}
    registered: list[str] = []
    for _ in range(40):
        plan = plan_head(SHAPE, heights, Holdings(held), registered=registered, policy=policy)
        registered += plan.open
        if not plan.run:
            break
        assert len(plan.run) <= limit
        assert all(a.stop == b.start for a, b in zip(plan.run, plan.run[1:], strict=False))
        held |= {r.key: SHAPE.expected(r, head) for r in plan.run}
    assert sum(held.values()) == head + 1
    assert registered == sorted(registered)


@pytest.mark.parametrize(
    ("history", "held", "run"),
    [
        pytest.param(True, [0, 10, 20], [], id="it-goes-on-from-the-newest-one"),
        pytest.param(True, [0, 10, 60], [20, 30, 40, 50], id="which-may-be-final"),
        pytest.param(True, [0, 10, 90], [20, 30, 40, 50, 60, 70], id="or-the-head's"),
        pytest.param(True, [], [0, 10, 20, 30, 40, 50, 60, 70], id="or-there-is-none-yet"),
        pytest.param(False, [0, 90], [], id="history-that-nobody-asked-for"),
    ],
)
def test_of_a_followed_chain_only_what_its_follower_leaves_is_run(
    history: bool, held: list[int], run: list[int]
) -> None:
    policy = HeadPolicy(history=history, ranges_per_run=20)
    registered = [key(start) for start in range(0, 100, 10)]
    full_ones = {key(start): 10 for start in held if start != 90}
    holdings = Holdings({**full_ones, key(90): 4 * (90 in held)}, frozenset(map(key, held)))
    state = (SHAPE, Heights(95, 84), holdings)
    plan = plan_head(*state, registered=registered, policy=policy, followed=True)
    assert starts(plan.run) == run
    unfollowed = plan_head(*state, registered=registered, policy=policy)
    assert starts(unfollowed.run)[-1] == 90
    daily = plan_recent(*state, registered=registered, policy=policy, followed=True)
    assert all(r.stop <= 84 for ranges in daily for r in ranges)
