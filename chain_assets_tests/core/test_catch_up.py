"""The order of catching up, and that it comes to an end whatever the chain does meanwhile."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.config import load_settings
from chain_assets.core.block_range import BlockRange, Delimiter, ranges_between
from chain_assets.core.catch_up import (
    Chunks,
    Course,
    Standing,
    group_from,
    in_order,
    seconds_left,
    standings,
)

TENS = (Delimiter(0, 10),)


def _stand(
    head: int, settled: dict[int, int] | None = None, *, start_block: int = 0
) -> list[Standing]:
    """The ranges of ten up to `head`; `settled` by the range's first block."""
    ranges = list(ranges_between(start_block, head, TENS))
    by_key = {BlockRange(first, first + 10).key: count for first, count in (settled or {}).items()}
    return standings(ranges, start_block=start_block, head=head, settled=by_key)


def _starts(standings: list[Standing]) -> list[int]:
    return [standing.block_range.start for standing in standings]


@pytest.mark.parametrize(
    ("head", "first_open", "settled", "order"),
    [
        pytest.param(44, 35, {}, [40, 30, 0, 10, 20], id="head-first-then-history"),
        pytest.param(44, 35, {40: 5, 30: 10}, [0, 10, 20], id="head-is-done"),
        pytest.param(44, 35, {0: 10, 10: 9, 40: 4}, [40, 30, 10, 20], id="holes"),
        pytest.param(49, 50, {}, [0, 10, 20, 30, 40], id="all-is-final"),
        pytest.param(44, 0, {}, [40, 30, 20, 10, 0], id="nothing-is-final"),
        pytest.param(44, 35, dict.fromkeys(range(0, 50, 10), 10), [], id="all-is-done"),
        pytest.param(44, 35, {0: 12, 40: 3}, [40, 30, 10, 20], id="more-rows-than-blocks"),
    ],
)
def test_the_head_comes_newest_first_and_history_oldest_first(
    head: int, first_open: int, settled: dict[int, int], order: list[int]
) -> None:
    assert _starts(in_order(_stand(head, settled), first_open=first_open)) == order


def test_a_range_has_the_blocks_between_the_start_block_and_the_head() -> None:
    stood = _stand(23, start_block=7)
    assert [(s.block_range.start, s.expected) for s in stood] == [(0, 3), (10, 10), (20, 4)]


def test_what_is_done_is_never_taken_and_what_fails_is_taken_once() -> None:
    course, taken = Course(), []
    behind = in_order(_stand(44, {10: 10}), first_open=40)
    while (standing := course.next(behind)) is not None:
        taken.append(standing.block_range.start)
    assert taken == [40, 0, 20, 30]


def test_a_head_that_runs_away_takes_turns_with_history() -> None:
    """Each range takes so long that the head has moved on afterwards."""
    course, taken = Course(), list[int]()
    for head in range(44, 60):
        done = {start: 10 for start in taken if start < 40}
        standing = course.next(in_order(_stand(head, done), first_open=40))
        if standing is None:
            break
        taken.append(standing.block_range.start)
    assert taken == [40, 0, 40, 10, 40, 20, 40, 50, 30]


def test_a_range_that_a_reorg_went_through_is_taken_again() -> None:
    course = Course()
    behind = in_order(_stand(19, {0: 10}), first_open=0)
    assert course.next(behind) is not None
    assert course.next(behind) is None
    course.forget([BlockRange(10, 20)])
    assert course.next(behind) == behind[0]


@given(
    speed=st.integers(0, 9),
    heals=st.lists(st.booleans(), min_size=1, max_size=30),
    first_open=st.integers(0, 60),
)
def test_it_ends_unless_the_chain_opens_ranges_faster_than_they_are_taken(
    speed: int, heals: list[bool], first_open: int
) -> None:
    """Whichever of the ranges fail: none is taken twice without having grown."""
    course, head, settled = Course(), 60, dict[int, int]()
    seen: dict[int, int] = {}
    for turn in range(400):
        standing = course.next(in_order(_stand(head, settled), first_open=first_open))
        if standing is None:
            break
        start = standing.block_range.start
        assert standing.expected > seen.get(start, 0)
        seen[start] = standing.expected
        if heals[turn % len(heals)]:
            settled[start] = standing.expected
        head += speed if turn < 40 else 0
    assert course.next(in_order(_stand(head, settled), first_open=first_open)) is None
    assert set(seen) == set(range(0, head + 1, 10))


