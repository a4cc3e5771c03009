"""`decode_events` and `decode_calls`: one row for each row, with its values or its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.abi.calls import decode_calls
from chain_assets.core.abi.columns import BATCH_BYTES
from chain_assets.core.abi.events import decode_events
from chain_assets.core.abi.registry import build_registry, standard_registry
from chain_assets.core.abi.signatures import event_from_text, function_from_text
from chain_assets_tests.core.abi_cases import log_table, words

TRANSFER = event_from_text("Transfer(address,address,uint256)").topic0
ALICE, BOB = 0xA11CE, 0xB0B
ALICE_TEXT, BOB_TEXT = f"0x{ALICE:040x}", f"0x{BOB:040x}"


def events(*logs: tuple[Sequence[bytes], bytes]) -> list[dict[str, Any]]:
    """The rows that the standard registry decodes from `logs`."""
    return list(decode_events(log_table(logs), standard_registry()).to_pylist())


def test_a_decoded_log_has_all_columns() -> None:
    log = ([TRANSFER, words(ALICE), words(BOB)], words(10**30))
    assert events(log) == [
        {
            "event": "Transfer",
            "signature": "Transfer(address,address,uint256)",
            "args": f'{{"from":"{ALICE_TEXT}","to":"{BOB_TEXT}","value":"1{"0" * 30}"}}',
            "status": "decoded",
            "reason": None,
            "abi_source": "erc20",
        }
    ]


@pytest.mark.parametrize(
    ("topics", "data", "reason"),
    [
        pytest.param([], b"", "no topics", id="no topics"),
        pytest.param([bytes(32)], b"", "unknown topic0", id="an event that nobody knows"),
        pytest.param(
            [event_from_text("Sync(uint112,uint112)").topic0, words(1)],
            words(1, 2),
            "topic0 known, but not with 2 topics",
            id="another number of topics",
        ),
        pytest.param(
            [TRANSFER, words(1 << 160), words(BOB)],
            words(1),
            "Transfer(address,address,uint256): argument from: its topic is not a valid address",
            id="dirty topic",
        ),
        pytest.param(
            [TRANSFER, words(ALICE), words(BOB)],
            words(1)[:31],
            "Transfer(address,address,uint256): arguments value: the data ends too early",
            id="short data",
        ),
        pytest.param(
            [TRANSFER[:31]], b"", "topics are not 32 bytes each without a gap", id="short topic"
        ),
    ],
)
def test_what_does_not_fit_is_undecoded_with_its_reason(
    topics: list[bytes], data: bytes, reason: str
) -> None:
    (row,) = events((topics, data))
    assert row == {
        "event": None,
        "signature": None,
        "args": None,
        "status": "undecoded",
        "reason": reason,
        "abi_source": None,
    }


def test_a_gap_between_topics_is_undecoded() -> None:
    table = log_table([([TRANSFER, words(ALICE), words(BOB)], words(1))])
    gap = table.set_column(1, "topic1", pa.array([None], pa.binary()))
    assert decode_events(gap, standard_registry())["reason"].to_pylist() == [
        "topics are not 32 bytes each without a gap"
    ]


def test_indexed_arguments_of_no_fixed_size_are_their_hashes() -> None:
    event = event_from_text("E(string indexed s, uint8[2] indexed a, (bool) indexed t, bytes b)")
    topics = [event.topic0, bytes(31) + b"\x01", bytes(31) + b"\x02", b"\xff" * 32]
    table = log_table([(topics, encode(["bytes"], [b"\xab"]))])
    (args,) = decode_events(table, build_registry([event]))["args"].to_pylist()
    assert orjson.loads(args) == {
        "s": f"0x{topics[1].hex()}",
        "a": f"0x{topics[2].hex()}",
        "t": f"0x{topics[3].hex()}",
        "b": "0xab",
    }


def test_the_first_candidate_that_decodes_a_row_wins_for_that_row() -> None:
    strict = event_from_text("E(address indexed a, uint256 b)", abi_source="strict")
    loose = event_from_text("E(address a, uint256 indexed b)", abi_source="loose")
    table = log_table(
        [
            ([strict.topic0, words(1)], words(1 << 200)),
            ([strict.topic0, words(1 << 200)], words(1)),
            ([strict.topic0, words(1 << 200)], words(1 << 200)),
            ([strict.topic0, words(5)], words(6)),
        ]
    )
    decoded = decode_events(table, build_registry([strict, loose]))
    assert decoded["abi_source"].to_pylist() == ["strict", "loose", None, "strict"]
    assert decoded["reason"].to_pylist()[2] == (
        "E(address,uint256): argument a: its topic is not a valid address; "
        "E(address,uint256): argument a: not a valid address"
    )


LOGS = st.sampled_from(
    [
        ([TRANSFER, words(ALICE), words(BOB)], words(1)),
        ([TRANSFER, words(ALICE), words(BOB), words(3)], b""),
        ([TRANSFER, words(ALICE), words(BOB)], b""),
        ([event_from_text("URI(string,uint256)").topic0, words(1)], words(32, 1) + b"u" * 32),
        ([event_from_text("URI(string,uint256)").topic0, words(1)], words(32, 0)),
        ([bytes(32)], b"x"),
        ([], b""),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LOGS, max_size=20), st.integers(0, 5), st.integers(1, 20))
def test_rows_keep_their_order_and_do_not_depend_on_each_other(
    logs: list[tuple[list[bytes], bytes]], start: int, count: int
) -> None:
    table = log_table(logs)
    whole = decode_events(table, standard_registry())
    assert whole.to_pylist() == [row for log in logs for row in events(log)]
    part = decode_events(table.slice(start, count), standard_registry())
    assert part.to_pylist() == whole.slice(start, count).to_pylist()
    halves = pa.concat_tables([table.slice(0, start), table.slice(start)])
    assert decode_events(halves, standard_registry()).to_pylist() == whole.to_pylist()


def test_rows_of_many_batches_come_back_in_order() -> None:
    blob = encode(["string"], ["s" * (BATCH_BYTES // 3)])
    uri = event_from_text("URI(string value, uint256 indexed id)").topic0
    table = log_table([([uri, words(index)], blob) for index in range(8)])
    args = decode_events(table, standard_registry())["args"].to_pylist()
    assert [orjson.loads(text)["id"] for text in args] == [str(index) for index in range(8)]


def calls(*inputs: bytes, to: bytes | None = bytes(20)) -> list[dict[str, Any]]:
    """The rows that the standard registry decodes from transactions to `to`."""
    columns = {
        "input": pa.array(inputs, pa.binary()),
        "to_address": pa.array([to] * len(inputs), pa.binary()),
    }
    return list(decode_calls(pa.table(columns), standard_registry()).to_pylist())


def test_a_decoded_call_has_all_columns() -> None:
    assert calls(bytes.fromhex("a9059cbb") + words(BOB, 2**256 - 1)) == [
        {
            "function": "transfer",
            "signature": "transfer(address,uint256)",
            "args": f'{{"to":"{BOB_TEXT}","value":"{2**256 - 1}"}}',
            "status": "decoded",
            "reason": None,
            "abi_source": "erc20",
        }
    ]


def test_a_call_without_arguments_is_an_empty_object() -> None:
    (row,) = calls(bytes.fromhex("d0e30db0"))
    assert (row["function"], row["args"]) == ("deposit", "{}")


@pytest.mark.parametrize(
    ("data", "to", "reason"),
    [
        pytest.param(b"\x60\x80\x60\x40\x52", None, "contract creation", id="a creation"),
        pytest.param(b"\xa9\x05\x9c", bytes(20), "shorter than a selector", id="three bytes"),
        pytest.param(b"\xff\xff\xff\xfe", bytes(20), "unknown selector", id="unknown"),
        pytest.param(
            bytes.fromhex("a9059cbb") + words(1 << 160, 1),
            bytes(20),
            "transfer(address,uint256): argument to: not a valid address",
            id="dirty address",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_undecoded_with_its_reason(
    data: bytes, to: bytes | None, reason: str
) -> None:
    (row,) = calls(data, to=to)
    assert reason in row["reason"]
    assert row["status"] == "undecoded"
    assert [row[name] for name in ("function", "signature", "args", "abi_source")] == [None] * 4


def test_signatures_with_the_same_selector_are_all_tried() -> None:
    # These two are a well-known pair of functions whose hashes begin alike.
    burn = function_from_text("burn(uint256 amount)")
    collide = function_from_text("collate_propagate_storage(bytes16 proof)")
    assert burn.selector == collide.selector
    registry = build_registry([collide, burn])
    inputs = [burn.selector + words(7), burn.selector + words(7 << 128)]
    table = pa.table(
        {"input": pa.array(inputs), "to_address": pa.array([bytes(20)] * 2, pa.binary())}
    )
    assert decode_calls(table, registry)["function"].to_pylist() == [
        "burn",
        "collate_propagate_storage",
    ]


def test_empty_tables_give_empty_tables() -> None:
    assert events() == []
    assert calls() == []
