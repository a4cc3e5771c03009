"""decode_blocks: whatever a block says, it is refused alone, soon, and with a short reason."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.json_documents import MAX_PAYLOAD_BYTES
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.json_readers import compact
from chain_assets_tests.core.sample_block import CHAIN, Json, sample_document

LONGEST_REASON = 400


def of_two(text: bytes) -> list[RawPayload]:
    """A sample block, and another one whose text is this."""
    return [compact(sample_document(4)), replace(compact(sample_document(5)), payload=text)]


def nested(path: tuple[Any, ...], opening: bytes, closing: bytes, depth: int) -> bytes:
    """A sample block's text with a value at `path` that is nested so deep."""
    document: Any = sample_document(5)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = "HERE"
    text: bytes = orjson.dumps(document)
    return text.replace(b'"HERE"', opening * depth + b"1" + closing * depth)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize(
    "path",
    [
        ("block", "hash"),
        ("block", "number"),
        ("block", "extraData"),
        ("block", "transactions", 0, "type"),
        ("receipts", 0, "root"),
        ("receipts", 0, "logs", 0, "transactionHash"),
    ],
    ids=str,
)
def test_a_value_that_is_nested_deep_refuses_its_block_alone(
    path: tuple[Any, ...], opening: bytes, closing: bytes
) -> None:
    for depth in (5, 250, *range(930, 1000), 1100):
        tables = decode_blocks(of_two(nested(path, opening, closing, depth)), chain=CHAIN)
        assert tables.blocks["number"].to_pylist() == [4]
        (error,) = tables.refused
        assert error.block == 5
        assert len(str(error)) < LONGEST_REASON


@pytest.mark.parametrize(
    "path",
    [
        ("block", "hash"),
        ("block", "number"),
        ("block", "extraData"),
        ("block", "gasUsed"),
        ("block", "transactions", 0, "value"),
        ("block", "transactions", 0, "accessList"),
        ("receipts", 0, "status"),
        ("receipts", 0, "logs", 0, "topics"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "value", ["0x" + "a" * 100_001, ["0x"] * 50_000, {"a" * 100_000: "b" * 100_000}], ids=type
)
def test_a_long_value_is_cut_in_the_reason(path: tuple[Any, ...], value: Any) -> None:
    document: Any = sample_document(5)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    (error,) = decode_blocks(of_two(orjson.dumps(document)), chain=CHAIN).refused
    assert error.block == 5
    assert len(str(error)) < LONGEST_REASON


def with_fields(number: int, **fields: Any) -> RawPayload:
    document: Json = sample_document(number)
    document["block"] |= fields
    return compact(document)


def with_many_logs(number: int) -> RawPayload:
    """A block of 800 logs with a bad one among them, which is found late."""
    document: Json = sample_document(number)
    logs = document["receipts"][1]["logs"]
    document["receipts"][1]["logs"] = [*logs * 400, {**logs[0], "data": "0x1"}]
    return compact(document)


def test_refused_blocks_are_told_of_in_the_order_of_their_payloads() -> None:
    bad: list[Json] = [{"gasUsed": None}, {}, {"transactions": None}, {"miner": "0x"}, {}]
    payloads = [with_fields(number, **fields) for number, fields in enumerate(bad, start=1)]
    for tables in (decode_blocks(payloads, chain=CHAIN), decode_strict(payloads, chain=CHAIN)):
        assert [error.block for error in tables.refused] == [1, 3, 4]
        assert tables.blocks["number"].to_pylist() == [2, 5]
        assert tables.unknown_fields == decode_strict([payloads[1]] * 2, chain=CHAIN).unknown_fields


def test_what_refused_blocks_cost_grows_with_their_number_only() -> None:
    def seconds(count: int) -> float:
        payloads = [with_many_logs(number) for number in range(1, count + 1)]
        start = time.process_time()
        assert len(decode_strict(payloads, chain=CHAIN).refused) == count
        return time.process_time() - start

    seconds(1)
    few, many = min(seconds(5) for _ in range(3)), min(seconds(40) for _ in range(2))
    assert many < 20 * few  # 8 times as many; with their square it would be 64


def test_a_payload_that_no_column_has_room_for_is_refused_before_it_is_read() -> None:
    # The system gives no memory to zeros that nobody looks at.
    tables = decode_blocks(of_two(bytes(MAX_PAYLOAD_BYTES + 1)), chain=CHAIN)
    assert tables.blocks["number"].to_pylist() == [4]
    assert "the payload has 1073741825 bytes, too many" in str(tables.refused[0])