def test_planning_a_long_chain_takes_no_time() -> None:
    """The first plan of ethereum, and the one after each range."""
    chain = replace(load_settings({}).chain("ethereum"), start_block=0)
    started = process_time()
    for _ in range(10):
        ranges = list(ranges_between(0, 24_000_000, chain.ranges))
        stood = standings(ranges, start_block=0, head=24_000_000, settled={})
        behind = in_order(stood, first_open=23_999_900)
        assert Course().next(behind) == behind[0]
    assert len(ranges) > 2_000
    assert process_time() - started < 5


def test_chunks_are_halved_and_a_size_that_memory_refused_is_not_tried_again() -> None:
    chunks = Chunks(500)
    assert chunks.too_large(500)
    assert chunks.size == 250
    assert chunks.too_slow(250)
    assert chunks.size == 125
    chunks.went_well()
    chunks.went_well()
    assert chunks.size == 250
    assert chunks.too_large(3)
    assert chunks.size == 1
    chunks.went_well()
    assert chunks.size == 1
    assert not chunks.too_large(1)


def test_a_node_is_not_asked_for_a_long_chain_block_by_block_because_it_is_slow() -> None:
    chunks = Chunks(500)
    tried = []
    while chunks.too_slow(chunks.size):
        tried.append(chunks.size)
    assert tried == [250, 125, 62, 31, 15, 7, 3]


@pytest.mark.parametrize(
    ("done", "elapsed", "seconds"), [(0, 10.0, None), (5, 0.0, None), (5, 10.0, 40.0)]
)
def test_what_is_left_is_told_at_the_rate_so_far(
    done: int, elapsed: float, seconds: float | None
) -> None:
    assert seconds_left(done=done, left=20, elapsed=elapsed) == seconds


def test_a_course_goes_on_from_what_was_noted_of_it() -> None:
    behind = in_order(_stand(44), first_open=37)
    course, again = Course(), Course()
    for _ in range(3):
        standing = course.next(behind)
        assert standing is not None
        again.note(standing.block_range, standing.expected)
    assert again == course
    assert again.next(behind) == course.next(behind)


def test_what_was_taken_and_has_grown_is_known() -> None:
    course = Course()
    course.note(BlockRange(40, 50), 5)
    assert course.grown(_stand(44)) == []
    assert _starts(course.grown(_stand(45))) == [40]


@pytest.mark.parametrize(
    ("settled", "most_blocks", "failed", "group"),
    [
        pytest.param({}, 25, (), [0, 10], id="neighbours"),
        pytest.param({}, 9, (), [0], id="one-at-least"),
        pytest.param({0: 9, 10: 9}, 12, (), [0, 10, 20], id="what-is-missing-counts"),
        pytest.param({10: 10}, 100, (), [0], id="not-over-a-hole"),
        pytest.param({}, 100, (10,), [0], id="a-failed-one-goes-with-few"),
        pytest.param({}, 100, (0,), [0], id="so-does-a-failed-first-one"),
        pytest.param({}, 160, (0, 10), [0, 10], id="as-many-as-fit"),
    ],
)
def test_history_goes_by_several_ranges_a_run(
    settled: dict[int, int], most_blocks: int, failed: tuple[int, ...], group: list[int]
) -> None:
    first, *after = in_order(_stand(29, settled), first_open=30)
    found = group_from(
        first, after, most_blocks=lambda r: most_blocks // (8 if r.start in failed else 1)
    )
    assert _starts(list(found)) == group


def test_open_ranges_go_one_by_one() -> None:
    first, *after = in_order(_stand(44, {}), first_open=17)
    assert _starts([first, *after]) == [40, 30, 20, 10, 0]
    assert group_from(first, after, most_blocks=lambda _: 100) == (first,)
