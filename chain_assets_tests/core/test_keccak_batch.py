"""Keccak-256 in batches against Keccak-256 one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.keccak import keccak256
from chain_assets.core.keccak_batch import keccak256_slices


def digests(values: list[bytes]) -> list[bytes]:
    lengths = np.array([len(value) for value in values], np.int64)
    starts = np.cumsum(lengths) - lengths
    out = keccak256_slices(np.frombuffer(b"".join(values), np.uint8), starts, lengths)
    assert out.shape == (len(values), 32)
    return [row.tobytes() for row in out]


def test_every_length_up_to_several_blocks_of_the_sponge_gives_its_digest() -> None:
    values = [bytes(index % 251 for index in range(length)) for length in range(600)]
    assert digests(values) == [keccak256(value) for value in values]


@given(st.lists(st.binary(max_size=300)))
def test_any_batch_gives_the_digest_of_each_value_in_order(values: list[bytes]) -> None:
    assert digests(values) == [keccak256(value) for value in values]


def test_one_very_long_value_among_short_ones_gives_its_digest() -> None:
    values = [b"a", bytes(200_000), b"", b"b" * 136]
    assert digests(values) == [keccak256(value) for value in values]


def test_slices_may_overlap_and_stand_in_any_order() -> None:
    data = np.arange(256, dtype=np.uint8)
    out = keccak256_slices(data, np.array([100, 0, 50]), np.array([10, 256, 100]))
    whole = bytes(range(256))
    expected = [whole[100:110], whole, whole[50:150]]
    assert [row.tobytes() for row in out] == [keccak256(value) for value in expected]


@pytest.mark.parametrize(
    ("start", "length"),
    [
        pytest.param(0, 11, id="ends behind the data"),
        pytest.param(10, 1, id="begins behind the data"),
        pytest.param(-1, 2, id="begins before the data"),
        pytest.param(3, -1, id="has a negative length"),
    ],
)
def test_a_slice_outside_of_the_data_is_refused(start: int, length: int) -> None:
    with pytest.raises(ValueError, match="outside of the 10 bytes"):
        keccak256_slices(np.zeros(10, np.uint8), np.array([0, start]), np.array([10, length]))


def test_starts_and_lengths_of_different_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="1 starts for 2 lengths"):
        keccak256_slices(np.zeros(10, np.uint8), np.array([0]), np.array([1, 2]))
