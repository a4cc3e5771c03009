"""Forks are found with few questions, and changes replay to the canonical chain."""

from __future__ import annotations

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.block_range import BlockRange
from chain_assets.core.reorgs import (
    changes_between,
    first_orphan,
    linked_spans,
    reorg_id,
    replay,
)

SPANS = st.tuples(st.integers(0, 50), st.integers(1, 400))


@given(span=SPANS, data=st.data())
def test_the_lowest_orphan_is_found_with_few_questions(
    span: tuple[int, int], data: st.DataObject
) -> None:
    start, length = span
    block_range = BlockRange(start, start + length)
    fork = data.draw(st.integers(start, start + length))  # the end: no orphan at all
    asked: list[int] = []

    def is_canonical(number: int) -> bool:
        asked.append(number)
        return number < fork

    found = first_orphan(block_range, is_canonical)
    assert found == (fork if fork < block_range.stop else None)
    depth = block_range.stop - fork
    assert len(asked) <= 2 * ceil(log2(depth + 1)) + 2
    assert all(number in block_range for number in asked)


@given(span=SPANS, data=st.data())
def test_what_the_source_does_not_have_takes_nothing_away(
    span: tuple[int, int], data: st.DataObject
) -> None:
    start, length = span
    block_range = BlockRange(start, start + length)
    unknown = data.draw(st.sets(st.sampled_from(block_range.numbers())))
    found = first_orphan(block_range, lambda n: None if n in unknown else True)
    assert found is None


def test_blocks_that_the_source_lacks_at_the_top_hide_no_orphan_below() -> None:
    verdicts = {9: None, 8: None, 7: False, 6: False, 5: True}
    assert first_orphan(BlockRange(5, 10), lambda n: verdicts[n]) == 6


def test_neighbours_that_do_not_link_are_in_spans_of_their_own() -> None:
    blocks = {
        1: (b"1", b"0"),
        2: (b"2", b"1"),
        3: (b"3", b"other"),
        5: (b"5", b"4"),
    }
    assert linked_spans(blocks) == [BlockRange(1, 3), BlockRange(3, 4), BlockRange(5, 6)]


BLOCKS = st.sets(st.tuples(st.integers(0, 30), st.sampled_from([b"a", b"b"])))


@given(sets=st.lists(BLOCKS, min_size=1, max_size=6))
def test_changes_replay_to_the_canonical_set(sets: list[set[tuple[int, bytes]]]) -> None:
    published: list[tuple[tuple[int, bytes], int]] = []
    for canonical in sets:
        published += changes_between(replay(published), canonical).steps()
        assert replay(published) == canonical


def test_a_reorg_is_told_from_the_old_head_down_and_then_up_to_the_new_one() -> None:
    before = [(1, b"a"), (2, b"a"), (3, b"a")]
    after = [(1, b"a"), (2, b"b"), (3, b"b"), (4, b"b")]
    steps = list(changes_between(before, after).steps())
    assert steps == [
        ((3, b"a"), -1),
        ((2, b"a"), -1),
        ((2, b"b"), 1),
        ((3, b"b"), 1),
        ((4, b"b"), 1),
    ]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([((1, b"a"), -1)], id="ceases-before-it-became"),
        pytest.param([((1, b"a"), 1), ((1, b"a"), 1)], id="becomes-twice"),
    ],
)
def test_steps_that_cannot_be_applied_are_refused(
    steps: list[tuple[tuple[int, bytes], int]],
) -> None:
    with pytest.raises(ValueError, match="block 1 changes by"):
        replay(steps)


def test_a_reorg_has_one_name_whoever_finds_it_and_another_the_next_time() -> None:
    blocks = [(3, b"a"), (2, b"a")]
    name = reorg_id("ethereum", blocks, time=1)
    assert reorg_id("ethereum", blocks[::-1], time=1) == name
    assert reorg_id("ethereum", blocks, time=2) != name
    assert reorg_id("base", blocks, time=1) != name
