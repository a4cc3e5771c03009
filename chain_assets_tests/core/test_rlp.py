"""RLP: the examples of the specification, and the `rlp` library as the other opinion."""

from __future__ import annotations

from typing import Any

import pytest
import rlp as other  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.rlp import RlpItem, encode, encode_items, int_to_bytes, wrap_payload

_LOREM = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"

ITEMS = st.recursive(
    st.binary(max_size=300) | st.integers(min_value=0, max_value=2**300),
    lambda items: st.lists(items, max_size=20),
    max_leaves=40,
)


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        pytest.param(b"", "80", id="empty string"),
        pytest.param(b"\x00", "00", id="a zero byte is itself"),
        pytest.param(b"\x7f", "7f", id="largest byte that is itself"),
        pytest.param(b"\x80", "8180", id="smallest byte that is not"),
        pytest.param(b"dog", "83646f67", id="dog"),
        pytest.param(_LOREM, "b838" + _LOREM.hex(), id="56 bytes need a length of their own"),
        pytest.param(b"a" * 55, "b7" + "61" * 55, id="55 bytes do not"),
        pytest.param(b"a" * 256, "b90100" + "61" * 256, id="a length of two bytes"),
        pytest.param(0, "80", id="zero is the empty string"),
        pytest.param(15, "0f", id="small integer"),
        pytest.param(1024, "820400", id="integer of two bytes"),
        pytest.param([], "c0", id="empty list"),
        pytest.param([b"cat", b"dog"], "c88363617483646f67", id="cat and dog"),
        pytest.param([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0", id="three as a set of sets"),
        pytest.param([b"a" * 56], "f83ab838" + "61" * 56, id="a long list"),
    ],
)
def test_examples_of_the_specification(item: RlpItem, encoded: str) -> None:
    assert encode(item).hex() == encoded


@given(ITEMS)
def test_any_item_is_encoded_as_the_rlp_library_does(item: Any) -> None:
    assert encode(item) == other.encode(item)


@given(st.lists(ITEMS, max_size=6))
def test_a_list_is_its_wrapped_payload(items: list[Any]) -> None:
    assert wrap_payload(encode_items(items)) == encode(items)


def test_tuples_are_lists() -> None:
    assert encode((1, (b"a", 2))) == encode([1, [b"a", 2]])


def test_a_negative_integer_is_refused() -> None:
    with pytest.raises(ValueError, match="negative integers: -1"):
        int_to_bytes(-1)


@pytest.mark.parametrize("item", ["text", None, 1.5, {1: 2}])
def test_what_rlp_has_no_form_for_is_refused(item: Any) -> None:
    with pytest.raises(TypeError, match=type(item).__name__):
        encode([item])
