"""Arguments as JSON text: the exact text for examples of every kind of value."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.abi.columns import binary_column
from chain_assets.core.abi.decimal_text import signed_text, unsigned_text
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import RowFates
from chain_assets.core.abi.rendering import render_arguments
from chain_assets.core.abi.type_text import parse_parameter
from chain_assets.core.words import words_from_ints


def rendered(parameters: list[str], *rows: list[Any]) -> list[str]:
    """The JSON texts of `rows`, encoded by eth_abi."""
    parsed = [parse_parameter(text) for text in parameters]
    types, names = [one.type for one in parsed], [one.name for one in parsed]
    data = [encode([one.canonical for one in types], row) for row in rows]
    source = binary_column(pa.array(data, pa.binary()))
    fates = RowFates(source.sizes)
    columns = decode_arguments(
        types, names, source=source, starts=source.starts, ends=source.ends, fates=fates
    )
    assert fates.all_good().all()
    return list(render_arguments(names, columns, count=len(rows)).to_pylist())


@pytest.mark.parametrize(
    ("parameters", "row", "text"),
    [
        pytest.param([], [], "{}", id="no argument"),
        pytest.param(["uint256 a"], [2**256 - 1], f'{{"a":"{2**256 - 1}"}}', id="large integer"),
        pytest.param(["int256 a"], [-(2**255)], f'{{"a":"{-(2**255)}"}}', id="smallest integer"),
        pytest.param(["int24 a"], [-5], '{"a":"-5"}', id="small negative integer"),
        pytest.param(["bool a", "bool b"], [True, False], '{"a":true,"b":false}', id="bools"),
        pytest.param(
            ["address a"], ["0x" + "AB" * 20], '{"a":"0x' + "ab" * 20 + '"}', id="address"
        ),
        pytest.param(["bytes4 a"], [b"\x01\x02\x03\xff"], '{"a":"0x010203ff"}', id="bytes4"),
        pytest.param(["bytes a"], [b""], '{"a":"0x"}', id="no bytes"),
        pytest.param(["string a"], ['"\\/\n\x7f é'], '{"a":"\\"\\\\/\\n\x7f é"}', id="escapes"),
        pytest.param(["uint8[] a"], [[]], '{"a":[]}', id="empty array"),
        pytest.param(["uint8[2][] a"], [[[1, 2]]], '{"a":[["1","2"]]}', id="nested array"),
        pytest.param(
            ["(bool x, (uint8 z)[] y) a"], [(True, [(1,), (2,)])],
            '{"a":{"x":true,"y":[{"z":"1"},{"z":"2"}]}}', id="tuples by name",
        ),
        pytest.param(
            ["uint8", "(uint8, uint8 x)"], [1, (2, 3)],
            '{"arg0":"1","arg1":{"arg0":"2","x":"3"}}', id="arguments without a name",
        ),
        pytest.param(["uint8 a", "uint8 a"], [1, 2], '{"a":"1","a_1":"2"}', id="repeated name"),
    ],
)  # fmt: skip
def test_the_text_of_arguments(parameters: list[str], row: list[Any], text: str) -> None:
    assert rendered(parameters, row) == [text]


def test_rows_of_different_lengths_do_not_mix() -> None:
    rows = [[[], ""], [["a", '"'], "b"], [[""], "\n"], [["x"] * 3, "y"]]
    texts = rendered(["string[] l", "string s"], *rows)
    assert [orjson.loads(text) for text in texts] == [{"l": one, "s": two} for one, two in rows]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=6))
def test_every_string_comes_back_from_its_json(values: list[str]) -> None:
    texts = rendered(["string s"], *[[value] for value in values])
    assert [orjson.loads(text)["s"] for text in texts] == values


POWERS = st.integers(0, 256).flatmap(lambda bits: st.integers(-1, 1).map(lambda d: 2**bits + d))
TENS = st.integers(0, 77).flatmap(lambda digits: st.integers(-1, 1).map(lambda d: 10**digits + d))


@given(st.lists((st.integers(0, 2**256 - 1) | POWERS | TENS).map(lambda n: n % 2**256)))
def test_integers_of_256_bits_are_written_to_the_last_digit(values: list[int]) -> None:
    words = words_from_ints(values)
    assert unsigned_text(words).to_pylist() == [str(value) for value in values]
    signed = [value - (1 << 256) if value >> 255 else value for value in values]
    assert signed_text(words).to_pylist() == [str(value) for value in signed]
