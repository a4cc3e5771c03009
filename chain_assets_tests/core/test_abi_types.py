"""Types, events and functions from text and from ABI JSON."""

from __future__ import annotations

from typing import Any

import pytest

from chain_assets.core.abi.signatures import (
    event_from_json,
    event_from_text,
    function_from_json,
    function_from_text,
)
from chain_assets.core.abi.type_text import parse_type
from chain_assets.core.abi.types import type_from_json, unique_names
from chain_assets.core.errors import ReferenceFileError


@pytest.mark.parametrize(
    ("text", "canonical", "is_dynamic", "words"),
    [
        pytest.param("uint", "uint256", False, 1, id="alias of uint256"),
        pytest.param("int", "int256", False, 1, id="alias of int256"),
        pytest.param("byte", "bytes1", False, 1, id="alias of bytes1"),
        pytest.param("function", "function", False, 1, id="an external function"),
        pytest.param("bytes", "bytes", True, 1, id="bytes"),
        pytest.param("uint8[2][3]", "uint8[2][3]", False, 6, id="three arrays of two"),
        pytest.param("uint8[][3]", "uint8[][3]", True, 1, id="three arrays of any size"),
        pytest.param("(uint,bool[2])", "(uint256,bool[2])", False, 3, id="a static tuple"),
        pytest.param("(uint,string)[2]", "(uint256,string)[2]", True, 1, id="dynamic tuples"),
        pytest.param("tuple(uint256 a, (bool b) c)[]", "(uint256,(bool))[]", True, 1, id="names"),
    ],
)
def test_a_text_gives_the_type_that_it_spells(
    text: str, canonical: str, is_dynamic: bool, words: int
) -> None:
    parsed = parse_type(text)
    assert (parsed.canonical, parsed.is_dynamic, parsed.words) == (canonical, is_dynamic, words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uint7",
        "uint264",
        "uint0",
        "uint08",
        "int" + "9" * 5000,
        "bytes33",
        "bytes0",
        "fixed128x81",
        "address8",
        "Foo",
        "uint256[0]",
        "uint256[-1]",
        "uint256[",
        "uint256]",
        "uint256[4294967297]",
        "bytes[99999999999999]",
        "uint256[" + "9" * 5000 + "]",
        "uint256[65536][65536][65536]",
        "()",
        "(uint256,)",
        "(uint256",
        "uint256)",
        "uint256 name",
        "uint256" + "[]" * 40,
        "(" * 2000 + "uint256" + ")" * 2000,
    ],
)
def test_a_text_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ReferenceFileError):
        parse_type(text)


def test_json_components_give_the_same_tree_as_text() -> None:
    entry = {
        "name": "orders",
        "type": "tuple[2][]",
        "components": [
            {"name": "token", "type": "address"},
            {"name": "", "type": "tuple", "components": [{"name": "v", "type": "uint8[]"}]},
        ],
    }
    assert type_from_json(entry) == parse_type("(address token, (uint8[] v))[2][]")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({}, id="no type"),
        pytest.param({"type": 7}, id="type that is no text"),
        pytest.param({"type": "tuple"}, id="tuple without components"),
        pytest.param({"type": "tuple[]", "components": []}, id="tuple of nothing"),
        pytest.param({"type": "tuple", "components": ["uint8"]}, id="component of no object"),
        pytest.param({"type": "tuple", "components": [{"type": "uint8", "name": 1}]}, id="name"),
        pytest.param({"type": "enum Foo.Bar"}, id="a type of a library"),
    ],
)
def test_json_that_is_no_parameter_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ReferenceFileError):
        type_from_json(entry)


def test_json_nested_without_end_is_refused() -> None:
    entry: dict[str, Any] = {"name": "x", "type": "uint8"}
    for _ in range(900):
        entry = {"name": "x", "type": "tuple", "components": [entry]}
    with pytest.raises(ReferenceFileError, match="nested"):
        type_from_json(entry)


def test_an_event_reads_the_same_from_text_and_from_json() -> None:
    text = "event Transfer(address indexed from, address indexed to, uint256 value)"
    inputs = [
        {"name": "from", "type": "address", "indexed": True},
        {"name": "to", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ]
    event = event_from_text(text)
    assert event == event_from_json({"type": "event", "name": "Transfer", "inputs": inputs})
    assert event.signature == "Transfer(address,address,uint256)"
    assert event.topic0.hex().startswith("ddf252ad")
    assert [one.name for one in event.indexed] == ["from", "to"]
    assert [one.name for one in event.body] == ["value"]
    assert event.topic_count == 3


def test_a_function_reads_the_same_from_text_and_from_json() -> None:
    text = "function swap((address token, uint256 amount)[] calldata _x, bytes) returns (bool)"
    item = [{"name": "token", "type": "address"}, {"name": "amount", "type": "uint256"}]
    inputs = [{"name": "_x", "type": "tuple[]", "components": item}, {"name": "", "type": "bytes"}]
    function = function_from_text(text)
    assert function == function_from_json({"name": "swap", "inputs": inputs})
    assert function.signature == "swap((address,uint256)[],bytes)"


def test_a_selector_is_the_beginning_of_the_hash() -> None:
    assert function_from_text("transfer(address to, uint256 value)").selector.hex() == "a9059cbb"


@pytest.mark.parametrize(
    "text",
    ["Transfer", "Transfer(address", "Transfer(address from to)", "Transfer(address) surprise"],
)
def test_a_text_that_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ReferenceFileError):
        event_from_text(text)


def test_four_indexed_arguments_fit_only_an_anonymous_event() -> None:
    text = "E(uint8 indexed a, uint8 indexed b, uint8 indexed c, uint8 indexed d)"
    assert event_from_text(f"{text} anonymous").topic_count == 4
    with pytest.raises(ReferenceFileError, match="indexed"):
        event_from_text(text)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["from", "to"], ["from", "to"], id="names that differ"),
        pytest.param(["", "x", ""], ["arg0", "x", "arg2"], id="no name"),
        pytest.param(["x", "x", "x"], ["x", "x_1", "x_2"], id="the same name"),
        pytest.param(["x", "x", "x_1"], ["x", "x_2", "x_1"], id="a suffix that is taken"),
        pytest.param(["arg1", ""], ["arg1", "arg1_1"], id="a name like a stand-in"),
    ],
)
def test_no_key_repeats(names: list[str], expected: list[str]) -> None:
    assert list(unique_names(names)) == expected
