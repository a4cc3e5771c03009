"""Every log and call of the real blocks, decoded in columns and then one by one by eth_abi."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from chain_assets.core.abi.calls import decode_call_columns, decode_calls
from chain_assets.core.abi.events import decode_event_columns, decode_events
from chain_assets.core.abi.registry import Registry, build_registry, standard_registry
from chain_assets.core.abi.signatures import Event, event_from_text
from chain_assets_tests.core.abi_cases import log_table, slow_decode, slow_event, slow_json
from chain_assets_tests.core.abi_routes import assert_routes_agree
from chain_assets_tests.tools import missing_tool


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*/blocks*/*.json.gz")):
        yield json.loads(gzip.decompress(path.read_bytes()))


@pytest.fixture(scope="module")
def logs(real_blocks: Path) -> list[tuple[list[bytes], bytes]]:
    """Topics and data of every log."""
    return [
        ([bytes.fromhex(topic[2:]) for topic in log["topics"]], bytes.fromhex(log["data"][2:]))
        for document in documents(real_blocks)
        for receipt in document["receipts"] or []
        for log in receipt["logs"]
    ]


@pytest.fixture(scope="module")
def published_events(real_blocks: Path) -> list[Event]:
    """Thousands of events by their text, from a table that others made."""
    path = real_blocks.parent / "abi" / "otterscan_topic0.tsv.gz"
    if not path.is_file():
        missing_tool("the table of topics", f"{path} does not exist")
    with gzip.open(path, "rt") as lines:
        next(lines)
        rows = [line.rstrip("\n").split("\t") for line in lines]
    events = []
    for topic0, signature, texts in rows:
        # One signature may be declared in several ways, with other arguments indexed. Where the
        # table writes "tuple", it leaves out what is in it.
        for text in texts.split(";") if "tuple" not in texts else ():
            events.append(event_from_text(text, abi_source="published"))
            assert (f"0x{events[-1].topic0.hex()}", events[-1].signature) == (topic0, signature)
    return events


def slow_row(
    registry: Registry, topics: list[bytes], data: bytes
) -> tuple[str | None, dict[str, Any] | None]:
    """The signature and the arguments that the first fitting candidate gives, one log at a time."""
    for event in registry.events.get((topics[0], len(topics)), ()) if topics else ():
        document = slow_event(event, topics, data)
        if document is not None:
            return event.signature, document
    return None, None


def test_every_real_log_is_decoded_as_eth_abi_decodes_it(
    logs: list[tuple[list[bytes], bytes]], published_events: list[Event]
) -> None:
    standard = [one for found in standard_registry().events.values() for one in found]
    registry = build_registry([*standard, *published_events])
    rows = decode_events(log_table(logs), registry).to_pylist()
    assert len(rows) == len(logs)
    decoded = 0
    for row, (topics, data) in zip(rows, logs, strict=True):
        signature, document = slow_row(registry, topics, data)
        args = None if row["args"] is None else orjson.loads(row["args"])
        assert (row["signature"], args) == (signature, document)
        assert (row["status"] == "decoded") == (signature is not None) == (row["reason"] is None)
        decoded += signature is not None
    assert decoded > 0.8 * len(logs)


def test_both_routes_decode_every_real_log_alike(
    logs: list[tuple[list[bytes], bytes]], published_events: list[Event]
) -> None:
    pytest.importorskip("numba", reason="the compiled route needs numba")
    table, registry = log_table(logs), build_registry(published_events)
    assert_routes_agree(decode_events, decode_event_columns, table, registry)


def test_every_real_call_is_decoded_as_eth_abi_decodes_it(real_blocks: Path) -> None:
    transactions = [
        transaction
        for document in documents(real_blocks)
        for transaction in document["block"]["transactions"]
        if len(transaction["input"]) > 2
    ]
    inputs = [bytes.fromhex(one["input"][2:]) for one in transactions]
    receivers = [one["to"] and bytes.fromhex(one["to"][2:]) for one in transactions]
    table = pa.table(
        {"input": pa.array(inputs, pa.binary()), "to_address": pa.array(receivers, pa.binary())}
    )
    registry = standard_registry()
    assert_routes_agree(decode_calls, decode_call_columns, table, registry)
    rows = decode_calls(table, registry).to_pylist()
    decoded = 0
    for row, data, receiver in zip(rows, inputs, receivers, strict=True):
        candidates = registry.functions.get(data[:4], ()) if receiver else ()
        expected: tuple[str | None, Any] = (None, None)
        for function in candidates:
            values = slow_decode([one.type.canonical for one in function.parameters], data[4:])
            if values is not None:
                pairs = zip(function.parameters, values, strict=True)
                document = {one.name: slow_json(one.type, value) for one, value in pairs}
                expected = (function.signature, document)
                break
        args = None if row["args"] is None else orjson.loads(row["args"])
        assert (row["signature"], args) == expected
        decoded += expected[0] is not None
    assert decoded > 0.4 * len(inputs)
