"""Packing: every item once, in order; tasks of about equal bytes, batches of a bounded size."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.packing import batches, pack


@dataclass(frozen=True)
class Item:
    """Something with a size."""

    name: int
    size_bytes: int


def items(*sizes: int) -> list[Item]:
    return [Item(name, size) for name, size in enumerate(sizes)]


def sizes_of(runs: list[tuple[Item, ...]]) -> list[list[int]]:
    return [[item.size_bytes for item in run] for run in runs]


@pytest.mark.parametrize(
    ("given_sizes", "parallelism", "target", "least", "wanted"),
    [
        pytest.param([], 4, 100, 1, [], id="nothing"),
        pytest.param([5], 4, 100, 1, [[5]], id="one"),
        pytest.param([1, 1, 1, 1], 2, 100, 1, [[1, 1], [1, 1]], id="as-many-as-workers"),
        pytest.param([1, 1, 1, 1], 2, 100, 3, [[1, 1, 1, 1]], id="too-few-to-cut"),
        pytest.param([4, 4, 4, 4], 1, 8, 1, [[4, 4], [4, 4]], id="target-bytes"),
        pytest.param([1, 1, 100, 1, 1], 3, 1000, 1, [[1, 1], [100], [1, 1]], id="a-huge-one"),
        pytest.param([0, 0, 0], 2, 10, 1, [[0, 0, 0]], id="no-bytes"),
    ],
)
def test_items_are_cut_as_in_the_examples(
    given_sizes: list[int], parallelism: int, target: int, least: int, wanted: list[list[int]]
) -> None:
    runs = pack(
        items(*given_sizes), parallelism=parallelism, target_bytes=target, least_items=least
    )
    assert sizes_of(runs) == wanted


@given(
    sizes=st.lists(st.integers(0, 1000), max_size=60),
    parallelism=st.integers(1, 8),
    target=st.integers(1, 2000),
    least=st.integers(1, 20),
)
def test_nothing_is_lost_or_reordered_and_no_run_is_empty(
    sizes: list[int], parallelism: int, target: int, least: int
) -> None:
    given_items = items(*sizes)
    runs = pack(given_items, parallelism=parallelism, target_bytes=target, least_items=least)
    assert [item for run in runs for item in run] == given_items
    assert all(runs)
    assert len(runs) <= max(1, len(sizes) // least)


@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=60), parallelism=st.integers(1, 8))
def test_no_run_exceeds_its_share_by_more_than_one_item(sizes: list[int], parallelism: int) -> None:
    runs = pack(items(*sizes), parallelism=parallelism, target_bytes=10**9, least_items=1)
    share = sum(sizes) / min(parallelism, len(sizes))
    assert all(sum(run) <= share + max(sizes) for run in sizes_of(runs))


@pytest.mark.parametrize(
    ("given_sizes", "wanted"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1, 1, 1, 1], [[1, 1, 1], [1]], id="no-more-items"),
        pytest.param([6, 4, 1], [[6, 4], [1]], id="no-more-bytes"),
        pytest.param([1, 99, 1], [[1], [99], [1]], id="a-huge-one-alone"),
    ],
)
def test_batches_are_cut_as_in_the_examples(
    given_sizes: list[int], wanted: list[list[int]]
) -> None:
    runs = list(batches(items(*given_sizes), most_items=3, most_bytes=10))
    assert sizes_of(runs) == wanted


@given(
    sizes=st.lists(st.integers(0, 1000), max_size=60),
    most_items=st.integers(1, 20),
    most_bytes=st.integers(1, 2000),
)
def test_batches_keep_all_items_in_order_and_their_limits(
    sizes: list[int], most_items: int, most_bytes: int
) -> None:
    given_items = items(*sizes)
    runs = list(batches(given_items, most_items=most_items, most_bytes=most_bytes))
    assert [item for run in runs for item in run] == given_items
    assert all(0 < len(run) <= most_items for run in runs)
    assert all(len(run) == 1 or sum(run) <= most_bytes for run in sizes_of(runs))
