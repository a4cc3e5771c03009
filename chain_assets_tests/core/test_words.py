"""256-bit words as decimals and as binary values."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.words import (
    DECIMAL,
    binary_from_rows,
    decimal_from_binary,
    decimal_from_words,
    words_from_decimals,
    words_from_ints,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0, Decimal(0), id="zero"),
        pytest.param(2**64, Decimal(2**64), id="more than one limb"),
        pytest.param(10**38 - 1, Decimal(10**38 - 1), id="the largest that fits"),
        pytest.param(10**38, None, id="the smallest that does not fit"),
        pytest.param(2**127, None, id="would be negative as a signed integer"),
        pytest.param(2**128, None, id="would wrap to zero"),
        pytest.param(2**256 - 1, None, id="the allowance without limit"),
    ],
)
def test_a_word_is_a_decimal_or_null_where_it_does_not_fit(
    value: int, expected: Decimal | None
) -> None:
    assert decimal_from_words(words_from_ints([value])).to_pylist() == [expected]


@given(st.lists(st.integers(0, 2**256 - 1) | st.integers(10**38 - 5, 10**38 + 5)))
def test_every_word_that_fits_keeps_its_value(values: list[int]) -> None:
    decimals = decimal_from_words(words_from_ints(values))
    decimals.validate(full=True)
    assert decimals.to_pylist() == [Decimal(one) if one < 10**38 else None for one in values]


def test_rows_without_a_value_are_null() -> None:
    words, valid = words_from_ints([1, 2, 3]), np.array([True, False, True])
    assert decimal_from_words(words, valid=valid).to_pylist() == [Decimal(1), None, Decimal(3)]
    expected = [bytes(31) + b"\x01", None, bytes(31) + b"\x03"]
    assert binary_from_rows(words, valid=valid).to_pylist() == expected


def test_an_integer_that_is_no_word_is_refused() -> None:
    for value in (-1, 2**256):
        with pytest.raises(OverflowError):
            words_from_ints([value])


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.integers(0, 2**256 - 1) | st.integers(0, 10**38)),
    cut=st.integers(0, 3),
)
def test_a_column_of_words_is_a_column_of_decimals(values: list[int | None], cut: int) -> None:
    words = pa.array([None if one is None else one.to_bytes(32, "big") for one in values])
    decimals = decimal_from_binary(words.cast(pa.binary()).slice(cut))
    decimals.validate(full=True)
    assert decimals.to_pylist() == [
        None if one is None or one >= 10**38 else Decimal(one) for one in values[cut:]
    ]


@settings(deadline=None)
@given(values=st.lists(st.none() | st.integers(0, 10**38 - 1)), cut=st.integers(0, 3))
def test_decimals_are_words_again(values: list[int | None], cut: int) -> None:
    decimals = pa.array([None if one is None else Decimal(one) for one in values], DECIMAL)
    words = words_from_decimals(decimals.slice(cut))
    assert words.shape == (max(0, len(values) - cut), 32)
    for value, word in zip(values[cut:], words, strict=True):
        assert value is None or int.from_bytes(word.tobytes(), "big") == value
