"""The compiled loops against core/rlp.py and core/trie.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.proofs import warm_up
from chain_assets.core.proofs.rlp_batch import Group, column_fields, encode_lists
from chain_assets.core.proofs.slices import Slices, binary_slices
from chain_assets.core.proofs.trie_batch import ordered_trie_roots, plan
from chain_assets.core.proofs.trie_kernel import LEAF_ROOM
from chain_assets.core.rlp import encode
from chain_assets.core.schemas.columns import ACCESS_LIST
from chain_assets.core.trie import ordered_trie_root

LONG, AMOUNT = pa.int64(), pa.decimal128(38, 0)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Hypothesis would take the compilation of a kernel for a slow example."""
    warm_up()


def encoded(slices: Slices) -> list[bytes]:
    data = slices.data.tobytes()
    pairs = zip(slices.starts.tolist(), slices.lengths.tolist(), strict=True)
    return [data[start : start + length] for start, length in pairs]


def encode_columns(**columns: pa.Array) -> list[bytes]:
    """One list a row, of all columns."""
    fields = column_fields(columns)
    count = len(fields[0])
    return encoded(encode_lists([Group(np.arange(count), fields)], count))


def slices_of(values: list[bytes]) -> Slices:
    return binary_slices(pa.array(values, pa.binary()))


data_values = st.lists(st.binary(max_size=80) | st.binary(min_size=250, max_size=260), min_size=1)


@given(data_values)
def test_bytes_are_encoded_as_they_are(values: list[bytes]) -> None:
    assert encode_columns(data=pa.array(values)) == [encode([value]) for value in values]


@given(st.lists(st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 127, 128, 255, 256])))
def test_integers_have_no_leading_zeros(values: list[int]) -> None:
    expected = [encode([value]) for value in values]
    assert encode_columns(n=pa.array(values, LONG)) == expected
    decimals = pa.array([Decimal(value) for value in values], AMOUNT)
    assert encode_columns(n=decimals) == expected
    words = pa.array([value.to_bytes(32, "big") for value in values], pa.binary())
    assert encode_columns(r=words) == expected


@given(st.lists(st.integers(0, 10**38 - 1)))
def test_amounts_of_all_sizes_are_encoded(values: list[int]) -> None:
    decimals = pa.array([Decimal(value) for value in values], AMOUNT)
    assert encode_columns(value=decimals) == [encode([value]) for value in values]


@given(st.lists(st.none() | st.lists(st.lists(st.binary(min_size=32, max_size=32)))))
def test_access_lists_are_lists_of_lists(values: list[Any]) -> None:
    rows = [
        None if row is None else [{"address": bytes(20), "storage_keys": keys} for keys in row]
        for row in values
    ]
    expected = [encode([[[bytes(20), keys] for keys in row or []]]) for row in values]
    assert encode_columns(access_list=pa.array(rows, ACCESS_LIST)) == expected


def test_null_is_the_empty_string_or_the_empty_list() -> None:
    arrays = {
        "data": pa.array([None], pa.binary()),
        "amount": pa.array([None], AMOUNT),
        "count": pa.array([None], LONG),
        "flag": pa.array([None], pa.bool_()),
        "hashes": pa.array([None], pa.list_(pa.binary())),
    }
    assert encode_columns(**arrays) == [encode([b"", b"", b"", b"", []])]


def test_a_slice_of_a_longer_column_gives_its_own_rows() -> None:
    columns = {
        "data": pa.array([b"a", b"bc", None, b"def"]),
        "amount": pa.array([Decimal(1), None, Decimal(300), Decimal(4)], AMOUNT),
        "hashes": pa.array([[b"x"], [], [b"y", b"z"], None], pa.list_(pa.binary())),
    }
    whole = encode_columns(**columns)
    assert encode_columns(**{n: c.slice(1, 2) for n, c in columns.items()}) == whole[1:3]


def test_rows_of_several_groups_go_into_their_own_envelopes() -> None:
    short, long = slices_of([b"a", b"b", b"c"]), slices_of([bytes(60)] * 3)
    groups = [Group(np.array([0]), [short]), Group(np.array([2]), [long, short])]
    lists = encode_lists(groups, 3, envelopes=np.array([0, 1, 2], np.uint8))
    assert encoded(lists) == [encode([b"a"]), b"", b"\x02" + encode([bytes(60), b"c"])]


def with_room(values: list[bytes]) -> Slices:
    """The values with free bytes in front of each, as leaves need them."""
    gap = bytes(LEAF_ROOM)
    lengths = np.array([len(value) for value in values], np.int64)
    starts = np.cumsum(lengths + LEAF_ROOM) - lengths
    data = np.frombuffer(bytearray(b"".join(gap + value for value in values)), np.uint8)
    return Slices(data, starts, lengths, room=LEAF_ROOM)


def roots(values: list[bytes], counts: list[int]) -> list[bytes]:
    lengths = np.array(counts, np.int64)
    starts = np.cumsum(lengths) - lengths
    out = ordered_trie_roots(with_room(values), starts=starts, forest=plan(lengths))
    return [row.tobytes() for row in out]


@pytest.mark.parametrize("size", [1, 5, 40], ids=["tiny nodes", "small items", "hashed items"])
def test_tries_of_every_count_have_the_root_of_the_slow_trie(size: int) -> None:
    counts = [*range(40), *range(120, 140), *range(250, 270), 1000]
    values = [bytes([1 + index % 255]) * size for index in range(sum(counts))]
    expected, start = [], 0
    for count in counts:
        expected.append(ordered_trie_root(values[start : start + count]))
        start += count
    assert roots(values, counts) == expected


def test_a_trie_with_indices_of_three_bytes_has_the_root_of_the_slow_trie() -> None:
    values = [index.to_bytes(3, "big") for index in range(1, 66_000)]
    assert roots(values, [len(values)]) == [ordered_trie_root(values)]


@given(st.lists(st.lists(st.binary(min_size=1, max_size=70), max_size=20), max_size=6))
def test_any_forest_has_the_roots_of_the_slow_trie(forest: list[list[bytes]]) -> None:
    values = [value for tree in forest for value in tree]
    expected = [ordered_trie_root(tree) for tree in forest]
    assert roots(values, [len(tree) for tree in forest]) == expected


def test_items_without_room_for_what_makes_them_leaves_are_refused() -> None:
    with pytest.raises(ValueError, match="0 bytes of room"):
        ordered_trie_roots(
            slices_of([b"a"]), starts=np.zeros(1, np.int64), forest=plan(np.ones(1, np.int64))
        )


def test_a_field_with_another_number_of_rows_than_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="a field of 2 rows among 3"):
        encode_lists([Group(np.arange(3), [slices_of([b"a", b"b"])])], 3)
