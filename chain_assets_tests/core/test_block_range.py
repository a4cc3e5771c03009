"""Block ranges: tiling, keys, delimiters, and what a person types."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.block_range import (
    BlockRange,
    Delimiter,
    check_delimiters,
    parse_spans,
    range_of,
    ranges_between,
    spans_of,
)

LARGEST = 10**12 - 1
numbers = st.integers(0, LARGEST)


@st.composite
def block_ranges(draw: st.DrawFn) -> BlockRange:
    first, last = sorted([draw(numbers), draw(numbers)])
    return BlockRange(first, last + 1)


@st.composite
def delimiter_lists(draw: st.DrawFn) -> list[Delimiter]:
    """Delimiters as a chain has them: from 0 on, each span a multiple of its size."""
    sizes = draw(st.lists(st.integers(1, 50), min_size=1, max_size=4))
    counts = draw(st.lists(st.integers(1, 5), min_size=len(sizes), max_size=len(sizes)))
    start, delimiters = 0, []
    for size, count in zip(sizes, counts, strict=True):
        delimiters.append(Delimiter(start, size))
        start += size * count
    return delimiters


@given(delimiters=delimiter_lists(), first=st.integers(0, 600), count=st.integers(1, 600))
def test_ranges_tile_the_numbers_without_gap_or_overlap(
    delimiters: list[Delimiter], first: int, count: int
) -> None:
    last = first + count - 1
    ranges = list(ranges_between(first, last, delimiters))
    covered = [number for block_range in ranges for number in block_range.numbers()]
    assert covered == list(range(ranges[0].start, ranges[-1].stop))
    assert first in ranges[0]
    assert last in ranges[-1]


@given(delimiters=delimiter_lists(), number=st.integers(0, 600))
def test_every_block_of_a_range_is_in_that_range_and_no_other(
    delimiters: list[Delimiter], number: int
) -> None:
    block_range = range_of(number, delimiters)
    assert number in block_range
    assert {range_of(n, delimiters) for n in block_range.numbers()} == {block_range}


@given(delimiters=delimiter_lists(), number=st.integers(0, 600), size=st.integers(1, 9))
def test_a_range_keeps_its_blocks_when_sizes_shrink_further_up(
    delimiters: list[Delimiter], number: int, size: int
) -> None:
    before = range_of(number, delimiters)
    more = [*delimiters, Delimiter(before.stop, size)]
    if before.stop > delimiters[-1].start:
        check_delimiters(more)
        assert range_of(number, more) == before


@given(delimiters=delimiter_lists())
def test_delimiters_as_a_chain_has_them_are_accepted(delimiters: list[Delimiter]) -> None:
    check_delimiters(delimiters)


@pytest.mark.parametrize(
    ("delimiters", "words"),
    [
        pytest.param([], "must start at block 0", id="none"),
        pytest.param([(1, 10)], "must start at block 0", id="late start"),
        pytest.param([(0, 0)], "at least 1, not 0", id="size 0"),
        pytest.param([(0, 10), (20, -5)], "at least 1, not -5", id="negative size"),
        pytest.param([(0, 10), (20, 5), (20, 1)], "must ascend: 20 follows 20", id="twice"),
        pytest.param([(0, 10), (20, 5), (10, 1)], "must ascend: 10 follows 20", id="descending"),
        pytest.param([(0, 10), (25, 5)], "delimiter 25 cuts a range of 10", id="cut range"),
    ],
)
def test_wrong_delimiters_are_refused(delimiters: list[tuple[int, int]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_delimiters([Delimiter(start, size) for start, size in delimiters])


@given(block_range=block_ranges())
def test_a_key_names_its_range(block_range: BlockRange) -> None:
    assert BlockRange.from_key(block_range.key) == block_range


@given(one=block_ranges(), other=block_ranges())
def test_keys_sort_as_their_ranges_do(one: BlockRange, other: BlockRange) -> None:
    assert (one.key < other.key) == (one < other)


def test_a_key_shows_first_and_last_block() -> None:
    assert BlockRange(17_686_000, 17_687_000).key == "000017686000-000017686999"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("17686000-17686999", id="too few digits"),
        pytest.param("000017686000", id="one number"),
        pytest.param("000017686999-000017686000", id="reversed"),
        pytest.param(" 000017686000-000017686999", id="space"),
        pytest.param("000017686000-000017686999\n", id="line feed"),
        pytest.param("00001768600\u0660-000017686999", id="digit of another script"),
        pytest.param("-00017686000-000017686999", id="sign"),
    ],
)
def test_a_text_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a block range"):
        BlockRange.from_key(key)


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (-1, 5), (0, LARGEST + 2)], ids=str)
def test_an_impossible_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not a block range"):
        BlockRange(start, stop)


@given(one=block_ranges(), other=block_ranges(), number=numbers)
def test_an_intersection_holds_what_is_in_both(
    one: BlockRange, other: BlockRange, number: int
) -> None:
    both = one.intersection(other)
    assert (both is not None and number in both) == (number in one and number in other)


def test_ranges_that_touch_do_not_intersect() -> None:
    assert BlockRange(0, 5).intersection(BlockRange(5, 9)) is None


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        pytest.param("5", [(5, 6)], id="one block"),
        pytest.param("10-20", [(10, 21)], id="both included"),
        pytest.param("1_000-1_009", [(1000, 1010)], id="underscores"),
        pytest.param(" 5 , 8-9 ", [(5, 6), (8, 10)], id="spaces around"),
        pytest.param("8-9,5", [(5, 6), (8, 10)], id="sorted"),
        pytest.param("5-9,7-12", [(5, 13)], id="overlap"),
        pytest.param("5-9,10", [(5, 11)], id="touch"),
        pytest.param("0", [(0, 1)], id="genesis"),
    ],
)
def test_spans_are_read_as_a_person_types_them(text: str, spans: list[tuple[int, int]]) -> None:
    assert [(span.start, span.stop) for span in parse_spans(text)] == spans


@pytest.mark.parametrize(
    "text", ["", ",", "5,", "a", "5-", "-5", "5-4", "5--6", "0x5", "1.5", "\u0665", str(10**12)]
)
def test_a_text_that_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|not a block range"):
        parse_spans(text)


@given(wanted=st.lists(st.integers(0, 60)))
def test_spans_of_numbers_hold_exactly_them_and_are_the_fewest(wanted: list[int]) -> None:
    spans = spans_of(wanted)
    assert [n for span in spans for n in span.numbers()] == sorted(set(wanted))
    assert all(low.stop < high.start for low, high in pairwise(spans))


@given(wanted=st.lists(st.integers(0, 60), min_size=1))
def test_spans_as_text_are_read_back(wanted: list[int]) -> None:
    spans = spans_of(wanted)
    assert parse_spans(",".join(f"{span.start}-{span.stop - 1}" for span in spans)) == spans
