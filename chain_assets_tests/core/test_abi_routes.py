"""The compiled and the plain route: the same tables, and both as eth_abi has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.abi.argument_tables import ArgumentTable
from chain_assets.core.abi.calls import decode_call_columns, decode_calls
from chain_assets.core.abi.events import decode_event_columns, decode_events
from chain_assets.core.abi.registry import build_registry
from chain_assets.core.abi.routes import Route, default_route
from chain_assets.core.abi.signatures import Event, event_from_text, function_from_text
from chain_assets_tests.core.abi_cases import alias_bomb, log_table, words
from chain_assets_tests.core.abi_routes import ROUTES, assert_routes_agree
from chain_assets_tests.core.abi_rows import (
    random_calls,
    random_logs,
    random_registry,
    slow_call,
    slow_log,
)

EMPTY = {"l": [], "b": "0x"}


@pytest.fixture(autouse=True)
def _both_routes() -> None:
    pytest.importorskip("numba", reason="the compiled route needs numba")


@pytest.mark.parametrize("seed", range(12))
def test_generated_logs_decode_as_eth_abi_decodes_them_by_both_routes(seed: int) -> None:
    random = Random(seed)
    registry = random_registry(random)
    logs = random_logs(random, registry, 300)
    table = log_table(logs)
    assert_routes_agree(decode_events, decode_event_columns, table, registry)
    rows = decode_events(table, registry, route="compiled").to_pylist()
    expected = [slow_log(registry, log) for log in logs]
    assert [(row["signature"], document(row)) for row in rows] == expected
    # Both kinds must be common, or the comparison would say little.
    assert 40 < sum(signature is None for signature, _ in expected) < 260


@pytest.mark.parametrize("seed", range(12))
def test_generated_calls_decode_as_eth_abi_decodes_them_by_both_routes(seed: int) -> None:
    random = Random(seed)
    registry = random_registry(random)
    table = random_calls(random, registry, 300)
    assert_routes_agree(decode_calls, decode_call_columns, table, registry)
    rows = decode_calls(table, registry, route="compiled").to_pylist()
    expected = [slow_call(registry, one["input"], one["to_address"]) for one in table.to_pylist()]
    assert [(row["signature"], document(row)) for row in rows] == expected
    assert 40 < sum(signature is None for signature, _ in expected) < 260


def document(row: dict[str, Any]) -> Any:
    return None if row["args"] is None else orjson.loads(row["args"])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param("uint256[][][][]", alias_bomb(4, 100), id="10^8 values from 13 kB"),
        pytest.param("uint256[][][]", alias_bomb(3, 3), id="moderate sharing"),
        pytest.param("bytes[]", words(32, 300, *[9600] * 300, 9999) + bytes(10_016), id="bytes"),
        pytest.param("uint256[4096][]", words(32, 1 << 30), id="2^30 items of 128 kB"),
        pytest.param("bytes[4294967296]", words(32, 5), id="2^32 pointers"),
        pytest.param("bytes", words(32, (1 << 40) - 32), id="a terabyte"),
        pytest.param("string", words(32, 2) + "é".encode() + bytes(30), id="text beyond ASCII"),
    ],
)
def test_hostile_and_rare_rows_fare_alike(kind: str, data: bytes) -> None:
    event = event_from_text(f"E({kind} a)")
    table = log_table([([event.topic0], data)] * 3)
    assert_routes_agree(decode_events, decode_event_columns, table, build_registry([event]))


def test_kernels_escape_every_character_of_ascii_as_json_asks() -> None:
    event = event_from_text("E(string t, (string[] l, bytes b)[] p, uint256 indexed n, bool z)")
    values = [bytes(range(first, first + 16)).decode() for first in range(0, 128, 16)]
    rows = [(text, [([text, "", text], text.encode()), ([], b"")], True) for text in values]
    body = ["string", "(string[],bytes)[]", "bool"]
    table = log_table([([event.topic0, words(7)], encode(body, row)) for row in rows])
    registry = build_registry([event])
    assert_routes_agree(decode_events, decode_event_columns, table, registry)
    expected = [
        {"t": text, "p": [{"l": [text, "", text], "b": f"0x{text.encode().hex()}"}, EMPTY]}
        | {"n": "7", "z": True}
        for text in values
    ]
    documents = [document(row) for row in decode_events(table, registry).to_pylist()]
    assert documents == expected
    assert [list(one) for one in documents] == [["t", "p", "n", "z"]] * len(values)


def test_kernels_that_come_from_the_cache_give_what_new_ones_give(tmp_path: Path) -> None:
    # Numba has crashed on what it had cached itself: each process but the first runs that.
    code = (
        "from random import Random\n"
        "from chain_assets.core.abi.events import decode_events\n"
        "from chain_assets_tests.core.abi_cases import log_table\n"
        "from chain_assets_tests.core.abi_rows import random_logs, random_registry\n"
        "random = Random(7)\n"
        "registry = random_registry(random)\n"
        "table = log_table(random_logs(random, registry, 200))\n"
        "print(decode_events(table, registry, route='compiled').to_pylist())"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.curdir}
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [0, 0]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout) > 10_000


POWERS = st.integers(0, 256).flatmap(lambda bits: st.integers(-1, 1).map(lambda d: 2**bits + d))
TENS = st.integers(0, 77).flatmap(lambda digits: st.integers(-1, 1).map(lambda d: 10**digits + d))
GROUPS = st.integers(0, 2**64).map(lambda n: n * 10**19) | st.integers(0, 9).map(
    lambda n: n * 10**38 + 10**19
)


@given(
    st.lists(
        (st.integers(0, 2**256 - 1) | POWERS | TENS | GROUPS).map(lambda n: n % 2**256), min_size=1
    )
)
def test_kernels_write_integers_to_the_last_digit(values: list[int]) -> None:
    event = event_from_text("E(uint256 u, int256 i)")
    table = log_table([([event.topic0], words(value, value)) for value in values])
    args = decode_events(table, build_registry([event]), route="compiled")["args"].to_pylist()
    signed = [value - (1 << 256) if value >> 255 else value for value in values]
    assert args == [f'{{"u":"{u}","i":"{i}"}}' for u, i in zip(values, signed, strict=True)]


def arguments(event: Event, *rows: list[Any], route: Route) -> ArgumentTable:
    kinds = [one.type.canonical for one in event.parameters]
    table = log_table([([event.topic0], encode(kinds, row)) for row in rows])
    (found,) = decode_event_columns(table, build_registry([event]), route=route)
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_columns_have_the_types_that_are_promised(route: Route) -> None:
    event = event_from_text(
        "E(address a, bytes3 b, bool c, uint24 d, uint64 e, int64 f, uint72 g, int128 h,"
        " (bool x, uint8) t)"
    )
    row = ["0x" + "ab" * 20, b"abc", True, 5, 2**64 - 1, -(2**63), 2**71, -2, (False, 7)]
    found = arguments(event, row, route=route)
    assert found.arguments.to_pylist() == [
        {
            "a": b"\xab" * 20,
            "b": b"abc",
            "c": True,
            "d": 5,
            "e": 2**64 - 1,
            "f": -(2**63),
            "g": words(2**71),
            "h": words(-2),
            "t": {"x": False, "arg1": 7},
        }
    ]
    assert found.arguments.schema.field("a").type == pa.binary(20)


@pytest.mark.parametrize("route", ROUTES)
def test_dynamic_columns_are_lists_and_structs(route: Route) -> None:
    event = event_from_text("E(string s, bytes b, (uint8 n, bytes d)[] l, int8[2] p)")
    found = arguments(event, ["é", b"\1", [(1, b"x"), (2, b"")], [-1, 1]], route=route)
    assert found.arguments.to_pylist() == [
        {"s": "é", "b": b"\1", "l": [{"n": 1, "d": b"x"}, {"n": 2, "d": b""}], "p": [-1, 1]}
    ]


@pytest.mark.parametrize("route", ROUTES)
def test_columns_have_only_the_rows_that_decode(route: Route) -> None:
    event = event_from_text("E(bool a)")
    nothing = event_from_text("F()")
    logs = [([event.topic0], words(n)) for n in (1, 2, 0)] + [([nothing.topic0], b"")] * 2
    registry = build_registry([event, nothing])
    found = decode_event_columns(log_table(logs), registry, route=route)
    assert [(one.candidate, one.rows.tolist()) for one in found] == [
        (event, [0, 2]),
        (nothing, [3, 4]),
    ]
    assert found[0].arguments["a"].to_pylist() == [True, False]


@pytest.mark.parametrize("route", ROUTES)
def test_names_that_repeat_are_told_apart(route: Route) -> None:
    function = function_from_text("f(uint8 a, bool a, (uint8, address arg0) t)")
    data = function.selector + words(1, 1, 2, 3)
    table = pa.table({"input": [data], "to_address": [bytes(20)]})
    (args,) = decode_calls(table, build_registry([function]), route=route)["args"].to_pylist()
    text = f'{{"a":"1","a_1":true,"t":{{"arg0_1":"2","arg0":"0x{3:040x}"}}}}'
    assert args == text


def test_texts_too_long_for_one_array_come_in_several() -> None:
    # A name of a megabyte stands in the text of each row: three thousand rows are three gigabytes.
    event = event_from_text(f"E(bool {'a' * (1 << 20)})")
    table = log_table([([event.topic0], words(1))] * 1100)
    args = decode_events(table, build_registry([event]), route="compiled")["args"]
    assert args.num_chunks > 1
    assert args.null_count == 0


def test_without_numba_the_plain_route_decodes() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import pyarrow as pa\n"
        "from chain_assets.core.abi.calls import decode_calls\n"
        "from chain_assets.core.abi.registry import standard_registry\n"
        "calls = pa.table({'input': [bytes.fromhex('d0e30db0')], 'to_address': [bytes(20)]})\n"
        "print(decode_calls(calls, standard_registry())['function'].to_pylist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "['deposit']\n"
    assert default_route() == "compiled"
