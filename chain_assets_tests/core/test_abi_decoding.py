"""The columnar decoder against eth_abi: what one accepts, the other accepts, with equal values."""

from __future__ import annotations

import time
from random import Random

import orjson
import pyarrow as pa
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.abi.columns import binary_column
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import MAX_GROWTH, RowFates
from chain_assets.core.abi.rendering import render_arguments
from chain_assets.core.abi.type_text import parse_type
from chain_assets_tests.core.abi_cases import (
    alias_bomb,
    damaged,
    random_type,
    random_value,
    slow_decode,
    slow_json,
    words,
)
from chain_assets_tests.core.abi_values import decode_values

ROWS = 40
ROUNDS = 50


@pytest.mark.parametrize("seed", range(10))
def test_values_and_refusals_are_those_of_eth_abi(seed: int) -> None:
    random = Random(seed)
    accepted = refused = 0
    for _ in range(ROUNDS):
        types = [random_type(random, 3) for _ in range(random.randint(0, 4))]
        trees = [parse_type(text) for text in types]
        rows = []
        for _ in range(ROWS):
            values = [random_value(random, tree) for tree in trees]
            rows.append(damaged(random, encode(types, values)))
        expected = [slow_decode(types, data) for data in rows]
        decoded, reasons = decode_values(types, rows)
        assert decoded == expected, types
        assert [reason is None for reason in reasons] == [one is not None for one in expected]
        accepted += sum(one is not None for one in expected)
        refused += sum(one is None for one in expected)
    # Both kinds must be common, or the comparison would say little.
    assert min(accepted, refused) > ROUNDS * ROWS / 5


@pytest.mark.parametrize("seed", range(4))
def test_the_json_of_every_type_holds_the_values_of_eth_abi(seed: int) -> None:
    random = Random(1000 + seed)
    for _ in range(ROUNDS):
        types = [random_type(random, 3) for _ in range(random.randint(1, 4))]
        trees = [parse_type(text) for text in types]
        rows = [[random_value(random, tree) for tree in trees] for _ in range(10)]
        source = binary_column(pa.array([encode(types, row) for row in rows]))
        fates = RowFates(source.sizes)
        names = [f"x{index}" for index in range(len(types))]
        columns = decode_arguments(
            trees, names, source=source, starts=source.starts, ends=source.ends, fates=fates
        )
        assert fates.all_good().all()
        texts = render_arguments(names, columns, count=10).to_pylist()
        for text, row in zip(texts, rows, strict=True):
            expected = {
                name: slow_json(tree, value)
                for name, tree, value in zip(names, trees, row, strict=True)
            }
            assert orjson.loads(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    types=st.lists(
        st.sampled_from(["uint8", "bool", "bytes", "string[]", "(int16,bytes)[2]", "uint256[][]"]),
        max_size=3,
    ),
    rows=st.lists(
        st.lists(
            st.sampled_from([0, 1, 2, 31, 32, 64, 96, 128, 160, 255, -1]).map(lambda n: words(n))
            | st.binary(max_size=33),
            max_size=12,
        ).map(b"".join),
        max_size=4,
    ),
)
def test_bytes_that_look_like_pointers_are_taken_as_eth_abi_takes_them(
    types: list[str], rows: list[bytes]
) -> None:
    assert decode_values(types, rows)[0] == [slow_decode(types, data) for data in rows]


RULES = [
    pytest.param("bool", words(2), "not a valid bool", id="a bool of two"),
    pytest.param("address", words(1 << 160), "not a valid address", id="bits before an address"),
    pytest.param("uint8", words(256), "not a valid uint8", id="an uint8 of 256"),
    pytest.param("int8", words(128), "not a valid int8", id="an int8 of 128"),
    pytest.param("int8", words(-129), "not a valid int8", id="an int8 of -129"),
    pytest.param("bytes4", words(1), "not a valid bytes4", id="bits after bytes4"),
    pytest.param("uint256", words(1)[:31], "ends too early", id="a word that lacks a byte"),
    pytest.param("bytes", words(0), "leads into the heads", id="a pointer to itself"),
    pytest.param("bytes", words(32), "leads out of the data", id="a pointer to the end"),
    pytest.param("bytes", words(64), "leads out of the data", id="a pointer behind the end"),
    pytest.param("bytes", words(-1), "leads out of the data", id="the largest pointer"),
    pytest.param("bytes", words(32) + b"\0", "before its length", id="half a length"),
    pytest.param("bytes", words(32, 33, 0), "inside of its bytes", id="fewer bytes than said"),
    pytest.param("bytes", words(32, 1) + b"a", "inside of its bytes", id="bytes not padded"),
    pytest.param("bytes", words(32, 0x20, -1)[:95], "inside of its bytes", id="the last byte cut"),
    pytest.param("bytes", words(32, 1, 1), "padding after its bytes", id="padding not zero"),
    pytest.param("string", words(32, 1) + b"\xff" + bytes(31), "UTF-8", id="no UTF-8"),
    pytest.param("string", words(32, 3) + b"\xed\xa0\x80" + bytes(29), "UTF-8", id="a surrogate"),
    pytest.param("string", words(32, 2) + b"\xc0\x80" + bytes(30), "UTF-8", id="an overlong NUL"),
    pytest.param("uint8[]", words(32, 2, 1), "more items than the data", id="an item missing"),
    pytest.param("uint8[]", words(32, -1), "more items than the data", id="2^256 - 1 items"),
    pytest.param("bytes[2]", words(32, 64, 99), "leads out of the data", id="a pointer of an item"),
    pytest.param("bytes[]", words(32, 1, 0), "leads into the heads", id="an item at its pointer"),
]


@pytest.mark.parametrize(("text", "data", "reason"), RULES)
def test_each_broken_rule_has_its_reason_and_spares_the_other_rows(
    text: str, data: bytes, reason: str
) -> None:
    good = encode([text], [random_value(Random(0), parse_type(text))])
    decoded, reasons = decode_values([text], [good, data, good])
    assert slow_decode([text], data) is None
    assert decoded == [slow_decode([text], good), None, slow_decode([text], good)]
    assert reasons[0] is None
    assert reasons[2] is None
    assert reason in str(reasons[1])


@pytest.mark.parametrize(
    ("types", "data", "values"),
    [
        pytest.param(["uint8"], words(7, 9), (7,), id="bytes after the last value"),
        pytest.param([], b"\x01", (), id="bytes for no argument at all"),
        pytest.param(["bytes"], words(64, 99, 0), (b"",), id="a gap before the value"),
        pytest.param(
            ["bytes", "bytes"], words(64, 64, 0), (b"", b""), id="two pointers, one value"
        ),
        # A pointer into the heads, which eth_abi misses where a static value has several words.
        pytest.param(
            ["(uint8,uint8)", "bytes"],
            words(1, 0, 64) + bytes(64),
            ((1, 0), bytes(64)),
            id="a pointer to itself after a tuple",
        ),
        pytest.param(
            ["uint8[2][2]", "bytes"],
            words(1, 1, 1, 0, 96),
            (((1, 1), (1, 0)), b""),
            id="a pointer into nested arrays",
        ),
    ],
)
def test_what_eth_abi_lets_pass_passes(
    types: list[str], data: bytes, values: tuple[object, ...]
) -> None:
    assert slow_decode(types, data) == values
    assert decode_values(types, [data]) == ([values], [None])


@pytest.mark.parametrize(
    ("levels", "fan"),
    [
        pytest.param(4, 100, id="10^8 values from 13 kB"),
        pytest.param(12, 30, id="5 * 10^17 values from 12 kB"),
        pytest.param(2, 4000, id="1.6 * 10^7 values from 256 kB"),
    ],
)
def test_pointers_that_share_their_target_cannot_grow_without_bound(levels: int, fan: int) -> None:
    kind = "uint256" + "[]" * levels
    began = time.monotonic()
    decoded, reasons = decode_values([kind], [alias_bomb(levels, fan), words(32, 0)])
    assert time.monotonic() - began < 5
    assert decoded == [None, ((),)]
    assert f"more than {MAX_GROWTH} times as large as the data" in str(reasons[0])


def test_bytes_that_many_pointers_share_count_each_time() -> None:
    data = words(32, 3000, *[32 * 3000] * 3000) + words(100_000) + bytes(100_000)
    _, reasons = decode_values(["bytes[]"], [data])
    assert f"more than {MAX_GROWTH} times as large as the data" in str(reasons[0])


def test_moderate_sharing_decodes() -> None:
    data = alias_bomb(3, 3)
    assert decode_values(["uint256[][][]"], [data])[0] == [slow_decode(["uint256[][][]"], data)]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param("uint256[]", words(32, 1 << 40), id="2^40 items"),
        pytest.param("uint256[4096][]", words(32, 1 << 30), id="2^30 items of 128 kB"),
        pytest.param("uint256[4294967296]", words(1), id="a type larger than any block"),
        pytest.param("bytes[4294967296]", words(32, 5), id="2^32 pointers"),
        pytest.param("(uint256[1000000])[]", words(32, 1), id="one item of 32 MB"),
    ],
)
def test_claims_of_many_items_take_no_memory(kind: str, data: bytes) -> None:
    began = time.monotonic()
    decoded, _ = decode_values([kind], [data] * 1000)
    assert time.monotonic() - began < 5
    assert decoded == [None] * 1000
